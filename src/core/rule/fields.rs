//! What events of a rule's types hold, as far as the catalogue knows: the ground for refusing a field
//! that is not there and a comparison that cannot hold. It answers for the types together: a field is
//! there if one of them has it.

use crate::core::event::catalogue::{EventType, FieldLookup, FieldType};

#[derive(Debug, Clone)]
pub struct Fields {
    /// None where a type is not in the catalogue, and anything may stand in its events.
    types: Option<Vec<EventType>>,
}

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
    pub fn of(types: Vec<EventType>) -> Self {
        Self { types: Some(types) }
    }

    /// Fields of an event type that the catalogue does not know.
    pub fn open() -> Self {
        Self { types: None }
    }

    pub fn check(&self, dotted: &str) -> FieldCheck {
        let Some(types) = &self.types else {
            return FieldCheck::Open;
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

    /// The event types in words, for messages.
    pub fn words(&self) -> String {
        match self.types.as_deref() {
            Some([one]) => format!("`{}`", one.tag),
            Some([first, second]) => format!("neither `{}` nor `{}`", first.tag, second.tag),
            Some([first, rest @ ..]) => {
                format!("none of `{}` and {} more types", first.tag, rest.len())
            }
            Some([]) | None => "the event".into(),
        }
    }

    /// Where to look the fields up.
    pub fn advice(&self) -> String {
        match self.types.as_deref() {
            Some([first, ..]) => format!("`flowtrigger events {}` lists its fields", first.tag),
            Some([]) | None => "`flowtrigger events` lists types and fields".into(),
        }
    }
}
