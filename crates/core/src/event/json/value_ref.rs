//! A borrowed JSON value, either built or on the tape.
//! Decoders and the index read both through this type.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::event::json::tape::{Item, Kind};

#[derive(Debug, Clone, Copy)]
pub enum Datum<'a> {
    Built(&'a Value),
    Taped(Item<'a>),
}

impl<'a> Datum<'a> {
    #[inline]
    pub fn kind(self) -> Kind {
        match self {
            Datum::Taped(item) => item.kind(),
            Datum::Built(value) => match value {
                Value::Null => Kind::Null,
                Value::Bool(_) => Kind::Bool,
                Value::Number(_) => Kind::Number,
                Value::String(_) => Kind::Text,
                Value::Array(_) => Kind::List,
                Value::Object(_) => Kind::Object,
            },
        }
    }

    #[inline]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value under a key of an object.
    pub fn get(self, key: &str) -> Option<Datum<'a>> {
        match self {
            Datum::Built(value) => value.as_object()?.get(key).map(Datum::Built),
            Datum::Taped(item) => item.get(key).map(Datum::Taped),
        }
    }

    /// The element of a list.
    pub fn at(self, index: usize) -> Option<Datum<'a>> {
        match self {
            Datum::Built(value) => value.as_array()?.get(index).map(Datum::Built),
            Datum::Taped(item) => item.elements().nth(index).map(Datum::Taped),
        }
    }

    /// One step of a path: a key of an object, or a number into a list.
    pub fn step(self, name: &str) -> Option<Datum<'a>> {
        match self.kind() {
            Kind::Object => self.get(name),
            Kind::List => self.at(name.parse().ok()?),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text => None,
        }
    }

    /// The value under a key, with the hash of the name already computed.
    #[inline]
    pub fn step_by(self, name: &str, hash: u32) -> Option<Datum<'a>> {
        match self {
            Datum::Taped(item) if item.kind() == Kind::Object => {
                item.find(name, hash).map(Datum::Taped)
            }
            Datum::Taped(_) | Datum::Built(_) => self.step(name),
        }
    }

    /// The elements of a list; empty for any other value.
    pub fn elements(self) -> impl Iterator<Item = Datum<'a>> {
        let (built, taped) = match self {
            Datum::Built(Value::Array(elements)) => (Some(elements), None),
            Datum::Built(_) => (None, None),
            Datum::Taped(item) => (None, Some(item)),
        };
        let built = built.into_iter().flatten().map(Datum::Built);
        let taped = taped.into_iter().flat_map(Item::elements);
        built.chain(taped.map(Datum::Taped))
    }

    /// The entries of an object; empty for any other value.
    pub fn entries(self) -> Vec<(&'a str, Datum<'a>)> {
        match self {
            Datum::Built(Value::Object(object)) => object
                .iter()
                .map(|(key, value)| (key.as_str(), Datum::Built(value)))
                .collect(),
            Datum::Built(_) => Vec::new(),
            Datum::Taped(item) => item
                .keys()
                .map(|(_, key, item)| (key, Datum::Taped(item)))
                .collect(),
        }
    }

    pub fn bool(self) -> Option<bool> {
        match self {
            Datum::Built(value) => value.as_bool(),
            Datum::Taped(item) => item.bool(),
        }
    }

    #[inline]
    pub fn number(self) -> Option<Number> {
        match self {
            Datum::Built(value) => value.as_number().cloned(),
            Datum::Taped(item) => item.number(),
        }
    }

    #[inline]
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Datum::Built(value) => value.as_str().map(Cow::Borrowed),
            Datum::Taped(item) => item.text(),
        }
    }

    /// The value, built if it is on the tape.
    pub fn value(self) -> Cow<'a, Value> {
        match self {
            Datum::Built(value) => Cow::Borrowed(value),
            Datum::Taped(item) => Cow::Owned(item.value()),
        }
    }

    /// The kind of the value, for messages: "a list", "null".
    pub fn words(self) -> &'static str {
        match self.kind() {
            Kind::Null => "null",
            Kind::Bool => "true or false",
            Kind::Number => "a number",
            Kind::Text => "text",
            Kind::List => "a list",
            Kind::Object => "an object",
        }
    }
}
