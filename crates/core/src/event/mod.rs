//! The normalised event: the same fields for every format in which a source delivers it.
//! Decoders build it. `raw` has the JSON as received.

pub mod catalogue;
pub mod format;
pub(crate) mod header;
pub mod json;
pub mod received_document;
pub mod request_values;
pub mod summary;
pub mod time;
pub mod trace_context;
pub mod type_pattern;

use crate::event::json::value_ref::ValueRef;
pub use crate::event::received_document::ReceivedDocument;
pub use crate::event::summary::EventSummary;
use crate::event::time::time_of;
use crate::event::trace_context::TraceParent;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// A normalised event. Paths in rules start at `body` (the ZIS `ticket_event` object).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `event_source` in rules: `support`, `upmind`, or the name that a configured source sets.
    pub source: String,
    /// The entry under `sources` that received it. An id, a key and a ticket number are those of this entry
    /// alone: two entries can be two accounts.
    pub endpoint: String,
    /// The event type, for example `ticket.PriorityChanged`.
    pub event_type: String,
    pub id: String,
    /// What the event is about: the ticket id for ticket events.
    pub key: Option<String>,
    pub time: Option<Timestamp>,
    /// `account_id`, `subdomain`, `integration_key`, `actor_id`, if the format has them.
    pub envelope: Value,
    /// The normalised `ticket_event` object.
    pub body: Value,
    /// The body as received.
    pub raw: ReceivedDocument,
    /// `event.…` in paths: source, endpoint, type, id, key and time.
    pub about: Value,
    /// The format, for example `zis`.
    pub format: &'static str,
    /// Warnings for the user, such as an unknown type or repaired text.
    pub warnings: Vec<String>,
    /// The trace that its delivery belongs to, if the sender said so.
    pub trace: Option<TraceParent>,
}

/// An event without anything, where a scope needs one and nothing reads it.
pub static EMPTY_EVENT: Event = Event {
    source: String::new(),
    endpoint: String::new(),
    event_type: String::new(),
    id: String::new(),
    key: None,
    time: None,
    envelope: Value::Null,
    body: Value::Null,
    raw: ReceivedDocument::null(),
    about: Value::Null,
    format: "",
    warnings: Vec::new(),
    trace: None,
};

impl Event {
    /// A value of the event, such as its key, as one of its endpoint. Values of the entry that has the name of the
    /// source stay as they are; no other value can be mistaken for one of another endpoint.
    pub fn scoped(&self, value: String) -> String {
        match self.endpoint == self.source && !value.contains(" at ") {
            true => value,
            false => format!("{value} at {}", self.endpoint),
        }
    }

    /// The IANA name of the zone of the source's times without a zone; `None` is UTC.
    pub fn time_zone(&self) -> Option<&str> {
        self.about.get("time_zone").and_then(Value::as_str)
    }

    /// Reads a time of this event's source.
    pub fn read_time(&self, value: &Value) -> Option<Timestamp> {
        let zone = self.time_zone().and_then(|name| TimeZone::get(name).ok());
        time_of(ValueRef::Built(value), &zone.unwrap_or(TimeZone::UTC))
    }

    /// `event` where a template or jq reads it: the header, with the fields that the sender has under `event`.
    pub fn header_with_body(&self) -> Value {
        let mut fields = match self.body.get("event") {
            Some(Value::Object(fields)) => fields.clone(),
            _ => Map::new(),
        };
        let mut header = self.about.as_object().cloned().unwrap_or_default();
        let request = self.raw.field(request_values::REQUEST_KEY);
        if let Some(headers) = request.and_then(|request| request.get(request_values::HEADERS)) {
            header.insert(request_values::HEADERS.to_owned(), headers.clone());
        }
        // The zone of the source is not documented as a field.
        fields.extend(header.into_iter().filter(|(name, _)| name != "time_zone"));
        Value::Object(fields)
    }

    /// Its body, with `event` for its header: what `steps.NAME.event` is after a wait for it.
    pub fn with_header(&self) -> Value {
        let mut body = self.body.as_object().cloned().unwrap_or_default();
        body.insert("event".into(), self.about.clone());
        Value::Object(body)
    }

    /// The event in the ZIS envelope format, which `$…` paths address, with the JSON as received in `raw`.
    pub fn document(&self) -> Value {
        let mut document = self.envelope.as_object().cloned().unwrap_or_default();
        let key = body_key(&self.source, &self.event_type);
        document.insert("input".into(), json!({ key: self.body }));
        document.insert("raw".into(), self.raw.value().clone());
        Value::Object(document)
    }
}

/// The key of a body of this type in the ZIS envelope.
pub fn body_key(source: &str, event_type: &str) -> &'static str {
    let family = event_type.split('.').next();
    match family.filter(|_| source == "support") {
        Some("user") => "user_event",
        Some("organization") => "organization_event",
        Some("customobject") => "custom_object_event",
        Some(_) | None => "ticket_event",
    }
}
