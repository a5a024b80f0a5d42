//! The summary of an event: source, type, id, key, time and warnings.
//! Contains no text that a customer of the help desk wrote.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::Event;

#[derive(Debug, Clone, PartialEq)]
pub struct EventSummary {
    pub source: String,
    /// The entry under `sources` that received it.
    pub endpoint: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    pub time: Option<Timestamp>,
    /// The format.
    pub shape: &'static str,
    pub warnings: Vec<String>,
}

impl EventSummary {
    pub fn of(event: &Event) -> Self {
        Self {
            source: event.source.clone(),
            endpoint: event.endpoint.clone(),
            event_type: event.event_type.clone(),
            id: event.id.clone(),
            key: event.key.clone(),
            time: event.time,
            shape: event.shape,
            warnings: event.warnings.clone(),
        }
    }
    /// `event.…` in paths, templates and the output of commands.
    pub fn about(&self) -> Value {
        json!({
            "source": self.source,
            "endpoint": self.endpoint,
            "type": self.event_type,
            "id": self.id,
            "key": self.key,
            "time": self.time.map(|time| time.to_string()),
        })
    }
}
