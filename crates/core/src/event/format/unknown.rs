//! Describes a document in no known format, and what it probably should have been.

use serde_json::Value;

use crate::event::format::DecodeError;
use crate::event::json::value_ref::ValueRef;

/// The error of a document that no decoder recognises.
pub(super) fn unknown_format(value: &Value) -> DecodeError {
    let Value::Object(object) = value else {
        return DecodeError::with_help(
            format!("this JSON is {}, expected an object", kind(value)),
            FORMATS,
        );
    };
    if let Some(input) = object.get("input") {
        return unknown_input(input);
    }
    if is_without_envelope(value) {
        return DecodeError::with_help(
            format!(
                "this JSON is {}: a ticket event without its envelope",
                described(value)
            ),
            "wrap it as `{\"input\": {\"ticket_event\": …}}`",
        )
        .without_text("the body is a ticket event without its envelope");
    }
    if object.contains_key("detail-type") {
        let message = "`detail` has no `ticket_event`, `user_event` or `organization_event`";
        return DecodeError::at("detail", message.to_owned());
    }
    DecodeError::with_help(
        format!("this JSON is {}: unknown format", described(value)),
        FORMATS,
    )
    .without_text("the body is an object in an unknown format")
}

fn kind(value: &Value) -> &'static str {
    ValueRef::Built(value).describe()
}

const FORMATS: &str = "known formats are the ZIS envelope (`input.ticket_event`), the Zendesk event webhook \
    (`type` starts with `zen:event-type:`), EventBridge (`detail.ticket_event`) and Upmind \
    (`hook_code`); describe any other format under `sources` in the configuration";

fn unknown_input(input: &Value) -> DecodeError {
    let mut error = DecodeError::at(
        "input",
        format!("`input` is {}: no known event in it", described(input)),
    );
    error.help = Some(
        "expected `input.ticket_event`, `input.user_event`, `input.organization_event` or \
         `input.custom_object_event`"
            .to_owned(),
    );
    error.without_text(format!("`input` is {}: no known event in it", kind(input)))
}

/// Whether a value is the inner object of a ZIS envelope.
fn is_without_envelope(value: &Value) -> bool {
    let event = value.get("ticket_event").unwrap_or(value);
    event.get("type").is_some_and(Value::is_string)
        && event.get("ticket").is_some_and(Value::is_object)
}

/// Describes a value, with the first keys of an object.
fn described(value: &Value) -> String {
    const MAX_SHOWN_KEYS: usize = 8;
    let Value::Object(object) = value else {
        return kind(value).to_owned();
    };
    if object.is_empty() {
        return "an empty object".to_owned();
    }
    let mut keys: Vec<String> = object
        .keys()
        .take(MAX_SHOWN_KEYS)
        .map(|key| short(key))
        .collect();
    if object.len() > MAX_SHOWN_KEYS {
        keys.push("…".to_owned());
    }
    format!("an object with keys {}", keys.join(", "))
}

fn short(key: &str) -> String {
    const MAX_KEY_CHARS: usize = 40;
    match key.char_indices().nth(MAX_KEY_CHARS) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}
