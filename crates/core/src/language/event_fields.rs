//! The fields that events of a rule's types have according to the catalogue.
//! A field is known if at least one of the types has it. `resolver` reports unknown fields and
//! comparisons that can never hold by it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::event::body_key;
use crate::event::catalogue::event_type::{EventType, FieldLookup};
use crate::event::catalogue::field_type::FieldType;
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
    checks: RefCell<HashMap<String, FieldCheck>>,
    only: RefCell<HashMap<String, Option<String>>>,
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

    fn look_up(&self, dotted: &str) -> FieldCheck {
        let (mut known, mut suggestion) = (Vec::new(), None);
        for event_type in self.types() {
            match event_type.field(dotted) {
                FieldLookup::Open => return FieldCheck::Open,
                FieldLookup::Known(field) => known.push(field.clone()),
                FieldLookup::Unknown { nearest } => suggestion = suggestion.or(nearest),
            }
        }
        if known.is_empty() && !self.types().is_empty() {
            return FieldCheck::Unknown {
                nearest: suggestion,
            };
        }
        known.dedup();
        FieldCheck::Known(known)
    }

    fn only(&self, dotted: &str) -> Option<String> {
        if let Some(only) = self.0.only.borrow().get(dotted) {
            return only.clone();
        }
        let only = self.find_only(dotted);
        let mut known = self.0.only.borrow_mut();
        known.insert(dotted.to_owned(), only.clone());
        only
    }

    fn find_only(&self, dotted: &str) -> Option<String> {
        let (mut with_field, mut lacking) = (Vec::new(), false);
        for event_type in self.types() {
            match event_type.field(dotted) {
                FieldLookup::Known(_) => with_field.push(event_type),
                FieldLookup::Open => return None,
                FieldLookup::Unknown { .. } => lacking = true,
            }
        }
        let first = with_field.first()?;
        if lacking {
            return Some(match with_field.len() {
                1 => format!("`{}` only", first.name),
                n => format!("`{}` and {} more of its types only", first.name, n - 1),
            });
        }
        first.only_in(dotted).map(|shapes| format!("{shapes} only"))
    }
}

/// The fields that every event has.
const COMMON_FIELDS: [&str; 6] = [
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

    /// Describes the events that have the field, if some of the events lack it.
    pub fn only(&self, dotted: &str) -> Option<String> {
        match self {
            EventFields::Of(types) => types.only(dotted),
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
        match self.types() {
            [one] => format!("`{}`", one.name),
            [first, rest @ ..] => {
                format!("`{}` (nor any of {} more types)", first.name, rest.len())
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
