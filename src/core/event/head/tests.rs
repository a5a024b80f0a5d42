use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::decode::{Told, decode, head, read};
use super::super::json::accept;
use super::super::sample::{SAMPLES, Sample};
use super::super::tape::Tape;
use super::super::user_described::{Description, TypeFrom};
use super::*;

/// Whatever is read from the tape is what is read from the built value, refusals too.
fn both_agree(text: &str, told: Told<'_>) {
    let catalogue = Catalogue::built_in();
    let mut tape = Tape::default();
    let Some(scanned) = tape.scan(text.as_bytes()) else {
        return;
    };
    let taped = head(Datum::Taped(scanned.root()), told, catalogue);
    let taped = taped.map(|head| head.event(catalogue));
    let built = read(accept(text.as_bytes()).unwrap().value, told, catalogue);
    assert_eq!(taped, built, "{text}");
}

fn description() -> Description {
    Description {
        name: "crm".into(),
        source: "crm".into(),
        event_type: TypeFrom::Path("type".into()),
        id: Some("id".into()),
        key: Some("detail.id".into()),
        time: Some("time".into()),
    }
}

#[test]
fn every_sample_is_scanned_and_both_readers_agree() {
    for Sample { text, file, .. } in SAMPLES {
        let mut tape = Tape::default();
        assert!(tape.scan(text.as_bytes()).is_some(), "{file}");
        both_agree(text, Told::ByContent);
        both_agree(text, Told::Described(&description()));
    }
}

#[test]
fn an_event_from_the_tape_is_whole() {
    let text = SAMPLES[0].text;
    let catalogue = Catalogue::built_in();
    let mut tape = Tape::default();
    let scanned = tape.scan(text.as_bytes()).unwrap();
    let head = head(Datum::Taped(scanned.root()), Told::ByContent, catalogue).unwrap();
    let event = head.event(catalogue);
    assert_eq!(event.raw, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(event, decode(event.raw.clone(), catalogue).unwrap());
}

/// A value of every kind, to put where another stood.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("")),
        Just(json!("12")),
        Just(json!("zen:event-type:ticket.priority_changed")),
        Just(json!("Priority Changed")),
        Just(json!("2026-05-01T10:00:00Z")),
        Just(json!(-3)),
        Just(json!(1.5)),
        Just(json!([1, "2"])),
        Just(json!({"id": "5", "value": "X"})),
        Just(json!({})),
    ]
}

/// The pointers of everything in a value.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, below) in object {
                pointers(below, format!("{at}/{key}"), found);
            }
        }
        Value::Array(elements) => {
            for (n, below) in elements.iter().enumerate() {
                pointers(below, format!("{at}/{n}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_on_samples_that_were_changed(
        sample in 0..SAMPLES.len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), odd()), 1..3),
    ) {
        let mut value: Value = serde_json::from_str(SAMPLES[sample].text).unwrap();
        for (at, odd) in changes {
            let mut found = Vec::new();
            pointers(&value, String::new(), &mut found);
            let at = &found[at.index(found.len())];
            *value.pointer_mut(at).unwrap() = odd;
        }
        let text = value.to_string();
        both_agree(&text, Told::ByContent);
        both_agree(&text, Told::Described(&description()));
    }
}
