//! The fields of the body from which the event's time and key are read, so that a change of one is a change of
//! the other.

use serde_json::Value;

use crate::event::format::DECODERS;
use crate::event::format::custom::CustomFormat;
use crate::event::format::decoder::Decoder;
use crate::event::json::lookup::DocumentPath;
use crate::event::{Event, EventSummary};
use crate::path::PathSegment;

/// The fields of one event, as keys below the body.
#[derive(Debug, Default)]
pub struct HeaderFields {
    time: Option<Vec<PathSegment>>,
    key: Option<Vec<PathSegment>>,
}

impl HeaderFields {
    /// Finds the fields that have the event's time and key now. `description` is that of a source of your own.
    pub fn of(event: &Event, description: Option<&CustomFormat>) -> Self {
        let (times, keys) = match description {
            Some(description) => (
                description.time.iter().map(|path| segments(path)).collect(),
                description.key.iter().map(|path| segments(path)).collect(),
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

    /// Reads time and key from the body again, after it has changed.
    pub fn read_back(&self, event: &mut Event) {
        if let Some(field) = &self.time {
            event.time = found(&event.body, field).and_then(|value| event.read_time(value));
        }
        if let Some(field) = &self.key {
            event.key = found(&event.body, field).and_then(key);
        }
        refresh_header(event);
    }

    /// The field of the body that a field of the header is read from.
    pub fn of_header(&self, name: &str) -> Option<&[PathSegment]> {
        match name {
            "time" => self.time.as_deref(),
            "key" => self.key.as_deref(),
            _ => None,
        }
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

/// The first field that is in the body and has the value of the header; without one in the body, the first.
fn chosen(
    body: &Value,
    fields: Fields,
    is_it: impl Fn(Option<&Value>) -> bool,
) -> Option<Vec<PathSegment>> {
    let present =
        |field: &&Vec<PathSegment>| found(body, field).is_some_and(|value| !value.is_null());
    let current = fields
        .iter()
        .find(|field| present(field) && is_it(found(body, field)));
    let absent = || {
        fields
            .first()
            .filter(|_| !fields.iter().any(|field| present(&field)))
    };
    current.or_else(absent).cloned()
}

fn found<'v>(body: &'v Value, field: &[PathSegment]) -> Option<&'v Value> {
    field.iter().try_fold(body, |value, key| key.get(value))
}

/// The fields of all decoders of a format. Those of other families are not in the body.
fn built_in(format: &str) -> (Fields, Fields) {
    let (mut times, mut keys) = (Fields::new(), Fields::new());
    for decoder in DECODERS.iter().filter(|decoder| decoder.format == format) {
        times.extend(
            decoder
                .time
                .iter()
                .filter_map(|path| in_body(decoder, path)),
        );
        keys.extend(decoder.key.iter().filter_map(|path| in_body(decoder, path)));
    }
    (times, keys)
}

/// The field of the body that a place of the document becomes.
fn in_body(decoder: &Decoder, path: &DocumentPath) -> Option<Vec<PathSegment>> {
    let places = decoder.body.iter().rev();
    let fields = places.filter_map(|place| {
        place.from.iter().find_map(|from| {
            let below = match from.text {
                "" => Some(path.text),
                from if from == path.text => Some(""),
                from => path.text.strip_prefix(from)?.strip_prefix('.'),
            };
            Some(join(place.to, below?))
        })
    });
    let mut fields = fields.filter(|field| !field.is_empty());
    fields.next().map(|field| segments(&field))
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
