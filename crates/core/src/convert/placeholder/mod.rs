//! Converts the payload of a notification with its placeholders (`{{ticket.id}}`) to templates.
//! A placeholder without a counterpart is sent as its name in brackets and listed as an omission.

pub(crate) mod expression;
pub(crate) mod part;

use serde_json::{Map, Value, json};

use crate::convert::placeholder::expression::{TypeContext, with_filters};
pub use crate::convert::placeholder::part::literal;
use crate::convert::placeholder::part::{BARE, PayloadPart, mask, parts};

/// What the rule's events contain besides the ticket.
pub struct EventContents {
    /// Every event is about a comment.
    pub comment: bool,
    /// Every event is a change of this custom field.
    pub custom_field: Option<u64>,
}

/// The body or query of a step.
#[derive(Debug, PartialEq)]
pub struct Payload {
    /// The key under `http` and its value; `None` without a body.
    pub body: (Option<&'static str>, Value),
    /// Placeholders that were not converted, each with the reason.
    pub omitted: Vec<(String, String)>,
    pub notes: Vec<String>,
}

/// The body that replaces a payload that cannot be converted.
const UNCONVERTED: &str = "[the payload of the trigger]";

const GUESSED: &str = "the payload is a list of names and values, and the trigger does not say how they are sent: `query` with GET is an assumption; for a form, write `method: POST` and `form`";

const BLOCKS: &str =
    "it contains Liquid tags (`{% … %}`); rewrite the body of the step as a template";

impl Payload {
    /// Returns the reason if the payload cannot be converted at all.
    pub fn read(payload: Option<&Value>, reading: &EventContents) -> Result<Self, String> {
        let mut writer = TemplateWriter {
            reading,
            omitted: Vec::new(),
            notes: Vec::new(),
        };
        let body = match payload {
            None | Some(Value::Null) => (None, Value::Null),
            Some(Value::String(text)) if text.trim().is_empty() => (None, Value::Null),
            Some(Value::String(text)) => writer.text_body(text)?,
            Some(Value::Array(pairs)) => (Some("query"), writer.pairs(pairs)?),
            Some(Value::Object(_)) => (
                Some("json"),
                writer.tree(payload.unwrap_or(&Value::Null), &[])?,
            ),
            Some(Value::Bool(_) | Value::Number(_)) => return Err("it is not text".into()),
        };
        Ok(Self {
            body,
            omitted: writer.omitted,
            notes: writer.notes,
        })
    }

    /// Replaces a payload that cannot be converted.
    pub fn missing() -> Self {
        Self {
            body: (Some("body"), json!(UNCONVERTED)),
            omitted: Vec::new(),
            notes: Vec::new(),
        }
    }
}

struct TemplateWriter<'r> {
    reading: &'r EventContents,
    omitted: Vec<(String, String)>,
    notes: Vec<String>,
}

impl TemplateWriter<'_> {
    fn text_body(&mut self, text: &str) -> Result<(Option<&'static str>, Value), String> {
        if text.contains("{%") {
            return Err(BLOCKS.into());
        }
        let (masked, bare) = mask(text);
        match serde_json::from_str::<Value>(&masked) {
            Ok(tree) if tree.is_object() || tree.is_array() => {
                Ok((Some("json"), self.tree(&tree, &bare)?))
            }
            _ => {
                let begins = text.trim_start();
                if begins.starts_with(['{', '[']) && !begins.starts_with("{{") {
                    self.note("the payload is not JSON even with values in place of its placeholders; it is sent as text");
                }
                Ok((Some("body"), json!(self.template(text))))
            }
        }
    }

    fn pairs(&mut self, pairs: &[Value]) -> Result<Value, String> {
        self.note(GUESSED);
        let mut query = Map::new();
        for pair in pairs {
            let parts = pair.as_array().map(Vec::as_slice);
            let Some([Value::String(name), Value::String(value)]) = parts else {
                return Err("it is neither text nor a list of names and values".into());
            };
            if value.contains("{%") {
                return Err(BLOCKS.into());
            }
            query.insert(name.clone(), json!(self.template(value)));
        }
        Ok(Value::Object(query))
    }

    fn tree(&mut self, value: &Value, bare: &[String]) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text.starts_with(BARE) => self.bare(text, bare),
            Value::String(text) if text.contains("{%") => return Err(BLOCKS.into()),
            Value::String(text) => json!(self.template(text)),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.tree(item, bare));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let mut tree = Map::new();
                for (key, value) in entries {
                    if key.contains("{{") || key.starts_with(BARE) {
                        return Err(
                            "a key in it is a placeholder; rewrite the body of the step".into()
                        );
                    }
                    tree.insert(key.clone(), self.tree(value, bare)?);
                }
                Value::Object(tree)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// A placeholder without quotes: the value keeps its type.
    fn bare(&mut self, text: &str, bare: &[String]) -> Value {
        let number: Option<usize> = text.trim_matches(BARE).parse().ok();
        let inside = number.and_then(|number| bare.get(number));
        let inside = inside.map(String::as_str).unwrap_or_default();
        match self.expression(inside, TypeContext::Kept) {
            Some(expression) => json!(format!("{{{{ {expression} }}}}")),
            None => Value::Null,
        }
    }

    fn template(&mut self, text: &str) -> String {
        let parts = parts(text);
        let typed = match parts.as_slice() {
            [PayloadPart::Placeholder(_)] => TypeContext::Lone,
            _ => TypeContext::Text,
        };
        let mut template = String::new();
        for part in parts {
            match part {
                PayloadPart::Text(text) => template += &literal(text),
                PayloadPart::Placeholder(inside) => match self.expression(inside, typed) {
                    Some(expression) => template += &format!("{{{{ {expression} }}}}"),
                    None => template += &literal(&format!("[{}]", inside.trim())),
                },
            }
        }
        template
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The template expression for a placeholder with its filters; `None` after listing the omission.
    fn expression(&mut self, inside: &str, typed: TypeContext) -> Option<String> {
        let mut steps = inside.split('|').map(str::trim);
        let name = steps.next().unwrap_or_default();
        let filters: Vec<&str> = steps.collect();
        let found = self
            .value(name)
            .and_then(|value| with_filters(value, &filters, typed));
        match found {
            Ok(expression) => Some(expression),
            Err(why) => {
                let omission = (format!("{{{{{inside}}}}}"), why);
                if !self.omitted.contains(&omission) {
                    self.omitted.push(omission);
                }
                None
            }
        }
    }
}
