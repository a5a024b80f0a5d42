//! One change at the help desk, normalised: the same event whichever shape brought it.
//! Decoders fill it; it refuses nothing itself, and what it could not make sense of it carries in `raw`.

mod brief;
pub mod catalogue;
pub mod datum;
pub mod decode;
pub mod decoder;
mod event_type;
mod eventbridge;
mod field_type;
pub mod fingerprint;
pub mod head;
pub mod json;
pub mod leaf;
mod naming;
#[cfg(test)]
pub mod odd;
pub mod place;
pub mod sample;
pub mod tape;
mod upmind;
pub mod user_described;
pub mod written;
mod zendesk_webhook;
mod zis;

pub use brief::Brief;

use jiff::Timestamp;
use serde_json::{Value, json};

/// A normalised event. Paths in rules start at `body` (the ZIS `ticket_event` object).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `event_source` in rules: `support`, `upmind`, or what a configured source says.
    pub source: String,
    /// The tag, for example `ticket.PriorityChanged`.
    pub event_type: String,
    pub id: String,
    /// What the event is about; for ticket events the ticket's id.
    pub key: Option<String>,
    pub time: Option<Timestamp>,
    /// `account_id`, `subdomain`, `integration_key`, `actor_id`, as far as the shape tells them.
    pub envelope: Value,
    /// The normalised `ticket_event` object.
    pub body: Value,
    /// The body as received.
    pub raw: Value,
    /// `event.…` in paths: source, type, id, key and time.
    pub about: Value,
    /// The decoder that read it, for example `zis`.
    pub shape: &'static str,
    /// What a person should know: an unknown type, repaired text.
    pub warnings: Vec<String>,
}

impl Event {
    /// `event.…` as paths and templates see it, and as every command prints it.
    pub fn about(
        source: &str,
        event_type: &str,
        id: &str,
        key: Option<&str>,
        time: Option<Timestamp>,
    ) -> Value {
        json!({
            "source": source,
            "type": event_type,
            "id": id,
            "key": key,
            "time": time.map(|t| t.to_string()),
        })
    }

    /// The event in the ZIS envelope shape, which `$…` paths address. The body as received stands
    /// under `raw`.
    pub fn document(&self) -> Value {
        let mut document = self.envelope.as_object().cloned().unwrap_or_default();
        let key = body_key(&self.source, &self.event_type);
        document.insert("input".into(), json!({ key: self.body }));
        document.insert("raw".into(), self.raw.clone());
        Value::Object(document)
    }
}

/// The key under which the ZIS envelope has a body of this type.
pub fn body_key(source: &str, event_type: &str) -> &'static str {
    let family = event_type.split('.').next();
    match family.filter(|_| source == "support") {
        Some("user") => "user_event",
        Some("organization") => "organization_event",
        Some("customobject") => "custom_object_event",
        Some(_) | None => "ticket_event",
    }
}
