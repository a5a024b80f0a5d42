//! A borrowed JSON value, either built or on the tape.
//! Decoders and the index read both through this type.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::event::json::tape::{JsonKind, TapeValue};
use crate::number::double;

#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    Built(&'a Value),
    Taped(TapeValue<'a>),
}

impl<'a> ValueRef<'a> {
    #[inline]
    pub fn kind(self) -> JsonKind {
        match self {
            ValueRef::Taped(item) => item.kind(),
            ValueRef::Built(value) => match value {
                Value::Null => JsonKind::Null,
                Value::Bool(_) => JsonKind::Bool,
                Value::Number(_) => JsonKind::Number,
                Value::String(_) => JsonKind::Text,
                Value::Array(_) => JsonKind::List,
                Value::Object(_) => JsonKind::Object,
            },
        }
    }

    #[inline]
    pub fn is_null(self) -> bool {
        self.kind() == JsonKind::Null
    }

    /// The value under a key of an object.
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        match self {
            ValueRef::Built(value) => value.as_object()?.get(key).map(ValueRef::Built),
            ValueRef::Taped(item) => item.get(key).map(ValueRef::Taped),
        }
    }

    /// The element of a list.
    pub fn at(self, index: usize) -> Option<ValueRef<'a>> {
        match self {
            ValueRef::Built(value) => value.as_array()?.get(index).map(ValueRef::Built),
            ValueRef::Taped(item) => item.elements().nth(index).map(ValueRef::Taped),
        }
    }

    /// One step of a path: a key of an object, or a number into a list.
    pub fn step(self, name: &str) -> Option<ValueRef<'a>> {
        match self.kind() {
            JsonKind::Object => self.get(name),
            JsonKind::List => self.at(name.parse().ok()?),
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => None,
        }
    }

    /// The value under a key, with the hash of the name already computed.
    #[inline]
    pub fn step_by(self, name: impl Fn() -> &'static str, hash: u32) -> Option<ValueRef<'a>> {
        match self {
            ValueRef::Taped(item) if item.kind() == JsonKind::Object => {
                item.find(name, hash).map(ValueRef::Taped)
            }
            ValueRef::Taped(_) | ValueRef::Built(_) => self.step(name()),
        }
    }

    /// The elements of a list; empty for any other value.
    pub fn elements(self) -> impl Iterator<Item = ValueRef<'a>> {
        let (built, taped) = match self {
            ValueRef::Built(Value::Array(elements)) => (Some(elements), None),
            ValueRef::Built(_) => (None, None),
            ValueRef::Taped(item) => (None, Some(item)),
        };
        let built = built.into_iter().flatten().map(ValueRef::Built);
        let taped = taped.into_iter().flat_map(TapeValue::elements);
        built.chain(taped.map(ValueRef::Taped))
    }

    /// Whether the value is null, an empty text or an empty list.
    pub fn is_empty(self) -> bool {
        match (self, self.kind()) {
            (_, JsonKind::Null) => true,
            (_, JsonKind::Bool | JsonKind::Number | JsonKind::Object) => false,
            (ValueRef::Built(Value::Array(list)), _) => list.is_empty(),
            (ValueRef::Taped(item), JsonKind::List) => item.elements().next().is_none(),
            (_, JsonKind::Text | JsonKind::List) => {
                self.least_length() == 0 && self.text().is_some_and(|text| text.is_empty())
            }
        }
    }

    /// A length that a text has at least, known without building it.
    #[inline]
    pub fn least_length(self) -> usize {
        match self {
            ValueRef::Built(value) => value.as_str().map_or(0, str::len),
            ValueRef::Taped(item) => item.least_length(),
        }
    }

    /// The entries of an object; empty for any other value.
    pub fn entries(self) -> Vec<(&'a str, ValueRef<'a>)> {
        match self {
            ValueRef::Built(Value::Object(object)) => object
                .iter()
                .map(|(key, value)| (key.as_str(), ValueRef::Built(value)))
                .collect(),
            ValueRef::Built(_) => Vec::new(),
            ValueRef::Taped(item) => item
                .entries()
                .map(|item| (item.key(), ValueRef::Taped(item)))
                .collect(),
        }
    }

    pub fn bool(self) -> Option<bool> {
        match self {
            ValueRef::Built(value) => value.as_bool(),
            ValueRef::Taped(item) => item.bool(),
        }
    }

    #[inline]
    pub fn number(self) -> Option<Number> {
        match self {
            ValueRef::Built(value) => value.as_number().cloned(),
            ValueRef::Taped(item) => item.number(),
        }
    }

    /// The text of an integer as it is written, if that is at hand.
    pub fn integer_text(self) -> Option<&'a str> {
        match self {
            ValueRef::Built(_) => None,
            ValueRef::Taped(item) => item.integer_text(),
        }
    }

    /// Whether the value is an integer that fits into 64 bits without a sign.
    pub fn is_unsigned(self) -> bool {
        match self {
            ValueRef::Built(value) => value.is_u64(),
            ValueRef::Taped(item) => item.is_unsigned(),
        }
    }

    /// The nearest double of a number.
    #[inline]
    pub fn double(self) -> Option<f64> {
        match self {
            ValueRef::Built(value) => value.as_number().map(double),
            ValueRef::Taped(item) => item.double(),
        }
    }

    #[inline]
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            ValueRef::Built(value) => value.as_str().map(Cow::Borrowed),
            ValueRef::Taped(item) => item.text(),
        }
    }

    /// The value, built if it is on the tape.
    pub fn value(self) -> Cow<'a, Value> {
        match self {
            ValueRef::Built(value) => Cow::Borrowed(value),
            ValueRef::Taped(item) => Cow::Owned(item.value()),
        }
    }

    /// The kind of the value, for messages: "a list", "null".
    pub fn describe(self) -> &'static str {
        match self.kind() {
            JsonKind::Null => "null",
            JsonKind::Bool => "true or false",
            JsonKind::Number => "a number",
            JsonKind::Text => "text",
            JsonKind::List => "a list",
            JsonKind::Object => "an object",
        }
    }
}
