//! The document of an event as it was received: its text, its value, or both.
//! Most events are matched, stored and executed without anything reading it as a value.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use serde_json::Value;

use crate::event::json::parse::parse;
use crate::event::json::tape::TapeDocument;

/// The JSON as received. Reads as a value, which is built from the text on the first use.
#[derive(Debug, Clone, Default)]
pub struct ReceivedDocument {
    /// Left out if only the value is known.
    text: Option<Box<str>>,
    value: OnceLock<Value>,
}

impl ReceivedDocument {
    /// Null.
    pub const fn null() -> Self {
        Self {
            text: None,
            value: OnceLock::new(),
        }
    }

    pub fn of_tape(scanned: &TapeDocument<'_>) -> Self {
        Self::of_text(scanned.text().trim())
    }

    /// A document that the scanner accepts, which the parser then reads without repairs.
    fn of_text(text: &str) -> Self {
        Self {
            text: Some(text.into()),
            value: OnceLock::new(),
        }
    }

    /// The text, if it was kept.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    pub fn value(&self) -> &Value {
        match &self.text {
            None => self.value.get().unwrap_or(&Value::Null),
            Some(text) => self.value.get_or_init(|| built(text)),
        }
    }

    pub fn into_value(mut self) -> Value {
        match self.value.take() {
            Some(value) => value,
            None => self.text.as_deref().map_or(Value::Null, built),
        }
    }

    /// The value under a key of an object. Does not build the value where the text cannot have the key, which needs
    /// no escapes.
    pub fn field(&self, key: &str) -> Option<&Value> {
        match &self.text {
            Some(text) if !text.contains(key) => None,
            Some(_) | None => self.value().get(key),
        }
    }

    /// Whether the document is this text. Does not build the value of an object.
    pub fn is_string(&self, string: &str) -> bool {
        let can_be = self.text().is_none_or(|text| text.starts_with('"'));
        can_be && self.value() == string
    }
}

fn built(text: &str) -> Value {
    let parsed = parse(text.as_bytes());
    parsed.expect("the parser reads what was scanned").value
}

impl Deref for ReceivedDocument {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.value()
    }
}

/// The document is what is written then, no longer the text.
impl DerefMut for ReceivedDocument {
    fn deref_mut(&mut self) -> &mut Value {
        if let Some(text) = self.text.take() {
            self.value.get_or_init(|| built(&text));
        }
        self.value.get_or_init(|| Value::Null);
        self.value.get_mut().expect("the value was set")
    }
}

impl From<Value> for ReceivedDocument {
    fn from(value: Value) -> Self {
        Self {
            text: None,
            value: OnceLock::from(value),
        }
    }
}

impl PartialEq for ReceivedDocument {
    fn eq(&self, other: &Self) -> bool {
        let same_text = self.text.is_some() && self.text == other.text;
        same_text || self.value() == other.value()
    }
}

impl PartialEq<Value> for ReceivedDocument {
    fn eq(&self, other: &Value) -> bool {
        self.value() == other
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_and_its_value_are_the_same_document() {
        let text = r#"{"a": [1, "x"], "b": {"c": 12345678901234567890}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let of_text = ReceivedDocument::of_text(text);
        let of_value = ReceivedDocument::from(value.clone());
        assert_eq!(of_text, of_value);
        assert_eq!(of_text.clone().into_value(), value);
        assert_eq!(of_value.into_value(), value);
        assert_eq!(of_text["a"][1], "x");
        assert_eq!(of_text.text(), Some(text));
        assert_eq!(
            ReceivedDocument::null(),
            ReceivedDocument::from(Value::Null)
        );
        assert_eq!(ReceivedDocument::default().into_value(), Value::Null);
    }

    #[test]
    fn what_is_changed_is_no_longer_the_text() {
        let mut document = ReceivedDocument::of_text(r#"{"a":1,"b":2}"#);
        document["a"] = json!(3);
        assert_eq!(document, json!({"a": 3, "b": 2}));
        assert_eq!(document.text(), None);
        let mut document = ReceivedDocument::null();
        document["a"] = json!(3);
        assert_eq!(document, json!({"a": 3}));
    }

    #[test]
    fn a_field_is_found_without_building_what_has_none() {
        let document = ReceivedDocument::of_text(r#"{"a":{"b":1}}"#);
        assert_eq!(document.field("c"), None);
        assert!(document.value.get().is_none());
        assert_eq!(document.field("b"), None);
        assert_eq!(document.field("a"), Some(&json!({"b": 1})));
    }
}
