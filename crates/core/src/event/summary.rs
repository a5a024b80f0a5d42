//! The summary of an event: source, type, id, key, time and warnings.
//! Contains no text that a customer of the help desk wrote.

use jiff::Timestamp;

use crate::event::Event;

#[derive(Debug, Clone, PartialEq)]
pub struct EventSummary {
    pub source: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    pub time: Option<Timestamp>,
    /// The format.
    pub format: &'static str,
    pub warnings: Vec<String>,
}

impl EventSummary {
    pub fn from_event(event: &Event) -> Self {
        Self {
            source: event.source.clone(),
            event_type: event.event_type.clone(),
            id: event.id.clone(),
            key: event.key.clone(),
            time: event.time,
            format: event.format,
            warnings: event.warnings.clone(),
        }
    }
}
