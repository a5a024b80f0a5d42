//! Replaces the values of redacted fields in the texts of an exchange, by the mark that redacted events have.
//! A leaf of a JSON body that equals a value is replaced whatever its length; in other text a value of four
//! characters or more is found in the forms that requests use.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::action::secret::redaction::{RedactedValue, Redactor};
use flowtrigger_core::event::json::size::{JsonSize, MAX_VALUES};
use flowtrigger_core::language::rendered_text::{RenderedJson, RenderedText};
use flowtrigger_core::path::redact::REDACTED;

/// Shorter values occur in any text.
const MIN_CHARS: usize = 4;

/// The values of redacted fields. The default has none.
#[derive(Clone, Default)]
pub struct FieldMask(Option<Arc<MaskedValues>>);

struct MaskedValues {
    leaves: Vec<Value>,
    redactor: Redactor,
}

impl fmt::Debug for FieldMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |masked| masked.leaves.len());
        write!(f, "FieldMask({count} values)")
    }
}

impl FieldMask {
    /// A mask of these values, and of the leaves of those that are lists or objects.
    pub fn new(values: &[&Value]) -> Self {
        let mut leaves = Vec::new();
        values
            .iter()
            .for_each(|value| add_leaves(value, &mut leaves));
        if leaves.is_empty() {
            return Self::default();
        }
        let texts = leaves.iter().flat_map(forms);
        let texts = texts.filter(|text| text.chars().count() >= MIN_CHARS);
        let redactor = Redactor::from_values(texts.map(|text| RedactedValue {
            text,
            label: REDACTED.to_owned(),
        }));
        Self(Some(Arc::new(MaskedValues { leaves, redactor })))
    }

    /// A text, which may be a value as a whole.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.0 {
            None => Cow::Borrowed(text),
            Some(masked) if masked.is_leaf_text(text) => Cow::Borrowed(REDACTED),
            Some(masked) => masked.redactor.text(text),
        }
    }

    /// A text whose end is missing.
    pub(super) fn head(&self, text: &str) -> String {
        match &self.0 {
            None => text.to_owned(),
            Some(masked) => masked.redactor.without_end(text),
        }
    }

    /// A text whose beginning is missing.
    pub(super) fn tail(&self, text: &str) -> String {
        match &self.0 {
            None => text.to_owned(),
            Some(masked) => masked.redactor.without_start(text),
        }
    }

    /// A rendered JSON body; `None` if it has no such leaf.
    pub(super) fn tree(&self, tree: &RenderedJson) -> Option<RenderedJson> {
        let masked = self.0.as_ref()?;
        let mut tree = tree.clone();
        masked.mask_tree(&mut tree).then_some(tree)
    }

    /// A rendered text that may be a value as a whole, such as the field of a form.
    pub(super) fn is_whole(&self, text: &RenderedText) -> bool {
        let is_plain = text.secrets().next().is_none();
        let masked = self.0.as_ref().filter(|_| is_plain);
        masked.is_some_and(|masked| masked.is_leaf_text(&text.to_string()))
    }

    /// A JSON text with its leaves replaced; `None` if it has no such leaf or is not JSON.
    pub(super) fn json(&self, bytes: &[u8]) -> Option<String> {
        let masked = self.0.as_ref()?;
        if JsonSize::of(bytes).values > MAX_VALUES {
            return None;
        }
        let mut value: Value = serde_json::from_slice(bytes).ok()?;
        masked.mask(&mut value).then(|| value.to_string())
    }
}

impl MaskedValues {
    fn is_leaf_text(&self, text: &str) -> bool {
        self.leaves.iter().any(|leaf| match leaf {
            Value::String(leaf) => leaf == text,
            Value::Number(leaf) => leaf.as_str() == text,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        })
    }

    fn mask(&self, value: &mut Value) -> bool {
        match value {
            Value::Array(items) => {
                let masked = items
                    .iter_mut()
                    .filter_map(|item| self.mask(item).then_some(()));
                masked.count() > 0
            }
            Value::Object(entries) => {
                let values = entries.values_mut();
                let masked = values.filter_map(|value| self.mask(value).then_some(()));
                masked.count() > 0
            }
            leaf if self.leaves.contains(leaf) => {
                *leaf = REDACTED.into();
                true
            }
            Value::String(text) if self.is_leaf_text(text) => {
                *value = REDACTED.into();
                true
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    fn mask_tree(&self, tree: &mut RenderedJson) -> bool {
        match tree {
            RenderedJson::Value(value) => self.mask(value),
            RenderedJson::Text(text) => {
                let is_plain = text.secrets().next().is_none();
                let found = is_plain && self.is_leaf_text(&text.to_string());
                if found {
                    *text = RenderedText::plain(REDACTED);
                }
                found
            }
            RenderedJson::List(items) => {
                let masked = items
                    .iter_mut()
                    .filter_map(|item| self.mask_tree(item).then_some(()));
                masked.count() > 0
            }
            RenderedJson::Map(entries) => {
                let values = entries.iter_mut().map(|(_, value)| value);
                let masked = values.filter_map(|value| self.mask_tree(value).then_some(()));
                masked.count() > 0
            }
        }
    }
}

fn add_leaves(value: &Value, leaves: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_leaves(item, leaves)),
        Value::Object(entries) => entries.values().for_each(|value| add_leaves(value, leaves)),
        Value::Null => {}
        Value::String(text) if text.is_empty() || text == REDACTED => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => leaves.push(value.clone()),
    }
}

/// The texts that a template makes of a value: as it is, trimmed, on one line as in a header, and escaped for HTML.
fn forms(leaf: &Value) -> Vec<String> {
    let text = match leaf {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Vec::new(),
    };
    let one_line = text.replace(|c: char| c.is_control() && c != '\t', " ");
    let mut forms = vec![html(&text), text.trim().to_owned(), one_line];
    forms.push(text);
    forms
}

fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_in_every_form_that_a_request_uses() {
        let value = json!(" she said \"no\" <b>\nand left/é ");
        let mask = FieldMask::new(&[&value]);
        let text = value.as_str().unwrap();
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let percent =
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        for found in [
            text.to_owned(),
            text.trim().to_owned(),
            text.replace('\n', " "),
            html(text),
            form,
            percent.to_string().replace("%2D", "-"),
            value.to_string(),
            json!(value.to_string()).to_string(),
        ] {
            let clean = mask.text(&format!("a{found}b")).into_owned();
            assert!(clean.contains(REDACTED), "{found}: {clean}");
            assert!(
                !clean.contains("said") && !clean.contains("left"),
                "{clean}"
            );
        }
    }

    #[test]
    fn leaves_of_json_are_replaced_whatever_their_length() {
        let mask = FieldMask::new(&[&json!({"a": ["no", 7], "b": true}), &json!(null)]);
        let body = json!({"x": "no", "y": [7, "7", 77, {"z": true}], "w": "not now", "n": null});
        assert_eq!(
            mask.json(body.to_string().as_bytes()).unwrap(),
            r#"{"x":"[redacted]","y":["[redacted]","[redacted]",77,{"z":"[redacted]"}],"w":"not now","n":null}"#
        );
        assert_eq!(mask.json(b"{\"x\": 1}"), None);
        assert_eq!(mask.text("no"), REDACTED);
        assert_eq!(mask.text("no way"), "no way");
        assert_eq!(FieldMask::default().text("no"), "no");
    }

    #[test]
    fn leaves_of_a_rendered_body_are_replaced() {
        let mask = FieldMask::new(&[&json!("no")]);
        let tree = RenderedJson::List(vec![
            RenderedJson::Text(RenderedText::plain("no")),
            RenderedJson::Value(json!({"a": "no"})),
            RenderedJson::Map(vec![("k".into(), RenderedJson::Value(json!("yes")))]),
        ]);
        assert_eq!(
            mask.tree(&tree).unwrap().redacted(),
            json!([REDACTED, {"a": REDACTED}, {"k": "yes"}])
        );
        assert!(mask.tree(&RenderedJson::Value(json!("yes"))).is_none());
    }
}
