//! Sets the value at a path of an event, for `--set path=value` and rule tests.
//! The body, the envelope and the event's time and key can change; time and key stay those of the body. A list
//! grows by at most one element.

use serde_json::{Map, Value};

use crate::event::Event;
use crate::event::format::custom::CustomFormat;
use crate::path::header_fields::{HeaderFields, key, refresh_header};
use crate::path::{Path, PathKind, PathSegment, Root};

/// Why a value cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("`{0}` can have several results; name a single field")]
    Many(String),
    #[error("`{0}` is not part of the event's body; set a field such as `ticket.priority`")]
    Elsewhere(String),
    #[error("`{path}` takes {expected}, found {found}")]
    WrongType {
        path: String,
        expected: &'static str,
        found: String,
    },
    #[error("`{path}` leads through {through}, which holds no fields")]
    Through { path: String, through: String },
}

/// Sets the value at a path of an event, and creates missing objects on the way.
pub fn set(event: &mut Event, path: &Path, value: Value) -> Result<(), SetError> {
    set_described(event, path, value, None)
}

/// The same for an event of a source of your own, whose description names the fields of time and key.
pub fn set_described(
    event: &mut Event,
    path: &Path,
    value: Value,
    description: Option<&CustomFormat>,
) -> Result<(), SetError> {
    let PathKind::Plain { root, keys } = &path.route else {
        return Err(SetError::Many(path.text.clone()));
    };
    let fields = HeaderFields::of(event, description);
    let through = |through| SetError::Through {
        path: path.text.clone(),
        through,
    };
    match root.in_event(event, keys) {
        Root::Body => put(&mut event.body, keys, value).map_err(through)?,
        Root::Envelope => put(&mut event.envelope, keys, value).map_err(through)?,
        Root::Event => return set_header(event, path, keys, value, &fields),
        Root::Raw | Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
            return Err(SetError::Elsewhere(path.text.clone()));
        }
    }
    fields.read_back(event);
    Ok(())
}

/// Sets the event's time or key, and the field of the body that it is read from.
fn set_header(
    event: &mut Event,
    path: &Path,
    keys: &[PathSegment],
    value: Value,
    fields: &HeaderFields,
) -> Result<(), SetError> {
    let name = keys.first().map(|key| key.name.as_str());
    let wrong = |expected| SetError::WrongType {
        path: path.text.clone(),
        expected,
        found: value.to_string(),
    };
    match name {
        Some("time") if value.is_null() || event.read_time(&value).is_some() => {
            event.time = event.read_time(&value);
        }
        Some("time") => return Err(wrong("a time, such as 2026-03-01T09:00:00Z")),
        Some("key") if value.is_null() || key(&value).is_some() => event.key = key(&value),
        Some("key") => return Err(wrong("text or a number")),
        _ => return Err(SetError::Elsewhere(path.text.clone())),
    }
    for field in fields.of_header(name.unwrap_or_default()) {
        let set = put(&mut event.body, field, value.clone());
        set.map_err(|through| SetError::Through {
            path: path.text.clone(),
            through,
        })?;
    }
    refresh_header(event);
    Ok(())
}

/// Sets a value below a value, and creates missing objects on the way. The error is what holds no fields.
pub fn put(target: &mut Value, keys: &[PathSegment], value: Value) -> Result<(), String> {
    let Some((key, rest)) = keys.split_first() else {
        *target = value;
        return Ok(());
    };
    if target.is_null() {
        *target = Value::Object(Map::new());
    }
    match target {
        Value::Object(map) => put(
            map.entry(key.name.clone()).or_insert(Value::Null),
            rest,
            value,
        ),
        Value::Array(items) => {
            let len = items.len();
            match key.index {
                Some(index) if index < len => put(&mut items[index], rest, value),
                Some(index) if index == len => {
                    items.push(Value::Null);
                    put(&mut items[index], rest, value)
                }
                _ => Err(format!("a list of {len} elements")),
            }
        }
        other => Err(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(path: &str, value: Value) -> Result<Value, String> {
        let mut body = json!({"ticket": {"tags": ["a"], "priority": "low", "via": null}});
        let path = Path::parse(path).expect("a path");
        let PathKind::Plain { keys, .. } = &path.route else {
            panic!("a plain path");
        };
        put(&mut body, keys, value).map(|()| body["ticket"].clone())
    }

    #[test]
    fn missing_objects_are_created() {
        let ticket = changed("ticket.via.channel", json!("web")).expect("set");
        assert_eq!(ticket["via"], json!({"channel": "web"}));
        let ticket = changed("ticket.tags.1", json!("b")).expect("set");
        assert_eq!(ticket["tags"], json!(["a", "b"]));
    }

    #[test]
    fn a_scalar_or_a_gap_on_the_way_is_an_error() {
        assert_eq!(
            changed("ticket.priority.x", json!(1)),
            Err("\"low\"".into())
        );
        assert_eq!(
            changed("ticket.tags.5", json!(1)),
            Err("a list of 1 elements".into())
        );
    }

    fn set_in(event: &Event, path: &str, value: Value) -> Result<Event, SetError> {
        let mut event = event.clone();
        let path = Path::parse(path).expect("a path");
        set(&mut event, &path, value).map(|()| event)
    }

    fn decoded(body: Value) -> Event {
        let catalogue = crate::event::catalogue::Catalogue::built_in();
        crate::event::format::decode(body, catalogue).expect("an event")
    }

    fn events() -> [(Event, &'static str, &'static str); 3] {
        let zis = json!({"input": {"ticket_event": {
            "type": "Ticket Created", "ticket": {"id": 7}, "meta": {"occurred_at": "2026-01-01T00:00:00Z"},
        }}});
        let webhook = json!({
            "type": "zen:event-type:ticket.created", "id": "x", "time": "2026-01-01T00:00:00Z",
            "detail": {"id": "7"}, "event": {},
        });
        let upmind = json!({
            "hook_code": "user_created_ticket_hook", "webhook_event_id": "e", "object_id": 7,
            "event_datetime": "2026-01-01 00:00:00", "object": {"ticket_id": 7},
        });
        [
            (decoded(zis), "meta.occurred_at", "ticket.id"),
            (decoded(webhook), "meta.occurred_at", "ticket.id"),
            (decoded(upmind), "event_datetime", "object.ticket_id"),
        ]
    }

    #[test]
    fn the_time_and_its_field_agree_whichever_is_set() {
        for (event, field, _) in events() {
            assert!(event.time.is_some(), "{}", event.format);
            let [by_field, by_header] = [field, "event.time"]
                .map(|path| set_in(&event, path, json!("2026-03-01T09:00:00Z")).expect("a time"));
            assert_eq!(by_field, by_header, "{}", event.format);
            assert_eq!(by_field.about["time"], "2026-03-01T09:00:00Z");
            assert_eq!(
                by_field.time.map(|time| time.to_string()).as_deref(),
                Some("2026-03-01T09:00:00Z")
            );
        }
    }

    #[test]
    fn the_key_and_its_field_agree_whichever_is_set() {
        for (event, _, field) in events() {
            assert_eq!(event.key.as_deref(), Some("7"), "{}", event.format);
            let [by_field, by_header] =
                [field, "event.key"].map(|path| set_in(&event, path, json!(9)).expect("a key"));
            assert_eq!(by_field, by_header, "{}", event.format);
            assert_eq!(by_field.about["key"], "9");
        }
    }

    #[test]
    fn what_is_no_time_and_what_the_sender_decides_cannot_be_set() {
        let (event, ..) = &events()[0];
        let error = |path, value| set_in(event, path, value).expect_err(path).to_string();
        assert!(error("event.time", json!("soon")).contains("takes a time"));
        assert!(error("event.type", json!("x")).contains("not part of the event's body"));
    }
}
