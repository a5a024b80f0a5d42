//! Fuzzes the JSON parser and the tape with any bytes.
//! They accept the same texts as the JSON library, except duplicate keys, and read the same values.

use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::json::split::parse_many;
use flowtrigger_core::event::json::tape::Tape;
use serde_json::Value;

/// One JSON text.
pub fn json(bytes: &[u8]) {
    let parsed = parse(bytes);
    let unmarked = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let strict: Result<Value, _> = serde_json::from_slice(unmarked);
    match (&parsed, &strict) {
        (Ok(read), Ok(expected)) => assert_eq!(read.value.to_string(), expected.to_string()),
        (Ok(read), Err(why)) => assert!(
            !read.repairs.is_empty(),
            "accepted, but invalid JSON: {why}"
        ),
        (Err(error), Ok(_)) => assert!(
            error.reason.starts_with("duplicate key"),
            "valid, but rejected: {error}"
        ),
        (Err(error), Err(_)) => assert!(error.line > 0 && error.column > 0, "{error}"),
    }
    let mut tape = Tape::default();
    let first = scanned(&mut tape, bytes);
    if let Some(value) = &first {
        let read = parsed.expect("the parser accepts what the tape accepts");
        assert_eq!(read.repairs, Vec::<String>::new());
        assert_eq!(*value, read.value.to_string());
    }
    // What a tape scanned before changes nothing: a part of the text, and the text.
    for before in [bytes.len() / 2, bytes.len() / 3, 0] {
        let _ = tape.scan(&bytes[before..]);
        let _ = tape.scan(&bytes[..before]);
        assert_eq!(scanned(&mut tape, bytes), first);
    }
}

/// The value as text, because equality ignores the sign of zero.
fn scanned(tape: &mut Tape, bytes: &[u8]) -> Option<String> {
    tape.scan(bytes)
        .map(|scanned| scanned.root().value().to_string())
}

/// Several events in one input: the line of each exists, and a single event is unchanged.
pub fn many(bytes: &[u8]) {
    let items = parse_many(bytes);
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
    match parse(bytes) {
        Ok(read) => match read.value {
            Value::Array(elements) => assert_eq!(items.len(), elements.len().max(1)),
            value => {
                let only: Vec<_> = items.into_iter().map(|item| item.outcome).collect();
                let only = only.into_iter().collect::<Result<Vec<_>, _>>();
                let values = only.expect("accepted").into_iter().map(|read| read.value);
                assert!(values.eq([value]));
            }
        },
        Err(_) => assert!(items.len() > 1 || items[0].outcome.is_err()),
    }
}
