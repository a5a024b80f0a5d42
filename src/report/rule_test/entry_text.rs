//! Writes a rule test as an element of a list of tests, to paste into a file.

use serde_json::Value;

use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document;
use flowtrigger_core::document::writer;

/// The entry as an element of a list. An event that YAML would change, such as one whose numbers have more digits than
/// the writer keeps, is written as JSON on one line.
pub fn entry_text(entry: Value, notes: &mut Vec<String>) -> String {
    let list = Value::Array(vec![entry]);
    let text = writer::write(&list);
    if read_back(&text).as_ref() == Some(&list) {
        return text;
    }
    let mut rest = list.clone();
    let mut event = Value::Null;
    if let Some(entry) = rest[0].as_object_mut() {
        event = entry.shift_remove("event").unwrap_or_default();
    }
    let text = format!("{}  event: {event}\n", writer::write(&rest));
    let is_kept = read_back(&text).is_some_and(|read| read[0]["event"] == event);
    if !is_kept {
        notes.push("YAML cannot hold every value of this event as it was received".into());
    }
    text
}

fn read_back(text: &str) -> Option<Value> {
    let mut diagnostics = Diagnostics::default();
    let read = document::read(FileId::default(), text, &mut diagnostics);
    read.first().map(document::Node::to_json)
}
