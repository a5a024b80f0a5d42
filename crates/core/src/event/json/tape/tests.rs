//! Tests of the tape against the parser: what the tape accepts, and that both read the same values.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::json::parse::parse;

/// The values that the tape and the parser read.
fn both(bytes: &[u8]) -> (Option<Value>, Option<Value>) {
    let mut tape = Tape::default();
    let scanned = tape.scan(bytes);
    let parsed = parse(bytes).ok().filter(|read| read.repairs.is_empty());
    (
        scanned.map(|scanned| scanned.root().value()),
        parsed.map(|read| read.value),
    )
}

/// Checks that the tape reads nothing or the same value as the parser.
fn agree(bytes: &[u8]) {
    let (scanned, parsed) = both(bytes);
    if let Some(scanned) = scanned {
        let text = String::from_utf8_lossy(bytes);
        // Compared as text, because `-0.0 == 0.0`.
        let parsed = parsed.map(|parsed| parsed.to_string());
        assert_eq!(Some(scanned.to_string()), parsed, "{text}");
    }
}

#[track_caller]
fn is_scanned(text: &str) {
    let (scanned, parsed) = both(text.as_bytes());
    assert!(scanned.is_some(), "not scanned: {text}");
    assert_eq!(scanned, parsed, "{text}");
}

#[track_caller]
fn is_not_scanned(text: &str) {
    assert_eq!(both(text.as_bytes()).0, None, "{text}");
}

#[test]
fn ordinary_texts_are_scanned() {
    for text in [
        "null",
        " true\n",
        "false",
        "0",
        "-1",
        "999999999999999999",
        "-999999999999999999",
        "0.5",
        "-12.250",
        "123456789012345678.25",
        r#""""#,
        r#""plain""#,
        r#""a longer text of many words, é and 😀""#,
        r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#,
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,[2,[]],{}]",
        r#"{"a":1,"b":{"a":2,"b":[{"a":3}]},"abcdefgh":4,"abcdefgh1":5,"abcdefgh2":6,"":7}"#,
        "\r\n\t {\"a\" :\t[ 1 , 2 ] , \"b\"\n: {} } \n",
    ] {
        is_scanned(text);
    }
}

#[test]
fn invalid_and_unusual_texts_are_not_scanned() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "truefalse",
        "01",
        "-",
        "-0",
        "+1",
        ".5",
        "1.",
        "1e5",
        "1E5",
        "18446744073709551616",
        "9223372036854775808.0",
        "1 2",
        "\"",
        "\"a",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1]",
        "[1}",
        "{\"a\":1,\"a\":2}",
        "{\"b\":{\"x\":[{\"c\":1}],\"y\":1},\"c\":1,\"b\":2}",
        "{\"\\u0061\":1}",
        "\u{feff}{}",
        "NaN",
        "{} x",
        "// no\n1",
    ] {
        is_not_scanned(text);
    }
}

#[test]
fn invalid_utf8_is_not_scanned() {
    let mut tape = Tape::default();
    assert!(tape.scan(b"\"\xff\"").is_none());
    assert!(tape.scan(b"\"\xed\xa0\x80\"").is_none());
}

#[test]
fn depth_is_limited_as_in_the_parser() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        is_scanned(&nested(127));
        is_not_scanned(&nested(128));
        is_not_scanned(&nested(100_000));
    }
}

#[test]
fn many_keys_and_equal_hashes_are_handled() {
    let object = |keys: &[String]| {
        let entries: Vec<String> = keys.iter().map(|key| format!("\"{key}\":1")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let mut keys: Vec<String> = (0..256).map(|n| format!("key{n}")).collect();
    is_scanned(&object(&keys));
    keys.push("one more".into());
    is_not_scanned(&object(&keys));
    // The same ends and length, so the same hash.
    let alike = ["prefixed-1-suffixed", "prefixed-2-suffixed"].map(String::from);
    assert_eq!(
        HashedKey::new(&alike[0]).hash,
        HashedKey::new(&alike[1]).hash
    );
    is_scanned(&object(&alike));
    is_not_scanned(&object(&[
        alike[0].clone(),
        alike[1].clone(),
        alike[0].clone(),
    ]));
}

#[test]
fn a_tape_can_be_reused() {
    let mut tape = Tape::default();
    assert!(tape.scan(br#"{"a":[1,{"b":2}"#).is_none());
    let scanned = tape.scan(br#"{"b":3}"#).unwrap();
    assert_eq!(scanned.root().value(), serde_json::json!({"b": 3}));
}

#[test]
fn a_large_tape_is_freed() {
    let mut tape = Tape::default();
    let large = format!("[{}1]", "1,".repeat(200_000));
    assert!(tape.scan(large.as_bytes()).is_some());
    assert!(tape.entries.capacity() > MAX_KEPT_ENTRIES);
    assert!(tape.scan(b"{}").is_some());
    assert!(tape.entries.capacity() <= MAX_KEPT_ENTRIES);
}

#[test]
fn values_are_found_by_key_and_position() {
    let mut tape = Tape::default();
    let text = r#"{"skip":{"deep":[1,2]},"list":["x",{"k":true},2.5],"name":"J\u00f6"}"#;
    let scanned = tape.scan(text.as_bytes()).unwrap();
    let root = scanned.root();
    assert_eq!(root.kind(), JsonKind::Object);
    let list = root.get("list").unwrap();
    let kinds: Vec<JsonKind> = list.elements().map(TapeValue::kind).collect();
    assert_eq!(kinds, [JsonKind::Text, JsonKind::Object, JsonKind::Number]);
    let inner = list.elements().nth(1).unwrap();
    assert_eq!(inner.get("k").and_then(TapeValue::bool), Some(true));
    assert_eq!(root.get("name").unwrap().text().as_deref(), Some("Jö"));
    assert!(root.get("deep").is_none() && list.get("k").is_none());
    assert_eq!(inner.elements().count() + root.elements().count(), 0);
}

/// What a tape reads that scanned other texts before.
fn read(tape: &mut Tape, text: &[u8]) -> Option<String> {
    let scanned = tape.scan(text)?;
    Some(scanned.root().value().to_string())
}

#[test]
fn a_key_that_was_seen_before_is_still_checked() {
    let mut tape = Tape::default();
    let objects = [
        r#"{"a":1,"b":{"a":2,"c":[{"a":3},{"b":4}]},"c":5}"#,
        r#"{"a":1,"b":{"a":2,"c":[{"b":3},{"a":4}]},"c":5,"d":6}"#,
        r#"{"b":1,"a":{"b":2}}"#,
        r#"{ "a" : 1 , "b" : { "a" : 2 } }"#,
        r#"{"a":1,"a_key_of_more_than_thirty_two_bytes":2,"b":3}"#,
    ];
    let repeated = [
        r#"{"a":1,"b":{"a":2},"a":3}"#,
        r#"{"a":1,"b":{"a":2,"c":[{"a":3,"a":4}]}}"#,
        r#"{"b":1,"a":{"b":2},"b":3}"#,
        r#"{"a":1,"a_key_of_more_than_thirty_two_bytes":2,"b":3,"a":4}"#,
        r#"{"a":1,"a_key_of_more_than_thirty_two_bytes":2,"a_key_of_more_than_thirty_two_bytes":3}"#,
    ];
    for _ in 0..3 {
        for text in objects {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                read(&mut tape, text.as_bytes()),
                Some(value.to_string()),
                "{text}"
            );
        }
        for text in repeated {
            assert_eq!(read(&mut tape, text.as_bytes()), None, "{text}");
        }
    }
}

#[test]
fn any_number_of_keys_is_scanned_again_and_again() {
    let mut tape = Tape::default();
    // More keys than are remembered, more than one place remembers, and as many as one object may have.
    for number in 0..6_000 {
        let text = format!(r#"{{"k{number}":{{"x":1}},"k":[{{"k{number}":2}}]}}"#);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read(&mut tape, text.as_bytes()), Some(value.to_string()));
        let twice = format!(r#"{{"k{number}":{{"x":1}},"k":2,"k{number}":3}}"#);
        assert_eq!(read(&mut tape, twice.as_bytes()), None);
    }
    for start in [0, 0, 1, 0, 2] {
        let keys = |count| (start..start + count).map(|n| format!("\"key{n}\":1"));
        let object = |count| format!("{{{}}}", keys(count).collect::<Vec<_>>().join(","));
        assert!(read(&mut tape, object(256).as_bytes()).is_some());
        assert_eq!(read(&mut tape, object(257).as_bytes()), None);
    }
}

fn value() -> impl Strategy<Value = String> {
    let text = "[ a-c\"\\\\/\u{0}-\u{1f}é😀]{0,12}";
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        "-?[0-9]{1,20}(\\.[0-9]{0,3})?(e[0-9]{1,3})?",
        text.prop_map(|text| Value::String(text).to_string()),
        "\"[ -~]{0,10}\"",
        "\"(\\\\u[0-9a-fD]{4}|[a-d]){0,4}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            "\"[a-b]{0,2}\"",
            "\"[a-z]{7,9}\"",
            Just("\"\\u0061\"".into())
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|parts| format!("[{}]", parts.join(","))),
            proptest::collection::vec((key, inner), 0..4).prop_map(|parts| {
                let parts: Vec<String> = parts.iter().map(|(k, v)| format!("{k} :{v}")).collect();
                format!("{{{}}}", parts.join(" ,\n"))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tape_agrees_with_the_parser(text in value()) {
        agree(text.as_bytes());
    }

    #[test]
    fn what_was_scanned_before_changes_nothing(
        texts in proptest::collection::vec((value(), any::<Option<proptest::sample::Index>>()), 1..8),
    ) {
        let mut tape = Tape::default();
        for (text, damage) in texts.iter().chain(&texts) {
            let mut bytes = text.clone().into_bytes();
            if let Some(at) = damage {
                let at = at.index(bytes.len());
                bytes.remove(at);
            }
            prop_assert_eq!(read(&mut tape, &bytes), read(&mut Tape::default(), &bytes));
        }
    }

    #[test]
    fn a_number_has_its_nearest_double(text in "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,20})?") {
        let mut tape = Tape::default();
        if let Some(scanned) = tape.scan(text.as_bytes()) {
            let double = scanned.root().double().map(f64::to_bits);
            prop_assert_eq!(double, text.parse::<f64>().ok().map(f64::to_bits));
        }
    }

    #[test]
    fn the_tape_agrees_with_the_parser_on_damaged_text(
        text in value(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.remove(at);
        } else {
            bytes[at] = byte;
        }
        agree(&bytes);
    }
}
