//! Tests that decoding from a built value and from the tape gives the same events and errors.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::format::custom::{CustomFormat, ValueLocations};
use crate::event::format::{FormatHint, decode, head, read};
use crate::event::json::mutate;
use crate::event::json::mutate::SAMPLES;
use crate::event::json::parse::parse;
use crate::event::json::tape::Tape;

/// Checks that both readers return the same event or the same error.
fn both_agree(text: &str, format: FormatHint<'_>) {
    let catalogue = Catalogue::built_in();
    let mut tape = Tape::default();
    let Some(scanned) = tape.scan(text.as_bytes()) else {
        return;
    };
    let taped = head(ValueRef::Taped(scanned.root()), format, catalogue);
    let taped = taped.map(|head| head.event(catalogue));
    let built = read(parse(text.as_bytes()).unwrap().value, format, catalogue);
    assert_eq!(taped, built, "{text}");
}

fn description() -> CustomFormat {
    CustomFormat {
        name: "crm".into(),
        source: "crm".into(),
        event_type: ValueLocations::path("type"),
        id: ValueLocations::path("id"),
        key: ValueLocations::path("detail.id"),
        time: ValueLocations::path("time"),
        time_zone: None,
    }
}

#[test]
fn both_readers_agree_on_every_sample() {
    for text in SAMPLES {
        let mut tape = Tape::default();
        assert!(tape.scan(text.as_bytes()).is_some(), "{text}");
        both_agree(text, FormatHint::Detect);
        both_agree(text, FormatHint::Custom(&description()));
    }
}

#[test]
fn an_event_from_the_tape_is_complete() {
    let text = SAMPLES[0];
    let catalogue = Catalogue::built_in();
    let mut tape = Tape::default();
    let scanned = tape.scan(text.as_bytes()).unwrap();
    let head = head(
        ValueRef::Taped(scanned.root()),
        FormatHint::Detect,
        catalogue,
    )
    .unwrap();
    let event = head.event(catalogue);
    assert_eq!(event.raw, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(event, decode(event.raw.value().clone(), catalogue).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_on_changed_samples(text in mutate::changed()) {
        both_agree(&text, FormatHint::Detect);
        both_agree(&text, FormatHint::Custom(&description()));
    }
}
