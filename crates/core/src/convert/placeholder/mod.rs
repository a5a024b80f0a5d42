//! Converts the payload of a notification with its placeholders (`{{ticket.id}}`) to templates.
//! A placeholder without a counterpart is sent as its name in brackets and listed as an omission.

pub(crate) mod desk_value;
pub(crate) mod expression;
pub(crate) mod liquid;
pub(crate) mod part;
pub(crate) mod record;
pub(crate) mod written;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::convert::placeholder::expression::{TypeContext, with_filters};
use crate::convert::placeholder::liquid::LiquidBlocks;
pub use crate::convert::placeholder::part::literal;
use crate::convert::placeholder::part::{HeldParts, PayloadPart, is_bare, mask, parts};
use crate::convert::placeholder::record::DeskRecord;
use crate::convert::placeholder::written::WrittenFields;

/// What the rule's events contain besides the ticket, and what its steps change.
pub struct EventContents<'c> {
    pub comment: EventComment,
    pub actor: EventActor,
    /// Every event is a change of this custom field.
    pub custom_field: Option<u64>,
    pub written: &'c WrittenFields,
}

/// The comment in a rule's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventComment {
    /// Not every event has one.
    None,
    /// Every event has one, public or private.
    Any,
    /// Every event has a public one.
    Public,
}

/// Who made the update, according to the rule's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventActor {
    /// Only some formats say it.
    Unknown,
    /// The author of the comment.
    Author,
    /// The person who made the new ticket.
    Submitter,
}

/// The body or form of a step.
#[derive(Debug, PartialEq)]
pub struct Payload {
    /// The key under `http` and its value; `None` without a body.
    pub body: (Option<&'static str>, Value),
    /// What was not converted, each with the reason.
    pub omitted: Vec<PayloadOmission>,
    pub notes: Vec<String>,
    /// What the templates read from the help desk.
    pub records: BTreeSet<DeskRecord>,
    /// What the configuration must contain for the templates.
    pub configure: Vec<String>,
}

/// A part of a payload that a step does not send as the trigger does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadOmission {
    pub what: String,
    pub why: String,
}

/// The body that replaces a payload that cannot be converted.
const UNCONVERTED: &str = "[the payload of the trigger]";

const GUESSED: &str = "the trigger does not say whether a list of names and values is sent as a form or in the address; the rule sends a form with POST; for an address, write `query` instead of `form`, and the method";

const NOT_JSON: &str = "it is not JSON even with values in place of its placeholders; the rule sends it as text, and does not escape the values";

const HTML_VALUE: &str = "its value is HTML, which the rule inserts without escaping it; the trigger may escape it in this payload";

impl Payload {
    /// Returns the reason if the payload cannot be converted at all.
    pub fn read(payload: Option<&Value>, reading: &EventContents<'_>) -> Result<Self, String> {
        let mut writer = TemplateWriter::new(reading);
        let body = match payload {
            None | Some(Value::Null) => (None, Value::Null),
            Some(Value::String(text)) if text.trim().is_empty() => (None, Value::Null),
            Some(Value::String(text)) => writer.text_body(text)?,
            Some(Value::Array(pairs)) => (Some("form"), writer.pairs(pairs)?),
            Some(tree @ Value::Object(_)) => {
                (Some("json"), writer.tree(tree, &HeldParts::default())?)
            }
            Some(Value::Bool(_) | Value::Number(_)) => return Err("it is not text".into()),
        };
        Ok(writer.finish(body))
    }

    /// Replaces a payload that cannot be converted.
    pub fn missing() -> Self {
        Self {
            body: (Some("body"), json!(UNCONVERTED)),
            omitted: Vec::new(),
            notes: Vec::new(),
            records: BTreeSet::new(),
            configure: Vec::new(),
        }
    }
}

/// Writes templates, and collects what they omit and what they read.
pub(super) struct TemplateWriter<'r> {
    reading: &'r EventContents<'r>,
    blocks: LiquidBlocks,
    omitted: Vec<PayloadOmission>,
    notes: Vec<String>,
    records: BTreeSet<DeskRecord>,
    configure: Vec<String>,
}

impl<'r> TemplateWriter<'r> {
    pub(super) fn new(reading: &'r EventContents<'r>) -> Self {
        Self {
            reading,
            blocks: LiquidBlocks::default(),
            omitted: Vec::new(),
            notes: Vec::new(),
            records: BTreeSet::new(),
            configure: Vec::new(),
        }
    }

    pub(super) fn finish(self, body: (Option<&'static str>, Value)) -> Payload {
        Payload {
            body,
            omitted: self.omitted,
            notes: self.notes,
            records: self.records,
            configure: self.configure,
        }
    }

    fn text_body(&mut self, text: &str) -> Result<(Option<&'static str>, Value), String> {
        let begins = text.trim_start();
        let like_json = begins.starts_with(['{', '['])
            && !begins.starts_with("{{")
            && !begins.starts_with("{%");
        if begins.starts_with('<') {
            let names = parts(text).into_iter().filter_map(|part| match part {
                PayloadPart::Placeholder(inside) if is_html(inside) => Some(inside.to_owned()),
                PayloadPart::Placeholder(_) | PayloadPart::Text(_) | PayloadPart::Tag(_) => None,
            });
            for inside in names {
                self.omit(format!("the placeholder `{{{{{inside}}}}}`"), HTML_VALUE);
            }
            return Ok((Some("body"), json!(self.markup(text)?)));
        }
        if !like_json {
            return Ok((Some("body"), json!(self.template(text)?)));
        }
        let (masked, held) = mask(text)?;
        match serde_json::from_str::<Value>(&masked) {
            Ok(tree) => Ok((Some("json"), self.tree(&tree, &held)?)),
            Err(_) => {
                self.omit(format!("the payload `{text}` as JSON"), NOT_JSON);
                Ok((Some("body"), json!(self.template(text)?)))
            }
        }
    }

    fn pairs(&mut self, pairs: &[Value]) -> Result<Value, String> {
        let mut form = Map::new();
        for pair in pairs {
            let parts = pair.as_array().map(Vec::as_slice);
            let Some([Value::String(name), Value::String(value)]) = parts else {
                return Err("it is neither text nor a list of names and values".into());
            };
            form.insert(name.clone(), json!(self.template(value)?));
        }
        let text = Value::Array(pairs.to_vec()).to_string();
        self.omit(format!("how the values `{text}` are sent"), GUESSED);
        Ok(Value::Object(form))
    }

    fn tree(&mut self, value: &Value, held: &HeldParts) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if is_bare(text) => self.bare(&held.restore(text))?,
            Value::String(text) => json!(self.template(&held.restore(text))?),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.tree(item, held));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let mut tree = Map::new();
                for (key, value) in entries {
                    let key = held.restore(key);
                    if key.contains("{{") || key.contains("{%") {
                        return Err("a key in it is a placeholder".into());
                    }
                    tree.insert(key, self.tree(value, held)?);
                }
                Value::Object(tree)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// A placeholder without quotes: the value keeps its type.
    fn bare(&mut self, text: &str) -> Result<Value, String> {
        match parts(text).as_slice() {
            [PayloadPart::Placeholder(inside)] => {
                Ok(match self.expression(inside, TypeContext::Kept) {
                    Some(expression) => json!(format!("{{{{ {expression} }}}}")),
                    None => Value::Null,
                })
            }
            _ => Err(
                "Liquid tags outside the quotes of JSON have no counterpart; write each branch as a step in a `choose`"
                    .into(),
            ),
        }
    }

    /// The template for a text; the reason if its Liquid tags cannot be converted.
    pub(super) fn template(&mut self, text: &str) -> Result<String, String> {
        let typed = match parts(text).as_slice() {
            [PayloadPart::Placeholder(_)] => TypeContext::Lone,
            _ => TypeContext::Text,
        };
        self.filled(text, typed)
    }

    /// The template for HTML or XML, which escapes the values.
    pub(super) fn markup(&mut self, text: &str) -> Result<String, String> {
        self.filled(text, TypeContext::Markup)
    }

    fn filled(&mut self, text: &str, typed: TypeContext) -> Result<String, String> {
        let parts = parts(text);
        let mut template = String::new();
        for part in parts {
            match part {
                PayloadPart::Text(_) | PayloadPart::Placeholder(_)
                    if self.blocks.discards_text() => {}
                PayloadPart::Text(text) => template += &literal(text),
                PayloadPart::Placeholder(inside) => match self.expression(inside, typed) {
                    Some(expression) => {
                        // A dash removes the white space beside the value, in both languages.
                        let dash = |trims: bool| if trims { "-" } else { "" };
                        let left = dash(inside.starts_with('-'));
                        let right = dash(inside.ends_with('-'));
                        template += &format!("{{{{{left} {expression} {right}}}}}");
                    }
                    None => template += &literal(&format!("[{}]", inside.trim())),
                },
                PayloadPart::Tag(inside) => template += &self.tag(inside)?,
            }
        }
        self.blocks.close()?;
        Ok(template)
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn omit(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        let omission = PayloadOmission { what, why };
        if !self.omitted.contains(&omission) {
            self.omitted.push(omission);
        }
    }

    /// The template expression for a placeholder with its filters; `None` after listing the omission.
    fn expression(&mut self, inside: &str, typed: TypeContext) -> Option<String> {
        let plain = inside.trim().trim_matches('-');
        let mut steps = plain.split('|').map(str::trim);
        let name = steps.next().unwrap_or_default();
        let filters: Vec<&str> = steps.collect();
        let typed = match typed {
            TypeContext::Markup if is_html(name) => TypeContext::Text,
            typed => typed,
        };
        let found = self
            .value(name)
            .and_then(|value| with_filters(value, &filters, typed));
        match found {
            Ok(expression) => Some(expression),
            Err(why) => {
                self.omit(format!("the placeholder `{{{{{inside}}}}}`"), why);
                None
            }
        }
    }
}

/// Whether the value of a placeholder is HTML itself.
fn is_html(inside: &str) -> bool {
    let name = inside.split('|').next().unwrap_or_default();
    let name = name.trim().trim_matches('-').trim();
    ["_html", "_rich", ".html_body"]
        .iter()
        .any(|end| name.ends_with(end))
}
