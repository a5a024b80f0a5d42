//! An event as it was received. Events that matched no rule are stored with their text; of the others the JSON value is
//! stored, which has the same keys in the same order and the same digits.

use serde_json::Value;

use crate::report::input;
use crate::store::history::EventRecord;
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::path::redact::is_redacted;

/// The text that was received, as far as it is stored.
pub fn text(arrived: &EventRecord, config: &Config) -> String {
    match &arrived.raw_text {
        Some(text) if !is_redacted(&arrived.event) => text.to_string(),
        Some(_) | None => value(&arrived.event, None, config).to_string(),
    }
}

/// The JSON value that was received. For a redacted event, one that is read as the same event. For a test, `listening`
/// is the source that its rule listens to.
pub fn value(event: &Event, listening: Option<&str>, config: &Config) -> Value {
    if !is_redacted(event) {
        return event.raw.value().clone();
    }
    let mut document = event.document();
    if let Some(entries) = document.as_object_mut() {
        entries.shift_remove("raw");
    }
    match names_event(event, &document, listening, config) {
        true => document,
        false => event.body.clone(),
    }
}

/// The note for an event whose content alone does not tell the source.
pub fn unreadable(event: &Event, text: &str, config: &Config) -> Option<String> {
    let value = serde_json::from_str(text).unwrap_or(Value::Null);
    let endpoint = &event.endpoint;
    (!names_event(event, &value, None, config)).then(|| {
        format!(
            "its content does not say which source it is of: read it with `--source {endpoint}`"
        )
    })
}

/// Whether a JSON value is read as this event without the name of its source.
pub fn names_event(event: &Event, value: &Value, listening: Option<&str>, config: &Config) -> bool {
    input::from_value(value.clone(), listening, config).is_ok_and(|read| {
        (&read.source, &read.endpoint, &read.event_type)
            == (&event.source, &event.endpoint, &event.event_type)
    })
}
