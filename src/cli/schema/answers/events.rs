//! The schema of `events --format json`: the list of event types, or one type in full.

use serde_json::{Value, json};

use super::{Keys, any, document, flag, list, part, text};

pub fn schema() -> Value {
    let field = Keys::new()
        .with("path", text("The path, as rules write it."))
        .with("type", text("The type of its value."))
        .may_have("only", text("The formats that have it, if not all do."))
        .object("A field.");
    let own_fields = json!({
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "The fields that only this type has, with their types.",
    });
    let parts = json!({
        "list": list(part("listed"), "All types, those of a family, or those of a source."),
        "listed": names().may_have("fields", own_fields).object("An event type."),
        "event_type": Keys::of_document()
            .and(names())
            .with("fields", list(field, "All fields that its rules can read."))
            .with("sample", any("A sample event; null if there is none."))
            .object("One event type."),
    });
    document(
        "The output of `flowtrigger events --format json`",
        &["list", "event_type"],
        parts,
    )
}

/// The names of a type.
fn names() -> Keys {
    let texts = |description: &str| list(text("A name."), description);
    Keys::new()
        .with("source", text("`event_source` in rules."))
        .with("name", text("`event_type` in rules."))
        .with("summary", text("When such an event happens."))
        .with(
            "open",
            flag("Whether its events may have fields that are not listed."),
        )
        .may_have("display", text("The name in the ZIS envelope."))
        .may_have("webhook", text("The name in event webhooks."))
        .may_have("codes", texts("The codes of hooks."))
        .may_have("groups", texts("The groups in which it is listed."))
}
