//! The summary of an event: source, type, id, key, time and warnings.
//! Contains no text that a customer of the help desk wrote.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::Event;
use crate::event::header::INVALID_TIME;

#[derive(Debug, Clone, PartialEq)]
pub struct EventSummary {
    pub source: String,
    /// The entry under `sources` that received it.
    pub endpoint: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    pub time: Option<Timestamp>,
    /// The IANA name of the zone of the source's times without a zone; `None` is UTC.
    pub time_zone: Option<String>,
    /// The format.
    pub format: &'static str,
    pub warnings: Vec<String>,
}

impl EventSummary {
    pub fn from_event(event: &Event) -> Self {
        Self {
            source: event.source.clone(),
            endpoint: event.endpoint.clone(),
            event_type: event.event_type.clone(),
            id: event.id.clone(),
            key: event.key.clone(),
            time: event.time,
            time_zone: event.time_zone().map(str::to_owned),
            format: event.format,
            warnings: event.warnings.clone(),
        }
    }

    /// Whether the event has a time, or a value that is none.
    pub fn has_time_value(&self) -> bool {
        let is_about_time = |warning: &String| warning.starts_with(INVALID_TIME);
        self.time.is_some() || self.warnings.iter().any(is_about_time)
    }

    /// `event.…` in paths, templates and the output of commands.
    pub fn about(&self) -> Value {
        let mut about = json!({
            "source": self.source,
            "endpoint": self.endpoint,
            "type": self.event_type,
            "id": self.id,
            "key": self.key,
            "time": self.time.map(|time| time.to_string()),
        });
        if let (Some(zone), Some(fields)) = (&self.time_zone, about.as_object_mut()) {
            fields.insert("time_zone".into(), zone.as_str().into());
        }
        about
    }
}
