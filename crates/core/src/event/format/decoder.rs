//! A built-in event format as a table: its marker, requirements and field mappings.
//! A document with the marker that does not meet a requirement is an error with its path.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::EventType;
use crate::event::format::DecodeError;
use crate::event::format::transform::Transform;
use crate::event::format::type_name::{ResolvedType, TypeNameSource};
use crate::event::header::{EventFormat, EventHeader, EventId, name_of};
use crate::event::json::content_hash::fingerprint;
use crate::event::json::lookup::{DocumentPath, PathCursor, find, first, put};
use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;

/// The table of one format. All readers of events use these tables.
#[derive(Debug)]
pub struct Decoder {
    /// The name of the format: `zis`, `zendesk_webhook`, `eventbridge`, `upmind`.
    pub format: &'static str,
    pub source: &'static str,
    /// Distinguishes the format from the others.
    pub marker: Marker,
    /// What a document of this format must have.
    pub requirements: &'static [Requirement],
    /// Where the event type is, and by which kind of name.
    pub type_name: TypeNameSource,
    pub id: IdRule,
    /// What the event is about: the first path that is present and not null.
    pub key: &'static [DocumentPath],
    pub time: &'static [DocumentPath],
    pub envelope: &'static [FieldMapping],
    /// From general to specific: a later mapping overrides parts of an earlier one.
    pub body: &'static [FieldMapping],
}

/// What distinguishes a format from the others.
#[derive(Debug)]
pub enum Marker {
    /// The path is present, with any value.
    Has(DocumentPath),
    /// The text at the path starts with one of these.
    Starts(DocumentPath, &'static [&'static str]),
}

/// A requirement of a format.
#[derive(Debug)]
pub enum Requirement {
    Object(DocumentPath),
    /// An object, null or absent.
    ObjectIfThere(DocumentPath),
    Text(DocumentPath),
    /// A whole number, as number or text.
    Id(DocumentPath),
}

/// Maps paths of the document to a normalised path, with a transform.
#[derive(Debug)]
pub struct FieldMapping {
    pub to: &'static str,
    /// The first of these that is present.
    pub from: &'static [DocumentPath],
    pub transform: Transform,
    pub applies_to: AppliesTo,
}

/// Which event types a mapping applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppliesTo {
    Always,
    /// Only the types that declare the field in the catalogue.
    Own,
}

/// How the event id of a format is made. The id decides redelivery.
#[derive(Debug)]
pub enum IdRule {
    /// The sender's id.
    At(DocumentPath),
    /// The id and position of the sequence, the event type and a hash. Several events of one update can
    /// share the id and position.
    Sequence { of: DocumentPath },
}

/// Makes a table of mappings: those in the first brackets, the rows `place|own "to" <- "from", … => Transform;`,
/// those in the last brackets.
macro_rules! mappings {
    ([$($before:expr),*] $($when:ident $to:literal <- $($from:literal),+ => $leaf:ident;)* [$($after:expr),*]) => {
        &[
            $($before,)*
            $($crate::event::format::decoder::$when(
                $to,
                $crate::event::json::lookup::at![$($from),+],
                $crate::event::format::transform::Transform::$leaf,
            ),)*
            $($after,)*
        ]
    };
}
pub(crate) use mappings;

/// A mapping for every event type.
pub const fn mapping(
    to: &'static str,
    from: &'static [DocumentPath],
    transform: Transform,
) -> FieldMapping {
    FieldMapping {
        to,
        from,
        transform,
        applies_to: AppliesTo::Always,
    }
}

/// A mapping for the types that declare the field.
pub const fn declared(
    to: &'static str,
    from: &'static [DocumentPath],
    transform: Transform,
) -> FieldMapping {
    FieldMapping {
        to,
        from,
        transform,
        applies_to: AppliesTo::Own,
    }
}

impl Decoder {
    /// Whether a document has this format.
    pub fn matches(&self, document: ValueRef<'_>) -> bool {
        match &self.marker {
            Marker::Has(at) => at.find(document).is_some(),
            Marker::Starts(at, starts) => at
                .find(document)
                .and_then(ValueRef::text)
                .is_some_and(|text| starts.iter().any(|start| text.starts_with(start))),
        }
    }

    /// Reads the header of an event of this format.
    pub fn head<'a>(
        &'static self,
        document: ValueRef<'a>,
        catalogue: &'a Catalogue,
    ) -> Result<EventHeader<'a>, DecodeError> {
        let walk = &mut PathCursor::new(document);
        for requirement in self.requirements {
            requirement.check(walk)?;
        }
        let named = self.type_name.name(walk, self.source, catalogue)?;
        Ok(EventHeader {
            document,
            format: EventFormat::BuiltIn(self),
            source: self.source,
            endpoint: self.source,
            named,
            key: self.key(walk)?,
            time: self.time(walk)?,
            id: self.id(walk)?,
        })
    }

    /// All paths that it reads.
    pub fn paths(&'static self) -> Vec<&'static DocumentPath> {
        let (Marker::Has(marker) | Marker::Starts(marker, _)) = &self.marker;
        let type_name = match &self.type_name {
            TypeNameSource::Display { at, .. }
            | TypeNameSource::Webhook { at }
            | TypeNameSource::Code { at } => Some(at),
            TypeNameSource::Constant(_) => None,
        };
        let (IdRule::At(id) | IdRule::Sequence { of: id }) = &self.id;
        let requirements = self
            .requirements
            .iter()
            .map(|requirement| match requirement {
                Requirement::Object(at)
                | Requirement::ObjectIfThere(at)
                | Requirement::Text(at)
                | Requirement::Id(at) => at,
            });
        let body = self.body.iter().chain(self.envelope);
        let lists = self
            .key
            .iter()
            .chain(self.time)
            .chain(body.flat_map(|mapping| mapping.from));
        [marker, id]
            .into_iter()
            .chain(type_name)
            .chain(requirements)
            .chain(lists)
            .collect()
    }

    /// The normalised body of a document.
    pub fn body(&self, document: ValueRef<'_>, named: &ResolvedType<'_>) -> Value {
        let mut body = built(self.body, document, named.known);
        if let Value::Object(body) = &mut body {
            body.insert("type".into(), Value::from(&*named.display));
        }
        body
    }

    pub fn has_envelope_field(&self, name: &str) -> bool {
        self.envelope.iter().any(|place| place.to == name)
    }

    pub fn envelope(&self, document: ValueRef<'_>) -> Value {
        built(self.envelope, document, None)
    }

    fn key<'a>(
        &'static self,
        walk: &mut PathCursor<'a>,
    ) -> Result<Option<ValueRef<'a>>, DecodeError> {
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
        walk: &mut PathCursor<'a>,
    ) -> Result<Option<(&'static str, ValueRef<'a>)>, DecodeError> {
        let Some((path, time)) = walk.first(self.time) else {
            return Ok(None);
        };
        match time.kind() {
            JsonKind::Null => Ok(None),
            JsonKind::Text => Ok(Some((path, time))),
            JsonKind::Bool | JsonKind::Number | JsonKind::List | JsonKind::Object => {
                Err(DecodeError::wrong(path, Some(time), "a time"))
            }
        }
    }

    fn id<'a>(&'static self, walk: &mut PathCursor<'a>) -> Result<EventId<'a>, DecodeError> {
        match &self.id {
            IdRule::At(at) => match walk.find(at) {
                Some(id) => name_of(id, at.text).map(EventId::Given),
                // A document written by hand may have no id; the hash still detects a redelivery.
                None => Ok(EventId::ContentHash),
            },
            IdRule::Sequence { of } => {
                Ok(EventId::Sequence(walk.find(of).unwrap_or(walk.document)))
            }
        }
    }
}

impl Requirement {
    fn check(&'static self, walk: &mut PathCursor<'_>) -> Result<(), DecodeError> {
        let (Requirement::Object(at)
        | Requirement::ObjectIfThere(at)
        | Requirement::Text(at)
        | Requirement::Id(at)) = self;
        let found = walk.find(at);
        let is = |kind| found.is_some_and(|datum| datum.kind() == kind);
        let (expected, holds) = match self {
            Requirement::Object(_) => ("an object", is(JsonKind::Object)),
            Requirement::ObjectIfThere(_) => {
                let absent = found.is_none_or(ValueRef::is_null);
                ("an object", absent || is(JsonKind::Object))
            }
            Requirement::Text(_) => ("text", is(JsonKind::Text)),
            Requirement::Id(_) => ("an id", found.is_some_and(is_id)),
        };
        match holds {
            true => Ok(()),
            false => Err(DecodeError::wrong(at.text, found, expected)),
        }
    }
}

fn is_id(datum: ValueRef<'_>) -> bool {
    match datum.kind() {
        JsonKind::Number => datum.is_unsigned(),
        JsonKind::Null | JsonKind::Bool | JsonKind::Text | JsonKind::List | JsonKind::Object => {
            let id = Transform::Id.apply(datum.value().into_owned(), None);
            id.is_u64()
        }
    }
}

/// The id of an event within an update: its sequence id and position, type and hash.
pub fn sequence_id(body: ValueRef<'_>, event_type: &str) -> String {
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
        Some(Cow::Borrowed(event_type)),
        Some(Cow::Borrowed(hash)),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("-")
}

fn built(mappings: &[FieldMapping], document: ValueRef<'_>, known: Option<&EventType>) -> Value {
    let mut object = Map::new();
    for mapping in mappings {
        if mapping.applies_to == AppliesTo::Own && !known.is_some_and(|t| t.owns(mapping.to)) {
            continue;
        }
        if let Some((_, found)) = first(document, mapping.from) {
            let value = found.value().into_owned();
            let value = mapping
                .transform
                .apply(value, known.map(|t| (t, mapping.to)));
            put(&mut object, mapping.to, value);
        }
    }
    Value::Object(object)
}

impl DecodeError {
    /// The error for a value of the wrong type.
    pub(crate) fn wrong(path: &str, found: Option<ValueRef<'_>>, expected: &str) -> DecodeError {
        let kind = found.as_ref().map_or("absent", |found| found.describe());
        let finding = format!("`{path}` is {kind}, expected {expected}");
        let found = match found {
            None => "absent".to_owned(),
            // The type can be right, so the message shows the value.
            Some(found) if expected == "an id" => match (found.text(), found.number()) {
                (Some(text), _) => format!("`{text}`"),
                (None, Some(number)) => number.to_string(),
                (None, None) => found.describe().to_owned(),
            },
            Some(found) => found.describe().to_owned(),
        };
        DecodeError::at(path, format!("`{path}` is {found}, expected {expected}"))
            .without_text(finding)
    }
}
