//! A built-in event format as a table: its marker, requirements and field mappings.
//! A document with the marker that does not meet a requirement is an error with its path.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::EventType;
use crate::event::json::value_ref::Datum;
use crate::event::format::NotAnEvent;
use crate::event::json::content_hash::fingerprint;
use crate::event::header::{Head, Id, Shape, name_of};
use crate::event::format::transform::Leaf;
use crate::event::format::type_name::{Named, Naming};
use crate::event::json::lookup::{At, Walk, find, first, put};
use crate::event::json::tape::Kind;

/// The table of one format. All readers of events use these tables.
#[derive(Debug)]
pub struct Decoder {
    /// The name of the format: `zis`, `zendesk_webhook`, `eventbridge`, `upmind`.
    pub shape: &'static str,
    pub source: &'static str,
    /// Distinguishes the format from the others.
    pub sign: Sign,
    /// What a document of this format must have.
    pub demands: &'static [Demand],
    /// Where the event type is, and by which kind of name.
    pub naming: Naming,
    pub id: Identity,
    /// What the event is about: the first path that is present and not null.
    pub key: &'static [At],
    pub time: &'static [At],
    pub envelope: &'static [Place],
    /// From general to specific: a later mapping overrides parts of an earlier one.
    pub body: &'static [Place],
}

/// What distinguishes a format from the others.
#[derive(Debug)]
pub enum Sign {
    /// The path is present, with any value.
    Has(At),
    /// The text at the path starts with one of these.
    Starts(At, &'static [&'static str]),
}

/// A requirement of a format.
#[derive(Debug)]
pub enum Demand {
    Object(At),
    /// An object, null or absent.
    ObjectIfThere(At),
    Text(At),
    /// A whole number, as number or text.
    Id(At),
}

/// Maps paths of the document to a normalised path, with a transform.
#[derive(Debug)]
pub struct Place {
    pub to: &'static str,
    /// The first of these that is present.
    pub from: &'static [At],
    pub leaf: Leaf,
    pub when: When,
}

/// Which event types a mapping applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// Only the types that declare the field in the catalogue.
    Own,
}

/// How the event id of a format is made. The id decides redelivery.
#[derive(Debug)]
pub enum Identity {
    /// The sender's id.
    At(At),
    /// The id and position of the sequence, the event type and a hash. Several events of one update can
    /// share the id and position.
    Sequence { of: At },
}

/// A mapping for every event type.
pub const fn place(to: &'static str, from: &'static [At], leaf: Leaf) -> Place {
    Place {
        to,
        from,
        leaf,
        when: When::Always,
    }
}

/// A mapping for the types that declare the field.
pub const fn own(to: &'static str, from: &'static [At], leaf: Leaf) -> Place {
    Place {
        to,
        from,
        leaf,
        when: When::Own,
    }
}

impl Decoder {
    /// Whether a document has this format.
    pub fn matches(&self, document: Datum<'_>) -> bool {
        match &self.sign {
            Sign::Has(at) => at.find(document).is_some(),
            Sign::Starts(at, starts) => at
                .find(document)
                .and_then(Datum::text)
                .is_some_and(|text| starts.iter().any(|start| text.starts_with(start))),
        }
    }

    /// Reads the header of an event of this format.
    pub fn head<'a>(
        &'static self,
        document: Datum<'a>,
        catalogue: &'a Catalogue,
    ) -> Result<Head<'a>, NotAnEvent> {
        let walk = &mut Walk::new(document);
        for demand in self.demands {
            demand.check(walk)?;
        }
        let named = self.naming.name(walk, self.source, catalogue)?;
        Ok(Head {
            document,
            shape: Shape::BuiltIn(self),
            source: self.source,
            named,
            key: self.key(walk)?,
            time: self.time(walk)?,
            id: self.id(walk)?,
        })
    }

    /// All paths that it reads.
    #[cfg(test)]
    pub fn places(&'static self) -> Vec<&'static At> {
        let (Sign::Has(sign) | Sign::Starts(sign, _)) = &self.sign;
        let (Naming::Display { at: naming, .. }
        | Naming::Webhook { at: naming }
        | Naming::Code { at: naming }) = &self.naming;
        let (Identity::At(id) | Identity::Sequence { of: id }) = &self.id;
        let demands = self.demands.iter().map(|demand| match demand {
            Demand::Object(at) | Demand::ObjectIfThere(at) | Demand::Text(at) | Demand::Id(at) => {
                at
            }
        });
        let body = self.body.iter().chain(self.envelope);
        let lists = self
            .key
            .iter()
            .chain(self.time)
            .chain(body.flat_map(|place| place.from));
        [sign, naming, id]
            .into_iter()
            .chain(demands)
            .chain(lists)
            .collect()
    }

    /// The normalised body of a document.
    pub fn body(&self, document: Datum<'_>, named: &Named<'_>) -> Value {
        let mut body = built(self.body, document, named.known);
        if let Value::Object(body) = &mut body {
            body.insert("type".into(), Value::from(&*named.display));
        }
        body
    }

    pub fn envelope(&self, document: Datum<'_>) -> Value {
        built(self.envelope, document, None)
    }

    fn key<'a>(&'static self, walk: &mut Walk<'a>) -> Result<Option<Datum<'a>>, NotAnEvent> {
        let mut present = self
            .key
            .iter()
            .filter_map(|at| Some((at.text, walk.find(at)?)));
        match present.find(|(_, key)| !key.is_null()) {
            Some((path, key)) => name_of(key, path).map(Some),
            None => Ok(None),
        }
    }

    fn time<'a>(
        &'static self,
        walk: &mut Walk<'a>,
    ) -> Result<Option<(&'static str, Datum<'a>)>, NotAnEvent> {
        let Some((path, time)) = walk.first(self.time) else {
            return Ok(None);
        };
        match time.kind() {
            Kind::Null => Ok(None),
            Kind::Text => Ok(Some((path, time))),
            Kind::Bool | Kind::Number | Kind::List | Kind::Object => {
                Err(NotAnEvent::wrong(path, Some(time), "a time"))
            }
        }
    }

    fn id<'a>(&'static self, walk: &mut Walk<'a>) -> Result<Id<'a>, NotAnEvent> {
        match &self.id {
            Identity::At(at) => match walk.find(at) {
                Some(id) => name_of(id, at.text).map(Id::Said),
                // A document written by hand may have no id; the hash still detects a redelivery.
                None => Ok(Id::Hash),
            },
            Identity::Sequence { of } => Ok(Id::Sequence(walk.find(of).unwrap_or(walk.document))),
        }
    }
}

impl Demand {
    fn check(&'static self, walk: &mut Walk<'_>) -> Result<(), NotAnEvent> {
        let (Demand::Object(at) | Demand::ObjectIfThere(at) | Demand::Text(at) | Demand::Id(at)) =
            self;
        let found = walk.find(at);
        let is = |kind| found.is_some_and(|datum| datum.kind() == kind);
        let (expected, holds) = match self {
            Demand::Object(_) => ("an object", is(Kind::Object)),
            Demand::ObjectIfThere(_) => {
                let absent = found.is_none_or(Datum::is_null);
                ("an object", absent || is(Kind::Object))
            }
            Demand::Text(_) => ("text", is(Kind::Text)),
            Demand::Id(_) => ("an id", found.is_some_and(is_id)),
        };
        match holds {
            true => Ok(()),
            false => Err(NotAnEvent::wrong(at.text, found, expected)),
        }
    }
}

fn is_id(datum: Datum<'_>) -> bool {
    match datum.number() {
        Some(number) => number.is_u64(),
        None => Leaf::Id.apply(datum.value().into_owned(), None).is_u64(),
    }
}

/// The id of an event within an update: its sequence id and position, type and hash.
pub fn sequence_id(body: Datum<'_>, tag: &str) -> String {
    let part = |path| match find(body, path) {
        Some(part) => match part.number() {
            Some(number) => Some(Cow::Owned(number.to_string())),
            None => part.text(),
        },
        None => None,
    };
    let hash = &fingerprint(body)[..16];
    [
        part("meta.sequence.id"),
        part("meta.sequence.position"),
        Some(Cow::Borrowed(tag)),
        Some(Cow::Borrowed(hash)),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("-")
}

fn built(places: &[Place], document: Datum<'_>, known: Option<&EventType>) -> Value {
    let mut object = Map::new();
    for place in places {
        if place.when == When::Own && !known.is_some_and(|t| t.owns(place.to)) {
            continue;
        }
        if let Some((_, found)) = first(document, place.from) {
            let value = found.value().into_owned();
            let value = place.leaf.apply(value, known.map(|t| (t, place.to)));
            put(&mut object, place.to, value);
        }
    }
    Value::Object(object)
}

impl NotAnEvent {
    /// The error for a value of the wrong type.
    pub(crate) fn wrong(path: &str, found: Option<Datum<'_>>, expected: &str) -> NotAnEvent {
        let found = match found {
            None => "absent".to_owned(),
            // The type can be right, so the message shows the value.
            Some(found) if expected == "an id" => match (found.text(), found.number()) {
                (Some(text), _) => format!("`{text}`"),
                (None, Some(number)) => number.to_string(),
                (None, None) => found.words().to_owned(),
            },
            Some(found) => found.words().to_owned(),
        };
        NotAnEvent::at(path, format!("`{path}` is {found}, expected {expected}"))
    }
}
