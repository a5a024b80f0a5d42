//! Builds events with given values, as payloads of a documented format where the source has one.

use serde_json::{Map, Value, json};

use crate::analysis::event_types::TypeName;
use crate::analysis::samples::time_of_event;
use crate::config::Config;
use crate::event::catalogue::EventType;
use crate::event::format::custom::CustomFormat;
use crate::event::format::{FormatHint, has_envelope_field, read};
use crate::event::{Event, body_key};
use crate::path::set::put;
use crate::path::{Path, PathKind, PathSegment, Root};

/// A value of a field; `None` is an absent field.
pub type Assignment = (Path, Option<Value>);

/// An event with the payload that decodes to it.
#[derive(Debug)]
pub struct Built {
    pub event: Event,
    /// `None` if no documented format has such an event.
    pub payload: Option<Value>,
}

/// Builds events of one type.
pub struct EventBuilder<'b> {
    of: &'b TypeName,
    config: &'b Config,
    known: Option<&'b EventType>,
    description: Option<&'b CustomFormat>,
}

impl<'b> EventBuilder<'b> {
    pub fn new(of: &'b TypeName, config: &'b Config) -> Self {
        Self {
            of,
            config,
            known: config.catalogue.by_name(&of.source, &of.name),
            description: config.description_of(&of.source),
        }
    }

    /// Builds the event as its sender would send it. `None` if the format of its source cannot have the values.
    pub fn received(&self, values: &[Assignment]) -> Option<Built> {
        let mut draft = self.draft()?;
        for (path, value) in values {
            draft.assign(path, value.as_ref())?;
        }
        let format = match self.description {
            Some(description) => FormatHint::Custom(description),
            None => FormatHint::Detect,
        };
        let event = read(draft.payload.clone(), format, &self.config.catalogue).ok()?;
        let is_of_type = event.source == self.of.source && event.event_type == self.of.name;
        is_of_type.then_some(Built {
            event,
            payload: Some(draft.payload),
        })
    }

    /// Builds the event as conditions read it.
    pub fn normalised(&self, values: &[Assignment]) -> Option<Built> {
        let time = time_of_event();
        let mut event = Event {
            source: self.of.source.clone(),
            endpoint: self.of.source.clone(),
            event_type: self.of.name.clone(),
            id: "example".into(),
            key: None,
            time: time.parse().ok(),
            envelope: json!({}),
            body: json!({}),
            raw: json!({}).into(),
            about: json!({
                "source": self.of.source, "endpoint": self.of.source, "type": self.of.name,
                "id": "example", "time": time,
            }),
            format: if self.of.source == "support" {
                "zis"
            } else {
                ""
            },
            warnings: Vec::new(),
            trace: None,
        };
        for (path, value) in values {
            let PathKind::Plain { root, keys } = &path.route else {
                return None;
            };
            let target = match root.in_event(&event, keys) {
                Root::Body => &mut event.body,
                Root::Envelope => &mut event.envelope,
                Root::Raw => &mut event.raw,
                Root::Event => &mut event.about,
                Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                    return None;
                }
            };
            assign(target, keys, value.as_ref())?;
        }
        event.time = event
            .about
            .get("time")
            .and_then(|time| event.read_time(time));
        event.key = event
            .about
            .get("key")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Some(Built {
            event,
            payload: None,
        })
    }

    /// A payload of the type without the values of a condition.
    fn draft(&self) -> Option<Draft> {
        if let Some(description) = self.description {
            return self.draft_of_description(description);
        }
        let of = self.known?;
        match self.of.source.as_str() {
            "support" if of.display.is_some() && is_in_zis(of.family()) => {
                let body = body_key(&self.of.source, &self.of.name);
                let mut inner =
                    json!({"type": of.display, "meta": {"occurred_at": time_of_event()}});
                if of.family() == "ticket" {
                    inner["ticket"] = json!({"id": 1});
                }
                Some(Draft {
                    payload: json!({"input": {body: inner}}),
                    body: vec![PathSegment::new("input"), PathSegment::new(body)],
                    format: "zis",
                })
            }
            "upmind" => Some(Draft {
                payload: json!({
                    "hook_code": of.codes.first()?, "webhook_event_id": "example",
                    "event_datetime": time_of_event(), "object": {},
                }),
                body: Vec::new(),
                format: "upmind",
            }),
            _ => None,
        }
    }

    fn draft_of_description(&self, description: &CustomFormat) -> Option<Draft> {
        let mut payload = json!({});
        let segments = |path: &str| -> Vec<PathSegment> {
            let names = path.trim_start_matches("$.").split('.');
            names.map(PathSegment::new).collect()
        };
        let named = [
            (&description.event_type, json!(self.of.name)),
            (&description.id, json!("example")),
            (&description.time, json!(time_of_event())),
        ];
        for (locations, value) in named {
            if let Some(path) = locations.paths().next() {
                put(&mut payload, &segments(path), value).ok()?;
            }
        }
        Some(Draft {
            payload,
            body: Vec::new(),
            format: "",
        })
    }
}

/// Whether the ZIS envelope has events of a family.
fn is_in_zis(family: &str) -> bool {
    matches!(family, "ticket" | "user" | "organization" | "customobject")
}

/// A payload that is being built.
struct Draft {
    payload: Value,
    /// Where the body of the event is in the payload.
    body: Vec<PathSegment>,
    format: &'static str,
}

impl Draft {
    /// Sets or removes a value; `None` if the format does not have it.
    fn assign(&mut self, path: &Path, value: Option<&Value>) -> Option<()> {
        let PathKind::Plain { root, keys } = &path.route else {
            return None;
        };
        let first = keys.first()?.name.as_str();
        let in_envelope = *root == Root::Envelope && has_envelope_field(self.format, first);
        let before: Vec<PathSegment> = match root {
            Root::Raw => Vec::new(),
            Root::Envelope if in_envelope => Vec::new(),
            // The ticket of an Upmind event is below its object.
            Root::Body if self.format == "upmind" && first == "ticket" => {
                vec![PathSegment::new("object")]
            }
            Root::Body | Root::Envelope => self.body.clone(),
            Root::Event if self.format == "zis" && matches!(first, "time" | "key") => {
                let field: &[&str] = match first {
                    "time" => &["meta", "occurred_at"],
                    _ => &["ticket", "id"],
                };
                let field = field.iter().map(|name| PathSegment::new(name));
                let keys: Vec<PathSegment> = self.body.iter().cloned().chain(field).collect();
                return assign(&mut self.payload, &keys, value);
            }
            Root::Event | Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                return None;
            }
        };
        let keys: Vec<PathSegment> = before.into_iter().chain(keys.iter().cloned()).collect();
        assign(&mut self.payload, &keys, value)
    }
}

/// Sets the value at keys, or removes it. An object that is there stays if an object is set.
fn assign(target: &mut Value, keys: &[PathSegment], value: Option<&Value>) -> Option<()> {
    match value {
        Some(Value::Object(map)) if map.is_empty() => {
            let known = keys.iter().try_fold(&*target, |value, key| key.get(value));
            match known {
                Some(Value::Object(_)) => Some(()),
                Some(_) | None => put(target, keys, Value::Object(Map::new())).ok(),
            }
        }
        Some(value) => put(target, keys, value.clone()).ok(),
        None => {
            remove(target, keys);
            Some(())
        }
    }
}

fn remove(target: &mut Value, keys: &[PathSegment]) {
    let Some((last, above)) = keys.split_last() else {
        return;
    };
    let mut parent = target;
    for key in above {
        parent = match parent {
            Value::Object(map) => match map.get_mut(&key.name) {
                Some(value) => value,
                None => return,
            },
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                return;
            }
        };
    }
    if let Value::Object(map) = parent {
        map.shift_remove(&last.name);
    }
}
