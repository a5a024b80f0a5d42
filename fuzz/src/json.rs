//! The door and the tape, for any bytes. They refuse no more than they must, and what they take they take
//! alike, as the JSON library does.

use flowtrigger_core::event::json::parse::accept;
use flowtrigger_core::event::json::split::accept_many;
use flowtrigger_core::event::json::tape::Tape;
use serde_json::Value;

/// The door takes what the JSON library takes, but for keys that stand twice; the tape never says
/// anything else than the door.
pub fn json(bytes: &[u8]) {
    let door = accept(bytes);
    let unmarked = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let strict: Result<Value, _> = serde_json::from_slice(unmarked);
    match (&door, &strict) {
        (Ok(read), Ok(wanted)) => assert_eq!(read.value.to_string(), wanted.to_string()),
        (Ok(read), Err(why)) => assert!(!read.repairs.is_empty(), "taken, and not JSON: {why}"),
        (Err(refused), Ok(_)) => assert!(
            refused.reason.starts_with("duplicate key"),
            "sound, and refused: {refused}"
        ),
        (Err(refused), Err(_)) => assert!(refused.line > 0 && refused.column > 0, "{refused}"),
    }
    if let Some(scanned) = Tape::default().scan(bytes) {
        let read = door.expect("what the tape takes, the door takes");
        assert_eq!(read.repairs, Vec::<String>::new());
        // As text: `-0.0 == 0.0`, and it is not the same.
        assert_eq!(scanned.root().value().to_string(), read.value.to_string());
    }
}

/// Several events in one input: each stands on a line that there is, and one event alone stays itself.
pub fn many(bytes: &[u8]) {
    let items = accept_many(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(!items.is_empty());
    let mut before = 1;
    for item in &items {
        assert!(
            (before..=lines).contains(&item.line),
            "{} of {lines}",
            item.line
        );
        before = item.line;
    }
    match accept(bytes) {
        Ok(read) => match read.value {
            Value::Array(elements) => assert_eq!(items.len(), elements.len().max(1)),
            value => {
                let only: Vec<_> = items.into_iter().map(|item| item.outcome).collect();
                let only = only.into_iter().collect::<Result<Vec<_>, _>>();
                let values = only.expect("taken").into_iter().map(|read| read.value);
                assert!(values.eq([value]));
            }
        },
        Err(_) => assert!(items.len() > 1 || items[0].outcome.is_err()),
    }
}
