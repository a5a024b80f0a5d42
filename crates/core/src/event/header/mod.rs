//! The event header: format, source, type, id, key and time, read without building the event.
//! Works on a built document and on the tape. Key and time are optional.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::event::catalogue::Catalogue;
use crate::event::format::custom::CustomFormat;
use crate::event::format::decoder::{Decoder, sequence_id};
use crate::event::format::request::id_from_hash;
use crate::event::format::type_name::ResolvedType;
use crate::event::format::{DecodeError, FormatHint};
use crate::event::json::content_hash::fingerprint;
use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::event::summary::EventSummary;
use crate::event::time::time_of;
use crate::event::{Event, ReceivedDocument};

#[derive(Debug)]
pub struct EventHeader<'a> {
    pub document: ValueRef<'a>,
    pub format: EventFormat<'a>,
    pub source: &'a str,
    /// The entry under `sources` that received the event.
    pub endpoint: &'a str,
    pub named: ResolvedType<'a>,
    /// Text or a number.
    pub key: Option<ValueRef<'a>>,
    /// Its path and value.
    pub time: Option<(&'a str, ValueRef<'a>)>,
    pub id: EventId<'a>,
}

/// The format of the document.
#[derive(Debug, Clone, Copy)]
pub enum EventFormat<'a> {
    BuiltIn(&'static Decoder),
    Described(&'a CustomFormat),
}

/// What the event id is made from.
#[derive(Debug, Clone, Copy)]
pub enum EventId<'a> {
    /// The sender's id: text or a number.
    Given(ValueRef<'a>),
    /// A hash of the whole document.
    ContentHash,
    /// The position in its update and a hash of this part.
    Sequence(ValueRef<'a>),
    /// The sender's id of the delivery, which is not in the document.
    Delivery(&'a str),
    /// A hash of the whole document, its number among equal elements, and a text that no other request has.
    RequestHash {
        unique: &'a str,
        equal_before: usize,
    },
}

impl EventFormat<'_> {
    /// The table of a built-in format.
    pub fn decoder(&self) -> Option<&'static Decoder> {
        match self {
            EventFormat::BuiltIn(decoder) => Some(decoder),
            EventFormat::Described(_) => None,
        }
    }
}

impl<'a> EventHeader<'a> {
    /// The header of an event that an entry received, with the identity that its request gives.
    pub fn received_at(self, format: FormatHint<'a>) -> Self {
        match format {
            FormatHint::Endpoint(endpoint) => Self { endpoint, ..self },
            FormatHint::Request(request) => request.identify(Self {
                endpoint: request.endpoint,
                ..self
            }),
            FormatHint::Detect | FormatHint::Custom(_) => self,
        }
    }

    pub fn id(&self) -> String {
        match self.id {
            EventId::Given(id) => name(id).into_owned(),
            EventId::ContentHash => format!("sha256-{}", fingerprint(self.document)),
            EventId::RequestHash {
                unique,
                equal_before,
            } => id_from_hash(&fingerprint(self.document), unique, equal_before),
            EventId::Delivery(id) => id.to_owned(),
            EventId::Sequence(of) => sequence_id(of, &self.named.name),
        }
    }

    pub fn key(&self) -> Option<Cow<'a, str>> {
        self.key.map(name)
    }

    pub fn time(&self) -> Option<Timestamp> {
        let (_, time) = self.time?;
        time_of(time, self.time_zone().unwrap_or(&TimeZone::UTC))
    }

    /// The zone of the source's times without a zone; `None` is UTC.
    pub fn time_zone(&self) -> Option<&'a TimeZone> {
        match self.format {
            EventFormat::BuiltIn(_) => None,
            EventFormat::Described(description) => description.time_zone.as_ref(),
        }
    }

    /// Warnings for the user: an unknown type, an invalid time.
    pub fn warnings(&self, catalogue: &Catalogue) -> Vec<String> {
        let unknown = self.named.warning(self.source, catalogue);
        let invalid = self.time.filter(|_| self.time().is_none());
        let invalid = invalid.map(|(path, time)| invalid_time(path, &name(time)));
        unknown.into_iter().chain(invalid).collect()
    }

    pub fn brief(&self, catalogue: &Catalogue) -> EventSummary {
        EventSummary {
            source: self.source.to_owned(),
            endpoint: self.endpoint.to_owned(),
            event_type: self.named.name.clone().into_owned(),
            id: self.id(),
            key: self.key().map(Cow::into_owned),
            time: self.time(),
            time_zone: self
                .time_zone()
                .and_then(TimeZone::iana_name)
                .map(str::to_owned),
            format: self.format_name(),
            warnings: self.warnings(catalogue),
        }
    }

    /// The name of the format: `zis`, `json`.
    pub fn format_name(&self) -> &'static str {
        match self.format {
            EventFormat::BuiltIn(decoder) => decoder.format,
            EventFormat::Described(_) => "json",
        }
    }

    /// The event without `raw`.
    pub(super) fn event_without_raw(&self, catalogue: &Catalogue) -> Event {
        let brief = self.brief(catalogue);
        let (envelope, body) = match self.format {
            EventFormat::BuiltIn(decoder) => (
                decoder.envelope(self.document),
                decoder.body(self.document, &self.named),
            ),
            EventFormat::Described(_) => (
                Value::Object(Map::new()),
                self.document.value().into_owned(),
            ),
        };
        Event {
            about: brief.about(),
            source: brief.source,
            endpoint: brief.endpoint,
            event_type: brief.event_type,
            id: brief.id,
            key: brief.key,
            time: brief.time,
            envelope,
            body,
            raw: ReceivedDocument::null(),
            format: brief.format,
            warnings: brief.warnings,
            trace: None,
        }
    }

    /// The complete event.
    pub fn event(&self, catalogue: &Catalogue) -> Event {
        Event {
            raw: match (self.document, self.format) {
                // A described event's body is the document too, and is stored once.
                (ValueRef::Taped(item), EventFormat::BuiltIn(_)) => match item.whole() {
                    Some(scanned) => ReceivedDocument::of_tape(scanned),
                    None => item.value().into(),
                },
                (document, _) => document.value().into_owned().into(),
            },
            ..self.event_without_raw(catalogue)
        }
    }
}

/// Checks that a value can be an id or key.
pub fn name_of<'a>(datum: ValueRef<'a>, path: &str) -> Result<ValueRef<'a>, DecodeError> {
    let is_name = match datum.kind() {
        JsonKind::Text => datum.text().is_some_and(|text| !text.is_empty()),
        JsonKind::Number => true,
        JsonKind::Null | JsonKind::Bool | JsonKind::List | JsonKind::Object => false,
    };
    match is_name {
        true => Ok(datum),
        false => Err(DecodeError::wrong(path, Some(datum), "an id")),
    }
}

/// A text, or a number as text.
fn name(datum: ValueRef<'_>) -> Cow<'_, str> {
    match (datum.text(), datum.number()) {
        (Some(text), _) => text,
        (None, Some(number)) => Cow::Owned(number.to_string()),
        (None, None) => Cow::Borrowed(""),
    }
}

/// How the warning about an invalid time begins.
pub const INVALID_TIME: &str = "invalid time ";

fn invalid_time(path: &str, text: &str) -> String {
    format!("{INVALID_TIME}`{text}` in `{path}`: the event is treated as having no time")
}
