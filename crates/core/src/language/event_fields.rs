//! The fields that events of a rule's types have according to the catalogue.
//! A field is known if at least one of the types lists it. `resolver` reports unknown fields and
//! comparisons that can never hold by it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::event::body_key;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::{EventType, FieldLookup};
use crate::event::catalogue::field_type::FieldType;
use crate::event::catalogue::misspelling;
use crate::event::catalogue::unknown_field;

/// The fields of the events that a condition or template reads.
#[derive(Debug, Clone)]
pub enum EventFields {
    /// Events of these types.
    Of(EventTypes),
    /// A type is not in the catalogue: its events may have any field.
    Open,
    /// Events of any type: only the fields that every event has are known.
    Any,
    /// No event: the configuration is read before the first event.
    None,
}

/// Event types with a cache of the answers about their fields, because thousands of rules ask for the
/// same fields. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct EventTypes(Rc<EventTypesInner>);

#[derive(Debug, Default)]
struct EventTypesInner {
    types: Vec<EventType>,
    /// The families of these types, if the rule's own types are not known.
    assumed: Option<String>,
    checks: RefCell<HashMap<String, FieldCheck>>,
    absences: RefCell<HashMap<String, Option<Absence>>>,
}

/// Why events of a rule's types may lack a field that some of them have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// Only some types or formats have it, as described.
    Only(String),
    /// No type lists it, but the described types may have fields that are not listed.
    Unlisted(String),
}

/// Identifies an [`EventTypes`] by its address. It owns a clone, so that the address is not reused while
/// the key exists. `None` is [`EventFields::Open`].
#[derive(Debug, Clone)]
pub struct EventTypesKey(Option<EventTypes>);

impl EventTypesKey {
    fn address(&self) -> Option<*const EventTypesInner> {
        self.0.as_ref().map(|known| Rc::as_ptr(&known.0))
    }
}

impl PartialEq for EventTypesKey {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for EventTypesKey {}

impl Hash for EventTypesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl FromIterator<EventType> for EventTypes {
    fn from_iter<I: IntoIterator<Item = EventType>>(types: I) -> Self {
        Self(Rc::new(EventTypesInner {
            types: types.into_iter().collect(),
            ..EventTypesInner::default()
        }))
    }
}

impl EventTypes {
    pub fn types(&self) -> &[EventType] {
        &self.0.types
    }

    fn check(&self, dotted: &str) -> FieldCheck {
        if let Some(check) = self.0.checks.borrow().get(dotted) {
            return check.clone();
        }
        let check = self.look_up(dotted);
        let mut checks = self.0.checks.borrow_mut();
        checks.insert(dotted.to_owned(), check.clone());
        check
    }

    /// Returns types whose names are not known: all types of these families.
    pub fn assumed(types: Vec<EventType>, families: String) -> Self {
        Self(Rc::new(EventTypesInner {
            types,
            assumed: Some(families),
            ..EventTypesInner::default()
        }))
    }

    /// Whether these are the types of a family because the name of a type is not known.
    pub fn are_assumed(&self) -> bool {
        self.0.assumed.is_some()
    }

    fn look_up(&self, dotted: &str) -> FieldCheck {
        let (mut known, mut suggestion) = (Vec::new(), None);
        let (mut open, mut inside, mut misspelling) = (Vec::new(), false, None::<String>);
        for event_type in self.types() {
            match event_type.field(dotted) {
                FieldLookup::Open => inside = true,
                FieldLookup::Unlisted { misspelt } => {
                    open.push(event_type);
                    misspelling = misspelling.or(misspelt);
                }
                FieldLookup::Known(field) => known.push(field.clone()),
                FieldLookup::Unknown { nearest } => {
                    let listed = nearest.as_deref().into_iter();
                    misspelling = misspelling.or_else(|| misspelling::of(dotted, listed));
                    suggestion = suggestion.or(nearest);
                }
            }
        }
        if inside || (!open.is_empty() && !known.is_empty()) {
            return FieldCheck::Open;
        }
        if let Some(meant) = misspelling.filter(|_| !open.is_empty()) {
            return FieldCheck::Misspelt { meant };
        }
        if !open.is_empty() {
            return match self.expects_unlisted(&open) {
                true => FieldCheck::Open,
                false => FieldCheck::Unlisted {
                    nearest: suggestion,
                    only: (open.len() < self.types().len()).then(|| describe_types(&open)),
                },
            };
        }
        if known.is_empty() && !self.types().is_empty() {
            return FieldCheck::Unknown {
                nearest: suggestion,
            };
        }
        known.dedup();
        FieldCheck::Known(known)
    }

    /// Whether all types are described as open by the user, who knows that the events have other fields.
    fn expects_unlisted(&self, open: &[&EventType]) -> bool {
        let is_own =
            |of: &&EventType| Catalogue::built_in().by_name(&of.source, &of.name) != Some(of);
        open.len() == self.types().len() && open.iter().all(is_own)
    }

    fn absence(&self, dotted: &str) -> Option<Absence> {
        if let Some(known) = self.0.absences.borrow().get(dotted) {
            return known.clone();
        }
        let absence = self.find_absence(dotted);
        let mut known = self.0.absences.borrow_mut();
        known.insert(dotted.to_owned(), absence.clone());
        absence
    }

    fn find_absence(&self, dotted: &str) -> Option<Absence> {
        if self.0.assumed.is_some() {
            return None;
        }
        let (mut with_field, mut open, mut lacking) = (Vec::new(), Vec::new(), false);
        for event_type in self.types() {
            match event_type.field(dotted) {
                FieldLookup::Known(_) => with_field.push(event_type),
                FieldLookup::Open | FieldLookup::Unlisted { .. } => open.push(event_type),
                FieldLookup::Unknown { .. } => lacking = true,
            }
        }
        let Some(first) = with_field.first() else {
            return (!open.is_empty()).then(|| Absence::Unlisted(describe_types(&open)));
        };
        if lacking || !open.is_empty() {
            return Some(Absence::Only(format!(
                "{} only",
                describe_types(&with_field)
            )));
        }
        let formats = first.only_in(dotted)?;
        Some(Absence::Only(format!("{formats} only")))
    }
}

fn describe_types(types: &[&EventType]) -> String {
    match types {
        [] => String::new(),
        [one] => format!("`{}`", one.name),
        [first, rest @ ..] => format!("`{}` and {} more", first.name, rest.len()),
    }
}

/// The fields that every event has.
pub const COMMON_FIELDS: [&str; 6] = [
    "event.source",
    "event.endpoint",
    "event.type",
    "event.id",
    "event.key",
    "event.time",
];

/// What is known about a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldCheck {
    /// The types of the field in the event types that have it.
    Known(Vec<FieldType>),
    /// The field may exist and may have any type.
    Open,
    /// No event type lists the field, but some may have fields that are not listed.
    Unlisted {
        nearest: Option<String>,
        /// These types, if they are not all.
        only: Option<String>,
    },
    /// No event type lists the field, but some may have other fields, and the name is close to that of a listed
    /// field.
    Misspelt { meant: String },
    /// No event type has the field.
    Unknown { nearest: Option<String> },
}

impl EventFields {
    /// Looks a dotted field name up.
    pub fn check(&self, dotted: &str) -> FieldCheck {
        match self {
            EventFields::Of(types) => types.check(dotted),
            EventFields::Open => FieldCheck::Open,
            EventFields::Any if COMMON_FIELDS.contains(&dotted) => FieldCheck::Open,
            EventFields::Any | EventFields::None => FieldCheck::Unknown { nearest: None },
        }
    }

    /// Returns why some of the events may lack the field.
    pub fn absence(&self, dotted: &str) -> Option<Absence> {
        match self {
            EventFields::Of(types) => types.absence(dotted),
            EventFields::Open | EventFields::Any | EventFields::None => None,
        }
    }

    /// Returns whether all events are known and of this source.
    pub fn is_of(&self, source: &str) -> bool {
        let types = self.types();
        !types.is_empty() && types.iter().all(|known| known.source == source)
    }

    /// Returns the keys of the ZIS envelope under which these types have their bodies; empty if the types
    /// are not known.
    pub fn body_keys(&self) -> Vec<&'static str> {
        let types = self.types().iter();
        let mut keys: Vec<_> = types.map(|t| body_key(&t.source, &t.name)).collect();
        keys.dedup();
        keys
    }

    /// Returns a key that identifies these fields while rules are lowered; `None` if events may have any
    /// type, or if there is no event.
    pub fn identity(&self) -> Option<EventTypesKey> {
        match self {
            EventFields::Of(known) => Some(EventTypesKey(Some(known.clone()))),
            EventFields::Open => Some(EventTypesKey(None)),
            EventFields::Any | EventFields::None => None,
        }
    }

    /// Says that the events do not have a field.
    pub fn unknown_field(&self, field: &str) -> String {
        unknown_field::message(&self.describe(), field)
    }

    /// Describes the event types for messages.
    pub fn describe(&self) -> String {
        if let EventFields::Of(EventTypes(inner)) = self
            && let Some(families) = &inner.assumed
        {
            return format!("`{families}`");
        }
        match self.types() {
            [one] => format!("`{}`", one.name),
            [first, rest @ ..] => {
                let noun = if rest.len() == 1 { "type" } else { "types" };
                format!(
                    "`{}` (like {} more {noun} of the rule)",
                    first.name,
                    rest.len()
                )
            }
            [] => match self {
                EventFields::Any => "an event of any type".into(),
                EventFields::Of(_) | EventFields::Open | EventFields::None => {
                    "the configuration".into()
                }
            },
        }
    }

    /// Returns a help text about the common fields, if events may have any type.
    pub fn instead(&self) -> Option<String> {
        match self {
            EventFields::Any => Some(format!(
                "it has {}; `event.key` is the ticket; a rule's own `on_dead` reads all fields of its events",
                COMMON_FIELDS.map(|field| format!("`{field}`")).join(", ")
            )),
            EventFields::Of(_) | EventFields::Open | EventFields::None => None,
        }
    }

    /// Returns a help text that names the command that lists the fields.
    pub fn advice(&self) -> String {
        match self.types() {
            [first, ..] => format!("`flowtrigger events {}` lists its fields", first.name),
            [] => "`flowtrigger events` lists types and fields".into(),
        }
    }

    fn types(&self) -> &[EventType] {
        match self {
            EventFields::Of(known) => known.types(),
            EventFields::Open | EventFields::Any | EventFields::None => &[],
        }
    }
}
