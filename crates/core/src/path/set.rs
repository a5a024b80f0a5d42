//! Sets the value at a path of an event, for `--set path=value` and rule tests.
//! Only the body and the envelope can change; a list grows by at most one element.

use serde_json::{Map, Value};

use crate::event::Event;
use crate::path::{Path, PathKind, PathSegment, Root};

/// Why a value cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("`{0}` can have several results; name a single field")]
    Many(String),
    #[error("`{0}` is not part of the event's body; set a field such as `ticket.priority`")]
    Elsewhere(String),
    #[error("`{path}` leads through {through}, which holds no fields")]
    Through { path: String, through: String },
}

/// Sets the value at a path of an event, and creates missing objects on the way.
pub fn set(event: &mut Event, path: &Path, value: Value) -> Result<(), SetError> {
    let PathKind::Plain { root, keys } = &path.route else {
        return Err(SetError::Many(path.text.clone()));
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
        | Root::Document => {
            return Err(SetError::Elsewhere(path.text.clone()));
        }
    };
    put(start, keys, value).map_err(|through| SetError::Through {
        path: path.text.clone(),
        through,
    })
}

fn put(target: &mut Value, keys: &[PathSegment], value: Value) -> Result<(), String> {
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
}
