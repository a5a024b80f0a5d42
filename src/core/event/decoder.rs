//! One shape of event as a table, and the builder that runs such a table into a normalised event.
//! It refuses a body whose own signs do not hold, and says what stands in their place.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::catalogue::{Catalogue, EventType};
use super::decode::NotAnEvent;
use super::fingerprint::fingerprint;
use super::leaf::Leaf;
use super::place::{find, first, kind, put};
use super::{Event, naming::Named, naming::Naming};

/// How one shape is told and where its parts are. Every reader of events runs these tables.
#[derive(Debug)]
pub struct Decoder {
    /// The shape's name: `zis`, `zendesk_webhook`, `eventbridge`, `upmind`.
    pub shape: &'static str,
    pub source: &'static str,
    /// By this the shape is told.
    pub sign: Sign,
    /// What must hold in a body of this shape, or it is no event.
    pub demands: &'static [Demand],
    /// Where the type stands, and in which of its names.
    pub naming: Naming,
    pub id: Identity,
    /// What the event is about; the first place that is there and not null.
    pub key: &'static [&'static str],
    pub time: &'static [&'static str],
    pub envelope: &'static [Place],
    /// From the general to the particular: a later place overrides an earlier one above it.
    pub body: &'static [Place],
}

/// By which a shape is told from the others.
#[derive(Debug)]
pub enum Sign {
    /// The key is there, whatever it holds.
    Has(&'static str),
    /// The text starts with one of these.
    Starts(&'static str, &'static [&'static str]),
}

/// What must hold in a body of a shape.
#[derive(Debug)]
pub enum Demand {
    Object(&'static str),
    /// An object, null, or not there at all.
    ObjectIfThere(&'static str),
    Text(&'static str),
    /// A whole number, as such or in text.
    Id(&'static str),
}

/// Where a normalised path comes from, and what is done to the value on the way.
#[derive(Debug)]
pub struct Place {
    pub to: &'static str,
    /// The first of these that is there.
    pub from: &'static [&'static str],
    pub leaf: Leaf,
    pub when: When,
}

/// Which types of event a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// Only the types that have the field as their own in the catalogue.
    Own,
}

/// What identifies an event of a shape, so that a repeat of it is recognised.
#[derive(Debug)]
pub enum Identity {
    /// The sender's own id.
    At(&'static str),
    /// The sequence's id and position, the tag and a hash: the first two may be shared by several
    /// events of one update.
    Sequence { of: &'static str },
}

/// A place for every type of event.
pub const fn place(to: &'static str, from: &'static [&'static str], leaf: Leaf) -> Place {
    Place {
        to,
        from,
        leaf,
        when: When::Always,
    }
}

/// A place for the types that own the field.
pub const fn own(to: &'static str, from: &'static [&'static str], leaf: Leaf) -> Place {
    Place {
        to,
        from,
        leaf,
        when: When::Own,
    }
}

impl Decoder {
    /// Whether a document is of this shape.
    pub fn tells(&self, document: &Value) -> bool {
        match &self.sign {
            Sign::Has(path) => find(document, path).is_some(),
            Sign::Starts(path, starts) => find(document, path)
                .and_then(Value::as_str)
                .is_some_and(|text| starts.iter().any(|start| text.starts_with(start))),
        }
    }

    /// The normalised event of a document of this shape.
    pub fn event(&self, raw: Value, catalogue: &Catalogue) -> Result<Event, NotAnEvent> {
        for demand in self.demands {
            demand.check(&raw)?;
        }
        let named = self.naming.name(&raw, self.source, catalogue)?;
        let mut warnings: Vec<String> = named.warning.clone().into_iter().collect();
        let body = self.body(&raw, &named);
        let key = self.key(&raw)?;
        let time = self.time(&raw, &mut warnings)?;
        let id = self.id(&raw, &named.tag)?;
        let about = Event::about(self.source, &named.tag, &id, key.as_deref(), time);
        Ok(Event {
            source: self.source.to_owned(),
            event_type: named.tag,
            id,
            key,
            time,
            envelope: built(self.envelope, &raw, None),
            body,
            raw,
            about,
            shape: self.shape,
            warnings,
        })
    }

    fn body(&self, raw: &Value, named: &Named) -> Value {
        let mut body = built(self.body, raw, named.known);
        if let (Value::Object(body), Some(display)) = (&mut body, &named.display) {
            body.insert("type".into(), Value::from(display.as_str()));
        }
        body
    }

    fn key(&self, raw: &Value) -> Result<Option<String>, NotAnEvent> {
        let there = self
            .key
            .iter()
            .find_map(|path| find(raw, path).filter(|v| !v.is_null()).map(|v| (path, v)));
        match there {
            Some((path, value)) => name_of(value, path).map(Some),
            None => Ok(None),
        }
    }

    fn time(
        &self,
        raw: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Timestamp>, NotAnEvent> {
        let Some((path, value)) = first(raw, self.time) else {
            return Ok(None);
        };
        match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(moment(text).or_else(|| {
                warnings.push(not_a_time(path, text));
                None
            })),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(NotAnEvent::wrong(path, Some(value), "a time"))
            }
        }
    }

    fn id(&self, raw: &Value, tag: &str) -> Result<String, NotAnEvent> {
        match &self.id {
            Identity::At(path) => match find(raw, path) {
                Some(value) => name_of(value, path),
                // A body written by hand may lack it; the hash still tells a repeat.
                None => Ok(format!("sha256-{}", fingerprint(raw))),
            },
            Identity::Sequence { of } => Ok(sequence_id(find(raw, of).unwrap_or(raw), tag)),
        }
    }
}

impl Demand {
    fn check(&self, document: &Value) -> Result<(), NotAnEvent> {
        let (path, expected, holds) = match self {
            Demand::Object(path) => (path, "an object", is(document, path, Value::is_object)),
            Demand::ObjectIfThere(path) => {
                let absent = find(document, path).is_none_or(Value::is_null);
                (
                    path,
                    "an object",
                    absent || is(document, path, Value::is_object),
                )
            }
            Demand::Text(path) => (path, "text", is(document, path, Value::is_string)),
            Demand::Id(path) => (path, "an id", is(document, path, is_id)),
        };
        if holds {
            return Ok(());
        }
        Err(NotAnEvent::wrong(path, find(document, path), expected))
    }
}

fn is(document: &Value, path: &str, holds: fn(&Value) -> bool) -> bool {
    find(document, path).is_some_and(holds)
}

fn is_id(value: &Value) -> bool {
    Leaf::Id.apply(value.clone(), None).is_u64()
}

/// A time as help desks write it. One without a zone is UTC.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
    })
}

pub fn not_a_time(path: &str, text: &str) -> String {
    format!("`{path}` is `{text}`, which is no time: the event is treated as one without a time")
}

/// An id or key as text.
pub fn name_of(value: &Value, path: &str) -> Result<String, NotAnEvent> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(NotAnEvent::wrong(path, Some(value), "an id"))
        }
    }
}

fn sequence_id(body: &Value, tag: &str) -> String {
    let part = |path| match find(body, path) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    let hash = fingerprint(body)[..16].to_owned();
    [
        part("meta.sequence.id"),
        part("meta.sequence.position"),
        Some(tag.to_owned()),
        Some(hash),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("-")
}

fn built(places: &[Place], raw: &Value, known: Option<&EventType>) -> Value {
    let mut object = Map::new();
    for place in places {
        if place.when == When::Own && !known.is_some_and(|t| t.owns(place.to)) {
            continue;
        }
        if let Some((_, value)) = first(raw, place.from) {
            let value = place
                .leaf
                .apply(value.clone(), known.map(|t| (t, place.to)));
            put(&mut object, place.to, value);
        }
    }
    Value::Object(object)
}

impl NotAnEvent {
    /// Something else stands where a shape has its own.
    pub(super) fn wrong(path: &str, value: Option<&Value>, expected: &str) -> NotAnEvent {
        let found = match value {
            None => "absent".to_owned(),
            // Of the right kind, so that only the value itself tells what is wrong.
            Some(Value::String(text)) if expected == "an id" => format!("`{text}`"),
            Some(Value::Number(number)) if expected == "an id" => number.to_string(),
            Some(value) => kind(value).to_owned(),
        };
        NotAnEvent::at(path, format!("`{path}` is {found}, expected {expected}"))
    }
}
