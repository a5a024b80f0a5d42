//! An event in brief: what it is called by and comes with, without its values.
//! It holds nothing that a help desk's customer wrote.

use jiff::Timestamp;

use super::Event;

#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    pub source: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    pub time: Option<Timestamp>,
    /// The decoder that read it.
    pub shape: &'static str,
    pub warnings: Vec<String>,
}

impl Brief {
    pub fn of(event: &Event) -> Self {
        Self {
            source: event.source.clone(),
            event_type: event.event_type.clone(),
            id: event.id.clone(),
            key: event.key.clone(),
            time: event.time,
            shape: event.shape,
            warnings: event.warnings.clone(),
        }
    }
}
