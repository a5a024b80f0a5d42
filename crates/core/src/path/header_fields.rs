//! The fields of the body from which the event's time and key are read, so that a change of one is a change of
//! the other.

use serde_json::Value;

use crate::event::format::DECODERS;
use crate::event::format::custom::CustomFormat;
use crate::event::format::decoder::Decoder;
use crate::event::json::lookup::DocumentPath;
use crate::event::{Event, EventSummary};
use crate::path::PathSegment;
use crate::path::set::put;

/// The fields of one event, as keys below the body.
#[derive(Debug, Default)]
pub struct HeaderFields {
    time: Fields,
    key: Fields,
}

impl HeaderFields {
    /// Finds the fields that have the event's time and key now. `description` is that of a source of your own.
    pub fn of(event: &Event, description: Option<&CustomFormat>) -> Self {
        let (times, keys) = match description {
            Some(description) => (
                description.time.paths().map(segments).collect(),
                description.key.paths().map(segments).collect(),
            ),
            None => built_in(event.format),
        };
        let read = |value: &Value| event.read_time(value);
        let is_time = |value: Option<&Value>| value.and_then(read) == event.time;
        let is_key = |value: Option<&Value>| value.and_then(key) == event.key;
        Self {
            time: chosen(&event.body, times, is_time),
            key: chosen(&event.body, keys, is_key),
        }
    }

    /// Reads time and key from the body again, after one of their fields has changed, and changes the others.
    pub fn read_back(&self, event: &mut Event) {
        let time = |event: &Event, value: &Value| event.read_time(value);
        if let Some(value) = changed(&self.time, event, |value| time(event, value) != event.time) {
            event.time = time(event, &value);
            write(&self.time, &mut event.body, &value);
        }
        if let Some(value) = changed(&self.key, event, |value| key(value) != event.key) {
            event.key = key(&value);
            write(&self.key, &mut event.body, &value);
        }
        refresh_header(event);
    }

    /// The fields of the body that have the value of a field of the header.
    pub fn of_header(&self, name: &str) -> &[Vec<PathSegment>] {
        match name {
            "time" => &self.time,
            "key" => &self.key,
            _ => &[],
        }
    }
}

/// The first value of the fields that differs from the header.
fn changed(fields: &Fields, event: &Event, differs: impl Fn(&Value) -> bool) -> Option<Value> {
    let values = fields.iter().filter_map(|field| found(&event.body, field));
    let mut changed = values.filter(|value| differs(value));
    changed.next().cloned()
}

fn write(fields: &Fields, body: &mut Value, value: &Value) {
    for field in fields
        .iter()
        .filter(|field| found(body, field).is_some())
        .cloned()
        .collect::<Vec<_>>()
    {
        // The field is there, so nothing on its way holds no fields.
        let _ = put(body, &field, value.clone());
    }
}

/// Makes `event.…` of the event's time and key.
pub fn refresh_header(event: &mut Event) {
    event.about = EventSummary::from_event(event).about();
}

/// Reads a value as a key.
pub fn key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

type Fields = Vec<Vec<PathSegment>>;

/// The fields that are in the body and have the value of the header; without one in the body, the first.
fn chosen(body: &Value, fields: Fields, is_it: impl Fn(Option<&Value>) -> bool) -> Fields {
    let present =
        |field: &Vec<PathSegment>| found(body, field).is_some_and(|value| !value.is_null());
    match fields.iter().any(present) {
        true => {
            let current = |field: &Vec<PathSegment>| present(field) && is_it(found(body, field));
            fields.into_iter().filter(current).collect()
        }
        false => fields.into_iter().take(1).collect(),
    }
}

fn found<'v>(body: &'v Value, field: &[PathSegment]) -> Option<&'v Value> {
    field.iter().try_fold(body, |value, key| key.get(value))
}

/// The fields of all decoders of a format. Those of other families are not in the body.
fn built_in(format: &str) -> (Fields, Fields) {
    let (mut times, mut keys) = (Fields::new(), Fields::new());
    for decoder in DECODERS.iter().filter(|decoder| decoder.format == format) {
        times.extend(decoder.time.iter().flat_map(|path| in_body(decoder, path)));
        keys.extend(decoder.key.iter().flat_map(|path| in_body(decoder, path)));
    }
    (times, keys)
}

/// The fields of the body that a place of the document becomes.
fn in_body(decoder: &Decoder, path: &DocumentPath) -> Fields {
    let places = decoder.body.iter();
    let fields = places.flat_map(|place| {
        place.from.iter().filter_map(|from| {
            let below = match from.text {
                "" => path.text,
                from if from == path.text => "",
                from => path.text.strip_prefix(from)?.strip_prefix('.')?,
            };
            Some(join(place.to, below))
        })
    });
    let fields = fields.filter(|field| !field.is_empty());
    fields.map(|field| segments(&field)).collect()
}

fn join(above: &str, below: &str) -> String {
    match (above, below) {
        ("", below) => below.to_owned(),
        (above, "") => above.to_owned(),
        (above, below) => format!("{above}.{below}"),
    }
}

fn segments(path: &str) -> Vec<PathSegment> {
    let path = path.strip_prefix("$.").unwrap_or(path);
    path.split('.').map(PathSegment::new).collect()
}
