//! Damaged and hostile input, and input that is not an event: it is rejected with a reason or repaired, and
//! never causes a panic.

use std::fs;
use std::path::{Path, PathBuf};

use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::json::split::parse_many;
use flowtrigger_testing::{expected, repository};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The `.json` files of a folder of cases.
fn cases(folder: &str) -> Vec<PathBuf> {
    let files = repository::files_ending(repository::path("tests/cases").join(folder), "json");
    assert!(!files.is_empty(), "{folder}");
    files
}

fn sample(path: &str) -> Value {
    let bytes = fs::read(repository::path("examples/events").join(path)).expect(path);
    parse(&bytes).expect(path).value
}

/// Compares with the file beside the case.
#[track_caller]
fn expect_beside(case: &Path, actual: &str) {
    let file = case.with_extension("expected");
    let difference = expected::difference(&file, &format!("{actual}\n"));
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

#[test]
fn hostile_json_is_repaired_or_rejected_with_its_position() {
    for case in cases("json") {
        let got = match parse(&fs::read(&case).unwrap()) {
            Ok(accepted) => {
                let mut lines = vec![format!("accepted: {}", accepted.value)];
                lines.extend(accepted.repairs);
                lines.join("\n")
            }
            Err(refused) => format!("refused: {refused}"),
        };
        expect_beside(&case, &got);
    }
}

#[test]
fn what_is_not_an_event_is_rejected_with_a_reason() {
    for case in cases("not-events") {
        let value = parse(&fs::read(&case).unwrap()).unwrap().value;
        let got = match decode(value, Catalogue::built_in()) {
            Ok(event) => format!("an event of type {}", event.event_type),
            Err(refused) => match refused.help {
                Some(help) => format!("{}\nhelp: {help}", refused.message),
                None => refused.message,
            },
        };
        expect_beside(&case, &got);
    }
}

#[test]
fn a_large_event_is_accepted() {
    let mut large = sample("zis/comment-added.json");
    large["input"]["ticket_event"]["comment"]["body"] = json!("ab \"é\" \n".repeat(300_000));
    let read = parse(large.to_string().as_bytes()).unwrap();
    assert_eq!(read.value, large);
    assert!(decode(read.value, Catalogue::built_in()).is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9]{0,22}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-z_\\u{e9}\"]{0,6}", inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Replaces one leaf or object of a document, picked by a number.
fn replaced(mut document: Value, pick: usize, with: Value) -> Value {
    let mut pointers = vec![String::new()];
    pointers_of(&document, "", &mut pointers);
    let pointer = pointers[pick % pointers.len()].clone();
    *document.pointer_mut(&pointer).unwrap() = with;
    document
}

fn pointers_of(value: &Value, above: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(n, v)| (n.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (step, value) in below {
        let pointer = format!("{above}/{step}");
        found.push(pointer.clone());
        pointers_of(value, &pointer, found);
    }
}

proptest! {
    #[test]
    fn valid_json_is_read_as_by_serde_json(value in any_json()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let wanted: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(parse(text.as_bytes()).unwrap().value, wanted);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        prop_assert!(!parse_many(&bytes).is_empty());
    }

    #[test]
    fn text_that_is_almost_json_never_panics(
        text in r#"([{}\[\]:,"\\ \n01e.-]|\\u[dD][89cCaA-]3[dD]|true|null|"a"|é){0,40}"#
    ) {
        let strict: Result<Value, _> = serde_json::from_str(&text);
        match (parse(text.as_bytes()), strict) {
            (Ok(read), Ok(wanted)) => prop_assert_eq!(read.value, wanted),
            (Ok(read), Err(_)) => prop_assert!(!read.repairs.is_empty(), "{}", text),
            (Err(refused), Ok(_)) => prop_assert!(refused.reason.starts_with("duplicate key")),
            (Err(_), Err(_)) => {}
        }
        prop_assert!(!parse_many(text.as_bytes()).is_empty());
    }

    #[test]
    fn a_damaged_sample_never_panics(pick in any::<usize>(), file in 0..6_usize, with in any_json()) {
        let path = [
            "zis/custom-field-changed-lookup.json",
            "zis/user-role-changed.json",
            "webhook/custom-field-changed.json",
            "webhook/attachment-linked-to-comment.json",
            "eventbridge/comment-added.json",
            "upmind/client-posted.json",
        ][file];
        let damaged = replaced(sample(path), pick, with);
        if let Ok(event) = decode(damaged, Catalogue::built_in()) {
            prop_assert!(event.body.is_object());
            prop_assert!(!event.id.is_empty());
        }
    }
}
