//! What events of a rule's types hold, as far as the catalogue knows: the ground for refusing a field
//! that is not there and a comparison that cannot hold. It answers for the types together: a field is
//! there if one of them has it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::event::body_key;
use crate::event::catalogue::event_type::{EventType, FieldLookup};
use crate::event::catalogue::field_type::FieldType;

#[derive(Debug, Clone)]
pub enum EventFields {
    /// Of these types.
    Of(EventTypes),
    /// A type is not in the catalogue, and anything may stand in its events.
    Open,
    /// Of whatever type: only what every event has.
    Any,
    /// There is no event: the configuration is read before any comes.
    None,
}

/// Event types, and what was asked about their fields before: thousands of rules ask the same of a
/// type. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct EventTypes(Rc<EventTypesInner>);

#[derive(Debug, Default)]
struct EventTypesInner {
    types: Vec<EventType>,
    checks: RefCell<HashMap<String, FieldCheck>>,
    only: RefCell<HashMap<String, Option<String>>>,
}

/// The very fields that rules were judged by, as a key. It keeps them, so that no others come to stand
/// in their place.
#[derive(Debug, Clone)]
pub struct EventTypesKey(Option<EventTypes>);

impl EventTypesKey {
    fn place(&self) -> Option<*const EventTypesInner> {
        self.0.as_ref().map(|known| Rc::as_ptr(&known.0))
    }
}

impl PartialEq for EventTypesKey {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for EventTypesKey {}

impl Hash for EventTypesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
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
        let (mut known, mut near) = (Vec::new(), None);
        for event_type in self.types() {
            match event_type.field(dotted) {
                FieldLookup::Open => return FieldCheck::Open,
                FieldLookup::Known(field) => known.push(field.clone()),
                FieldLookup::Unknown { nearest } => near = near.or(nearest),
            }
        }
        if known.is_empty() && !self.types().is_empty() {
            return FieldCheck::Unknown { nearest: near };
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
        let (mut holding, mut lacking) = (Vec::new(), false);
        for event_type in self.types() {
            match event_type.field(dotted) {
                FieldLookup::Known(_) => holding.push(event_type),
                FieldLookup::Open => return None,
                FieldLookup::Unknown { .. } => lacking = true,
            }
        }
        let first = holding.first()?;
        if lacking {
            return Some(match holding.len() {
                1 => format!("`{}` only", first.tag),
                n => format!("`{}` and {} more of its types only", first.tag, n - 1),
            });
        }
        first.only_in(dotted).map(|shapes| format!("{shapes} only"))
    }
}

/// What every event has.
const EVERYWHERE: [&str; 5] = [
    "event.source",
    "event.type",
    "event.id",
    "event.key",
    "event.time",
];

#[derive(Debug, Clone, PartialEq)]
pub enum FieldCheck {
    /// The types that the field has, one for each event type that has it.
    Known(Vec<FieldType>),
    /// Nothing is known about it.
    Open,
    Unknown {
        nearest: Option<String>,
    },
}

impl EventFields {
    pub fn check(&self, dotted: &str) -> FieldCheck {
        match self {
            EventFields::Of(types) => types.check(dotted),
            EventFields::Open => FieldCheck::Open,
            EventFields::Any if EVERYWHERE.contains(&dotted) => FieldCheck::Open,
            EventFields::Any | EventFields::None => FieldCheck::Unknown { nearest: None },
        }
    }

    /// Which events bring a field, in words, where not all of them do.
    pub fn only(&self, dotted: &str) -> Option<String> {
        match self {
            EventFields::Of(types) => types.only(dotted),
            EventFields::Open | EventFields::Any | EventFields::None => None,
        }
    }

    /// The keys under which the ZIS envelope has the bodies of these types; none where any may come.
    pub fn body_keys(&self) -> Vec<&'static str> {
        let types = self.types().iter();
        let mut keys: Vec<_> = types.map(|t| body_key(&t.source, &t.tag)).collect();
        keys.dedup();
        keys
    }

    /// What tells these fields from others while rules are lowered; None where no event is there.
    pub fn identity(&self) -> Option<EventTypesKey> {
        match self {
            EventFields::Of(known) => Some(EventTypesKey(Some(known.clone()))),
            EventFields::Open => Some(EventTypesKey(None)),
            EventFields::Any | EventFields::None => None,
        }
    }

    /// The event types in words, for messages.
    pub fn words(&self) -> String {
        match self.types() {
            [one] => format!("`{}`", one.tag),
            [first, rest @ ..] => format!("`{}` (nor any of {} more types)", first.tag, rest.len()),
            [] => match self {
                EventFields::Any => "an event of any type".into(),
                EventFields::Of(_) | EventFields::Open | EventFields::None => {
                    "the configuration".into()
                }
            },
        }
    }

    /// What to read instead where events of any type may come.
    pub fn instead(&self) -> Option<String> {
        match self {
            EventFields::Any => Some(format!(
                "it has {}; `event.key` is the ticket; a rule's own `on_dead` reads all fields of its events",
                EVERYWHERE.map(|field| format!("`{field}`")).join(", ")
            )),
            EventFields::Of(_) | EventFields::Open | EventFields::None => None,
        }
    }

    /// Where to look the fields up.
    pub fn advice(&self) -> String {
        match self.types() {
            [first, ..] => format!("`flowtrigger events {}` lists its fields", first.tag),
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
