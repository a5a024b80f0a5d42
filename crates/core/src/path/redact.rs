//! Redacts the configured fields of a stored event, and finds which paths read them.
//! A redacted event loses its body as received, which holds the same values.

use serde_json::Value;

use crate::event::Event;
use crate::path::{Path, PathKind, PathSegment, Root};

/// Replaces a redacted value.
pub const REDACTED: &str = "[redacted]";

/// Returns the redacted event; `None` if it has none of these fields. Empty values are kept.
pub fn redacted(event: &Event, paths: &[Path]) -> Option<Event> {
    let held = paths.iter().filter(|path| holds(event, path));
    let held: Vec<&Path> = held.collect();
    if held.is_empty() {
        return None;
    }
    let mut kept = event.clone();
    for path in held {
        if let Some(value) = value_mut(&mut kept, path) {
            *value = REDACTED.into();
        }
    }
    kept.raw = Value::from(REDACTED).into();
    Some(kept)
}

/// Whether the event is redacted. A body as received is never just a text.
pub fn is_redacted(event: &Event) -> bool {
    event.raw.is_string(REDACTED)
}

/// Returns the dotted paths of redacted values.
pub fn redacted_paths(event: &Event) -> Vec<String> {
    let mut found = Vec::new();
    if is_redacted(event) {
        walk(&event.body, "", &mut found);
        walk(&event.envelope, "", &mut found);
    }
    found
}

/// Whether a path refers to a redacted value or to a parent of one, so that it is present.
pub fn contains_redacted(path: &Path, redacted: &[String]) -> bool {
    let dotted = path.dotted().unwrap_or_default();
    redacted.iter().any(|inner| is_within(inner, &dotted))
}

/// Whether a path reads a redacted value, a parent of one, or a former child of one.
pub fn reads_redacted(path: &Path, redacted: &[String]) -> bool {
    let PathKind::Plain { root, .. } = &path.route else {
        return true;
    };
    if *root == Root::Raw {
        return true;
    }
    let Some(dotted) = path.dotted() else {
        return false;
    };
    let mut redacted = redacted.iter();
    redacted.any(|other| is_within(other, &dotted) || is_within(&dotted, other))
}

fn is_within(inner: &str, outer: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The values that these fields have in the event, without empty ones.
pub fn values<'e>(event: &'e Event, paths: &[Path]) -> Vec<&'e Value> {
    paths
        .iter()
        .filter_map(|path| value_at(event, path))
        .collect()
}

fn holds(event: &Event, path: &Path) -> bool {
    value_at(event, path).is_some()
}

fn value_at<'e>(event: &'e Event, path: &Path) -> Option<&'e Value> {
    let PathKind::Plain { root, keys } = &path.route else {
        return None;
    };
    let start = match root.in_event(event, keys) {
        Root::Body => &event.body,
        Root::Envelope => &event.envelope,
        Root::Event
        | Root::Raw
        | Root::Vars
        | Root::Steps
        | Root::Error
        | Root::Local
        | Root::Document => return None,
    };
    let value = keys.iter().try_fold(start, |value, key| key.get(value));
    value.filter(|value| !is_empty(value))
}

/// Whether a value is empty. `null`, `""`, `[]` and `{}` contain no data, and `present` still works on them.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn value_mut<'e>(event: &'e mut Event, path: &Path) -> Option<&'e mut Value> {
    let PathKind::Plain { root, keys } = &path.route else {
        return None;
    };
    let start = match root.in_event(event, keys) {
        Root::Body => &mut event.body,
        Root::Envelope => &mut event.envelope,
        Root::Event
        | Root::Raw
        | Root::Vars
        | Root::Steps
        | Root::Error
        | Root::Local
        | Root::Document => return None,
    };
    keys.iter().try_fold(start, child_mut)
}

fn child_mut<'v>(value: &'v mut Value, key: &PathSegment) -> Option<&'v mut Value> {
    match value {
        Value::Object(map) => map.get_mut(&key.name),
        Value::Array(items) => items.get_mut(key.index?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
    let dot = if at.is_empty() { "" } else { "." };
    match value {
        Value::String(text) if text == REDACTED => found.push(at.to_owned()),
        Value::Object(map) => {
            for (key, below) in map {
                walk(below, &format!("{at}{dot}{key}"), found);
            }
        }
        Value::Array(items) => {
            for (n, below) in items.iter().enumerate() {
                walk(below, &format!("{at}{dot}{n}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::SAMPLES;
    use crate::event::format::decode;

    fn path(text: &str) -> Path {
        Path::parse(text).expect(text)
    }

    fn comment() -> Event {
        let sample = SAMPLES.iter().find(|s| s.name == "ticket.CommentAdded");
        let value = serde_json::from_str(sample.expect("a sample").text).expect("JSON");
        decode(value, Catalogue::built_in()).expect("an event")
    }

    #[test]
    fn the_value_is_removed_from_the_whole_event() {
        let event = comment();
        let text = event.body["comment"]["body"].as_str().expect("a text");
        let kept = redacted(&event, &[path("comment.body"), path("ticket.nothing")]);
        let kept = kept.expect("it holds one");
        assert!(!format!("{kept:?}").contains(&text[..8]));
        assert_eq!(kept.body["comment"]["body"], REDACTED);
        assert_eq!(kept.id, event.id);
        assert_eq!(redacted_paths(&kept), ["comment.body"]);
        assert!(is_redacted(&kept) && !is_redacted(&event));
        let again = redacted(&kept, &[path("comment.body")]).expect("it is there");
        assert_eq!(again, kept);
    }

    #[test]
    fn empty_and_absent_values_are_not_redacted() {
        let mut event = comment();
        assert!(redacted(&event, &[path("no.such.field")]).is_none());
        for empty in [json!(null), json!(""), json!([]), json!({})] {
            event.body["comment"]["body"] = empty;
            assert!(redacted(&event, &[path("comment.body")]).is_none());
        }
        event.body["ticket"]["tags"] = json!(["a", "b"]);
        let kept = redacted(&event, &[path("ticket.tags.1")]).expect("it is there");
        assert_eq!(kept.body["ticket"]["tags"], json!(["a", REDACTED]));
    }

    #[test]
    fn parents_and_children_of_a_redacted_value_read_it() {
        let redacted = ["comment.body".to_owned()];
        for (text, expected) in [
            ("comment.body", true),
            ("comment", true),
            ("comment.body.text", true),
            ("comment.body_html", false),
            ("ticket.id", false),
            ("vars.comment", false),
            ("$.raw.x", true),
            ("$..body", true),
        ] {
            assert_eq!(reads_redacted(&path(text), &redacted), expected, "{text}");
        }
    }
}
