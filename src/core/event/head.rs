//! What stands above an event: its shape, source, type, and where its id, key and time are. It is told before
//! anything is built, from a document that was built or one that was only scanned.
//! It refuses what is no event; an event without a key or a time is one.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Number, Value};

use super::catalogue::Catalogue;
use super::datum::Datum;
use super::decode::NotAnEvent;
use super::decoder::{Decoder, sequence_id};
use super::fingerprint::fingerprint;
use super::naming::Named;
use super::tape::Kind;
use super::user_described::Description;
use super::{Brief, Event};

#[derive(Debug)]
pub struct Head<'a> {
    pub document: Datum<'a>,
    pub shape: Shape<'a>,
    pub source: &'a str,
    pub named: Named<'a>,
    /// Text or a number.
    pub key: Option<Datum<'a>>,
    /// Where it stands, and what stands there.
    pub time: Option<(&'a str, Datum<'a>)>,
    pub id: Id<'a>,
}

/// By which table the document is read.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    BuiltIn(&'static Decoder),
    Described(&'a Description),
}

/// What an event's id is made from.
#[derive(Debug, Clone, Copy)]
pub enum Id<'a> {
    /// What the sender says: text or a number.
    Said(Datum<'a>),
    /// A hash of the whole document.
    Hash,
    /// The place in its update and a hash of this part.
    Sequence(Datum<'a>),
}

impl Shape<'_> {
    /// The table of a shape that comes with the program.
    pub fn decoder(&self) -> Option<&'static Decoder> {
        match self {
            Shape::BuiltIn(decoder) => Some(decoder),
            Shape::Described(_) => None,
        }
    }
}

impl<'a> Head<'a> {
    pub fn id(&self) -> String {
        match self.id {
            Id::Said(id) => name(id).into_owned(),
            Id::Hash => format!("sha256-{}", fingerprint(self.document)),
            Id::Sequence(of) => sequence_id(of, &self.named.tag),
        }
    }

    pub fn key(&self) -> Option<Cow<'a, str>> {
        self.key.map(name)
    }

    pub fn time(&self) -> Option<Timestamp> {
        let (_, time) = self.time?;
        match time.number() {
            Some(number) => seconds(&number),
            None => moment(&time.text()?),
        }
    }

    /// What a person should know: an unknown type, a time that is none.
    pub fn warnings(&self, catalogue: &Catalogue) -> Vec<String> {
        let unknown = self.named.warning(self.source, catalogue);
        let timeless = self.time.filter(|_| self.time().is_none());
        let timeless = timeless.map(|(path, time)| not_a_time(path, &name(time)));
        unknown.into_iter().chain(timeless).collect()
    }

    pub fn brief(&self, catalogue: &Catalogue) -> Brief {
        Brief {
            source: self.source.to_owned(),
            event_type: self.named.tag.clone().into_owned(),
            id: self.id(),
            key: self.key().map(Cow::into_owned),
            time: self.time(),
            shape: self.shape(),
            warnings: self.warnings(catalogue),
        }
    }

    /// The shape's name: `zis`, `json`.
    pub fn shape(&self) -> &'static str {
        match self.shape {
            Shape::BuiltIn(decoder) => decoder.shape,
            Shape::Described(_) => "json",
        }
    }

    /// The event, without the document as it came.
    pub(super) fn without_raw(&self, catalogue: &Catalogue) -> Event {
        let brief = self.brief(catalogue);
        let (envelope, body) = match self.shape {
            Shape::BuiltIn(decoder) => (
                decoder.envelope(self.document),
                decoder.body(self.document, &self.named),
            ),
            Shape::Described(_) => (
                Value::Object(Map::new()),
                self.document.value().into_owned(),
            ),
        };
        Event {
            about: Event::about(
                &brief.source,
                &brief.event_type,
                &brief.id,
                brief.key.as_deref(),
                brief.time,
            ),
            source: brief.source,
            event_type: brief.event_type,
            id: brief.id,
            key: brief.key,
            time: brief.time,
            envelope,
            body,
            raw: Value::Null,
            shape: brief.shape,
            warnings: brief.warnings,
        }
    }

    /// The event whole, from a document that was only scanned.
    pub fn event(&self, catalogue: &Catalogue) -> Event {
        Event {
            raw: self.document.value().into_owned(),
            ..self.without_raw(catalogue)
        }
    }
}

/// Refuses what can be no id or key.
pub fn name_of<'a>(datum: Datum<'a>, path: &str) -> Result<Datum<'a>, NotAnEvent> {
    let is_name = match datum.kind() {
        Kind::Text => datum.text().is_some_and(|text| !text.is_empty()),
        Kind::Number => true,
        Kind::Null | Kind::Bool | Kind::List | Kind::Object => false,
    };
    match is_name {
        true => Ok(datum),
        false => Err(NotAnEvent::wrong(path, Some(datum), "an id")),
    }
}

/// Text or a number as text.
fn name(datum: Datum<'_>) -> Cow<'_, str> {
    match (datum.text(), datum.number()) {
        (Some(text), _) => text,
        (None, Some(number)) => Cow::Owned(number.to_string()),
        (None, None) => Cow::Borrowed(""),
    }
}

/// A time as help desks write it. One without a zone is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
    })
}

fn seconds(number: &Number) -> Option<Timestamp> {
    match number.as_i64() {
        Some(whole) => Timestamp::from_second(whole).ok(),
        None => {
            let duration = jiff::SignedDuration::try_from_secs_f64(number.as_f64()?).ok()?;
            Timestamp::from_duration(duration).ok()
        }
    }
}

fn not_a_time(path: &str, text: &str) -> String {
    format!("`{path}` is `{text}`, which is no time: the event is treated as one without a time")
}

#[cfg(test)]
mod tests;
