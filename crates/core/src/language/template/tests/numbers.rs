//! Every number of an event arrives in a forwarded body as it was received.

use proptest::prelude::*;

use super::*;
use crate::event::format::custom::{CustomFormat, ValueLocations};
use crate::event::format::{FormatHint, head};
use crate::event::json::content_hash::fingerprint;
use crate::event::json::parse::parse;
use crate::event::json::tape::Tape;
use crate::event::json::value_ref::ValueRef;
use crate::number::compare_numbers;

/// JSON numbers of every form, also longer than 64 bits and beyond the range of doubles.
fn numbers() -> impl Strategy<Value = String> {
    let whole = "-?(0|[1-9][0-9]{0,40})";
    let fraction = "(\\.[0-9]{1,30})?";
    let exponent = "([eE][+-]?[0-9]{1,3})?";
    proptest::string::string_regex(&format!("{whole}{fraction}{exponent}")).expect("a pattern")
}

/// The bodies that a rule sends of the number `n` of an event.
fn forwarded(event: &Event) -> Vec<String> {
    let yaml = "text: { field: '{{ n }}', or: '{{ n | default(0) }}', in: '{{ [n] }}', whole: '{{ body.o }}', body: '{{ body }}', first: '{{ [n] | first }}', json: '{{ body.o | tojson }}', text: 'x{{ n }}' }\n";
    let (tree, diagnostics) = lower(yaml, JsonTemplate::lower);
    let tree = tree.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let body = scoped(event, |scope| tree.render(scope))
        .expect("a body")
        .redacted();
    let texts = [
        &body["field"],
        &body["or"],
        &body["in"][0],
        &body["whole"]["n"],
        &body["body"]["n"],
        &body["first"],
    ]
    .map(Json::to_string);
    let written = body["text"]
        .as_str()
        .and_then(|text| text.strip_prefix('x'))
        .expect("text");
    let json = body["json"]
        .as_str()
        .and_then(|text| text.strip_prefix("{\"n\":"));
    let json = json
        .and_then(|text| text.strip_suffix('}'))
        .expect("an object");
    let written = [written, json].map(str::to_owned);
    texts.into_iter().chain(written).collect()
}

#[test]
fn a_number_that_keeps_its_digits_is_still_a_number() {
    let fields = "{\"n\":1.10,\"z\":0.00}";
    let value = parse(fields.as_bytes()).expect("JSON").value;
    for (text, expected) in [
        ("{% if z %}yes{% else %}no{% endif %}", "no"),
        ("{{ z | default('none', true) }}", "none"),
        ("{{ '%.2f' | format(n) }}", "1.10"),
        ("{{ n + 1 }}", "2.1"),
        ("{{ n | round(1) }}", "1.1"),
        ("{{ n }}", "1.10"),
    ] {
        assert_eq!(filters::with(value.clone(), text), expected, "{text}");
    }
}

#[test]
fn long_numbers_are_forwarded_with_all_their_digits() {
    for text in [
        "7615917337495251231",
        "12345678901234567.89",
        "37.807807921694092",
        "19.990000000000002",
        "123456789012345678901234567890",
        "-98765432109876543210987654321098765432109876543210",
        "0.1000000000000000000000001",
        "1.10",
        "2.50",
        "1e+5",
        "0.00",
    ] {
        let value = parse(format!("{{\"n\":{text},\"o\":{{\"n\":{text}}}}}").as_bytes())
            .expect("JSON")
            .value;
        assert_eq!(forwarded(&event(value)), [text; 8]);
    }
}

#[test]
fn a_template_that_calculates_gets_a_number() {
    let event = event(
        parse(br#"{"n":0.1000000000000000000000001}"#)
            .expect("JSON")
            .value,
    );
    let (tree, _) = lower("text: '{{ n + 1 }}'\n", JsonTemplate::lower);
    let result = scoped(&event, |scope| tree.expect("a template").render(scope));
    assert_eq!(result.expect("a number").redacted(), json!(1.1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_forwarded_unchanged(text in numbers()) {
        let received = parse(format!("{{\"n\":{text},\"o\":{{\"n\":{text}}}}}").as_bytes()).expect("JSON").value;
        let number = received["n"].as_number().expect("a number").clone();
        for sent in forwarded(&event(received)) {
            let sent: serde_json::Number = serde_json::from_str(&sent).expect("a number");
            prop_assert!(compare_numbers(&sent, &number).is_eq(), "{text} was sent as {sent}");
            // Without an exponent a number has as many digits as it had.
            if !text.contains(['e', 'E', '.']) {
                prop_assert_eq!(sent.to_string(), text.clone());
            }
        }
    }

    #[test]
    fn different_numbers_make_different_events(a in numbers(), b in numbers()) {
        let id = |text: &str| {
            let value = parse(format!("{{\"n\":{text}}}").as_bytes()).expect("JSON").value;
            fingerprint(ValueRef::Built(&value))
        };
        prop_assert_eq!(id(&a), id(&a));
        if a.replace(['+', 'e', 'E'], "") != b.replace(['+', 'e', 'E'], "") {
            prop_assert_ne!(id(&a), id(&b));
        }
    }

    #[test]
    fn an_id_is_the_senders_number_by_tape_and_by_parser(text in "[1-9][0-9]{0,40}") {
        let bytes = format!("{{\"id\":{text}}}");
        let description = CustomFormat {
            name: "d".into(),
            source: "d".into(),
            event_type: ValueLocations::constant("t"),
            id: ValueLocations::path("id"),
            key: ValueLocations::default(),
            time: ValueLocations::default(),
            time_zone: None,
        };
        let hint = FormatHint::Custom(&description);
        let value = parse(bytes.as_bytes()).expect("JSON").value;
        let catalogue = Catalogue::built_in();
        let parsed = head(ValueRef::Built(&value), hint, catalogue).expect("an event").id();
        prop_assert_eq!(&parsed, &text);
        let mut tape = Tape::default();
        if let Some(scanned) = tape.scan(bytes.as_bytes()) {
            let taped = head(ValueRef::Taped(scanned.root()), hint, catalogue).expect("an event").id();
            prop_assert_eq!(taped, parsed);
        }
    }
}
