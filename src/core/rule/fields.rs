//! What events of a rule's types hold, as far as the catalogue knows: the ground for refusing a field
//! that is not there and a comparison that cannot hold. It answers for the types together: a field is
//! there if one of them has it.

use crate::core::event::body_key;
use crate::core::event::catalogue::{EventType, FieldLookup, FieldType};

#[derive(Debug, Clone)]
pub enum Fields {
    /// Of these types.
    Of(Vec<EventType>),
    /// A type is not in the catalogue, and anything may stand in its events.
    Open,
    /// Of whatever type: only what every event has.
    Any,
    /// There is no event: the configuration is read before any comes.
    None,
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

impl Fields {
    pub fn check(&self, dotted: &str) -> FieldCheck {
        let types = match self {
            Fields::Of(types) => types,
            Fields::Open => return FieldCheck::Open,
            Fields::Any if EVERYWHERE.contains(&dotted) => return FieldCheck::Open,
            Fields::Any => return FieldCheck::Unknown { nearest: None },
            Fields::None => return FieldCheck::Unknown { nearest: None },
        };
        let (mut known, mut near) = (Vec::new(), None);
        for event_type in types {
            match event_type.field(dotted) {
                FieldLookup::Open => return FieldCheck::Open,
                FieldLookup::Known(field) => known.push(field.clone()),
                FieldLookup::Unknown { nearest } => near = near.or(nearest),
            }
        }
        if known.is_empty() && !types.is_empty() {
            return FieldCheck::Unknown { nearest: near };
        }
        known.dedup();
        FieldCheck::Known(known)
    }

    /// Which events bring a field, in words, where not all of them do.
    pub fn only(&self, dotted: &str) -> Option<String> {
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

    /// Widens them by further types.
    pub fn add(&mut self, more: Vec<EventType>) {
        match self {
            Fields::Of(types) => types.extend(more),
            Fields::None => *self = Fields::Of(more),
            Fields::Open | Fields::Any => {}
        }
    }

    /// The keys under which the ZIS envelope has the bodies of these types; none where any may come.
    pub fn body_keys(&self) -> Vec<&'static str> {
        let types = self.types().iter();
        let mut keys: Vec<_> = types.map(|t| body_key(&t.source, &t.tag)).collect();
        keys.dedup();
        keys
    }

    /// The event types in words, for messages.
    pub fn words(&self) -> String {
        match self.types() {
            [one] => format!("`{}`", one.tag),
            [first, rest @ ..] => format!("`{}` (nor any of {} more types)", first.tag, rest.len()),
            [] => match self {
                Fields::Any => "an event of any type".into(),
                Fields::Of(_) | Fields::Open | Fields::None => "the configuration".into(),
            },
        }
    }

    /// What to read instead where events of any type may come.
    pub fn instead(&self) -> Option<String> {
        match self {
            Fields::Any => Some(format!(
                "it has {}; `event.key` is the ticket; a rule's own `on_dead` reads all fields of its events",
                EVERYWHERE.map(|field| format!("`{field}`")).join(", ")
            )),
            Fields::Of(_) | Fields::Open | Fields::None => None,
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
            Fields::Of(types) => types,
            Fields::Open | Fields::Any | Fields::None => &[],
        }
    }
}
