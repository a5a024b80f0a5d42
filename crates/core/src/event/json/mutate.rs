//! Mutated samples for tests that compare two readers.
//! Values are replaced with values of every kind, or removed.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// Values of every kind, and some that decoders look for.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("")),
        Just(json!("12")),
        Just(json!("HIGH")),
        Just(json!("zen:event-type:ticket.priority_changed")),
        Just(json!("Priority Changed")),
        Just(json!("2026-05-01T10:00:00Z")),
        Just(json!(-3)),
        Just(json!(1.5)),
        Just(json!([1, "2", {"id": 3}])),
        Just(json!({"id": "5", "value": "X", "0": 1})),
        Just(json!({})),
    ]
}

/// A sample with some values changed or removed, as text.
pub fn changed() -> impl Strategy<Value = String> {
    let change = (any::<Index>(), proptest::option::of(odd()));
    let changes = proptest::collection::vec(change, 0..4);
    (0..SAMPLES.len(), changes).prop_map(|(sample, changes)| {
        let mut value: Value = serde_json::from_str(SAMPLES[sample]).expect("a sample");
        for (at, odd) in changes {
            let mut paths = Vec::new();
            pointers(&value, String::new(), &mut paths);
            put(&mut value, &paths[at.index(paths.len())], odd);
        }
        value.to_string()
    })
}

fn put(value: &mut Value, at: &str, odd: Option<Value>) {
    match (odd, at.rsplit_once('/')) {
        (Some(odd), _) => *value.pointer_mut(at).expect("a path") = odd,
        (None, Some((above, key))) => {
            if let Some(Value::Object(object)) = value.pointer_mut(above) {
                object.remove(key);
            }
        }
        (None, None) => {}
    }
}

/// The JSON pointers of all values in a document.
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

macro_rules! files {
    ($($file:literal),+ $(,)?) => {
        &[$(include_str!(concat!("../../../../../examples/events/", $file, ".json"))),+]
    };
}

/// Samples of every format.
pub const SAMPLES: &[&str] = files!(
    "webhook/agent-assignment-changed",
    "webhook/attachment-linked-to-comment",
    "webhook/ccs-changed",
    "webhook/comment-added",
    "webhook/custom-field-changed-lookup",
    "webhook/custom-field-changed",
    "webhook/custom-status-changed",
    "webhook/priority-changed",
    "webhook/status-changed",
    "webhook/tags-changed",
    "webhook/ticket-created",
    "webhook/ticket-merged",
    "webhook/user-role-changed",
    "webhook/user-deleted",
    "webhook/organization-name-changed",
    "webhook/message-added",
    "webhook/article-published",
    "webhook/community-post-created",
    "webhook/agent-state-changed",
    "webhook/agent-unified-state-changed",
    "webhook/omnichannel-routing-feature-changed",
    "eventbridge/comment-added",
    "eventbridge/priority-changed",
    "upmind/client-deleted",
    "upmind/client-posted",
    "upmind/client-updated",
    "upmind/internal-note-updated",
    "upmind/internal-note-written",
    "upmind/lead-posted",
    "upmind/private-deleted",
    "upmind/private-posted-to-lead",
    "upmind/staff-replied",
    "upmind/staff-reply-updated",
    "upmind/user-deleted",
    "clock/tick",
    "json/monitoring",
    "json/zendesk-trigger",
    "zis/comment-added",
    "zis/attachment-linked-to-comment",
    "zis/ccs-changed",
    "zis/custom-field-changed-lookup",
    "zis/custom-field-changed-multiselect",
    "zis/custom-object-record-created",
    "zis/organization-tags-changed",
    "zis/priority-changed-from-none",
    "zis/status-changed",
    "zis/tags-changed",
    "zis/ticket-merged",
    "zis/user-role-changed",
);
