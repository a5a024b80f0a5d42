//! Checks JSONPath section by section of RFC 9535, by the table `tests/cases/conformance/jsonpath.txt`.
//! `UPDATE_CASES=1` rewrites the results: read them against the RFC.

use std::borrow::Cow;

use flowtrigger_core::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_testing::{expected, repository};
use serde_json::Value;

/// What the path selects in the document, or its error.
fn result(query: &str, document: &Value) -> String {
    let path = match Path::in_document(query) {
        Ok(path) => path,
        Err(error) if error.message.contains("is not JSONPath") => return "error".to_owned(),
        // It is valid, but not supported here.
        Err(error) => {
            let help = error
                .help
                .map(|help| format!(" | {help}"))
                .unwrap_or_default();
            return format!("error: {}{help}", error.message);
        }
    };
    let sample = repository::read(repository::path(
        "examples/events/zis/priority-changed.json",
    ));
    let sample = serde_json::from_str(&sample).expect("JSON");
    let event = decode(sample, Catalogue::built_in()).expect("an event");
    let scope = Scope {
        document,
        ..Scope::new(&event, &Value::Null)
    };
    let selected = path.resolve(&scope).to_json().map(Cow::into_owned);
    selected.map_or("nothing".to_owned(), |value| value.to_string())
}

#[test]
fn every_section_of_the_rfc_holds_as_the_table_says() {
    let path = repository::path("tests/cases/conformance/jsonpath.txt");
    let table = repository::read(&path);
    let mut document = Value::Null;
    let mut actual = String::new();
    for line in table.lines() {
        if let Some(json) = line.strip_prefix("document ") {
            document = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        }
        match line.rsplit_once(" => ") {
            Some((query, _)) if line.starts_with(['$', 'a']) => {
                let query = query.split(" => ").next().unwrap_or(query);
                actual.push_str(&format!("{query} => {}\n", result(query, &document)));
            }
            Some(_) | None => actual.push_str(&format!("{line}\n")),
        }
    }
    if let Some(difference) = expected::difference(&path, &actual) {
        panic!("{difference}");
    }
}
