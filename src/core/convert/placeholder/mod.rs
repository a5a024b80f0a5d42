//! The payload of a notification with its placeholders (`{{ticket.id}}`), as templates of ours.
//! It refuses to put anything in the place of what events do not carry: the gap is marked and listed.

mod expression;
mod part;

use serde_json::{Map, Value, json};

use expression::{Typed, with_filters};
pub use part::literal;
use part::{BARE, Part, mask, parts};

/// What the events of the rule carry beside the ticket.
pub struct Reading {
    /// Every event is a comment.
    pub comment: bool,
    /// Every event is the change of this custom field.
    pub custom_field: Option<u64>,
}

/// What a step sends.
#[derive(Debug, PartialEq)]
pub struct Payload {
    /// The key of `http` and what stands under it; none without a body.
    pub body: (Option<&'static str>, Value),
    /// Placeholders that were not carried over, each with its reason.
    pub left: Vec<(String, String)>,
    pub notes: Vec<String>,
}

/// Stands where a payload was, as text.
const MISSING: &str = "[the payload of the trigger]";

const GUESSED: &str = "a payload of names and values: that they are sent by GET, as `query`, is a guess, since the trigger does not tell; for a form, write `method: POST` and `form`";

const BLOCKS: &str =
    "it holds `{% … %}`, which is Liquid; write the body of the step anew as a template";

impl Payload {
    /// The reason, where it cannot be carried over at all.
    pub fn read(payload: Option<&Value>, reading: &Reading) -> Result<Self, String> {
        let mut writer = Writer {
            reading,
            left: Vec::new(),
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
            Some(Value::Bool(_) | Value::Number(_)) => return Err("it is no text".into()),
        };
        Ok(Self {
            body,
            left: writer.left,
            notes: writer.notes,
        })
    }

    /// In the place of one that cannot be carried over.
    pub fn missing() -> Self {
        Self {
            body: (Some("body"), json!(MISSING)),
            left: Vec::new(),
            notes: Vec::new(),
        }
    }
}

struct Writer<'r> {
    reading: &'r Reading,
    left: Vec<(String, String)>,
    notes: Vec<String>,
}

impl Writer<'_> {
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
                    self.note("the payload is no JSON with its placeholders filled in, so that it is sent as text");
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
                return Err("it is neither a text nor a list of names and values".into());
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
                            "a name in it is a placeholder; write the body of the step anew".into(),
                        );
                    }
                    tree.insert(key.clone(), self.tree(value, bare)?);
                }
                Value::Object(tree)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// A placeholder without quotes around it: its value as it is.
    fn bare(&mut self, text: &str, bare: &[String]) -> Value {
        let number: Option<usize> = text.trim_matches(BARE).parse().ok();
        let inside = number.and_then(|number| bare.get(number));
        let inside = inside.map(String::as_str).unwrap_or_default();
        match self.expression(inside, Typed::Kept) {
            Some(expression) => json!(format!("{{{{ {expression} }}}}")),
            None => Value::Null,
        }
    }

    fn template(&mut self, text: &str) -> String {
        let parts = parts(text);
        let typed = match parts.as_slice() {
            [Part::Placeholder(_)] => Typed::Lone,
            _ => Typed::Text,
        };
        let mut template = String::new();
        for part in parts {
            match part {
                Part::Text(text) => template += &literal(text),
                Part::Placeholder(inside) => match self.expression(inside, typed) {
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

    /// Our expression for a placeholder with its filters; None after listing why there is none.
    fn expression(&mut self, inside: &str, typed: Typed) -> Option<String> {
        let mut steps = inside.split('|').map(str::trim);
        let name = steps.next().unwrap_or_default();
        let filters: Vec<&str> = steps.collect();
        let found = self
            .value(name)
            .and_then(|value| with_filters(value, &filters, typed));
        match found {
            Ok(expression) => Some(expression),
            Err(why) => {
                let told = (format!("{{{{{inside}}}}}"), why);
                if !self.left.contains(&told) {
                    self.left.push(told);
                }
                None
            }
        }
    }
}
