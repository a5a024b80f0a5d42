//! What people wrote for another engine, as rules of ours: a Zendesk triggers export, a ZIS bundle.
//! It refuses to lose anything in silence: whatever a rule does not carry over is listed with its place
//! and the reason, and a rule that is not what its original was only watches.

mod bundle;
pub mod clause;
pub mod conversion;
pub mod names;
pub mod placeholder;
pub mod triggers;

use serde_json::Value;

use crate::core::config::Config;
use crate::core::event::json::{Refused, accept};
pub use conversion::{Conversion, Converted, Left, no_rules};
pub use names::Names;

/// Why a text is nothing that can be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConvertible {
    #[error("not JSON: {0}")]
    NotJson(#[from] Refused),
    #[error("{found}")]
    Other { found: String, help: &'static str },
}

impl NotConvertible {
    fn other(found: impl Into<String>, help: &'static str) -> Self {
        let found = found.into();
        Self::Other { found, help }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            NotConvertible::NotJson(_) => WHAT_IS_READ,
            NotConvertible::Other { help, .. } => help,
        }
    }
}

const WHAT_IS_READ: &str = "what is read is the JSON of Zendesk's Triggers API (`{\"triggers\": […]}`, one trigger, or a list), or a ZIS bundle as JSON or YAML";

/// Rules from the text of a file, under names that no other rule has; what the configuration has is not
/// asked for again.
pub fn convert(
    text: &str,
    names: &mut Names,
    config: &Config,
) -> Result<Conversion, NotConvertible> {
    let mut conversion = read(text, names)?;
    for rule in &mut conversion.rules {
        rule.configure.retain(|line| !has_variable(config, line));
    }
    Ok(conversion)
}

fn has_variable(config: &Config, line: &str) -> bool {
    let place = line.split_once(": ").map_or(line, |(place, _)| place);
    let name = place.strip_prefix("vars.");
    name.is_some_and(|name| config.vars.get(name).is_some())
}

fn read(text: &str, names: &mut Names) -> Result<Conversion, NotConvertible> {
    let mut conversion = Conversion::default();
    if let Some(found) = bundle::of(text) {
        for node in &found.bundles {
            let found = bundle::convert(node, names);
            conversion.rules.extend(found.rules);
            conversion.left.extend(found.left);
        }
        conversion.left.extend(found.left);
        return Ok(conversion);
    }
    let document = accept(text.as_bytes())?.value;
    if document.get("automations").is_some() || document.get("automation").is_some() {
        return Err(NotConvertible::other(
            "these are automations, which run by the clock",
            "nothing happens at that moment that a rule could hear of; wait in a rule of the event before: `- wait: 4d`, then a guard",
        ));
    }
    match triggers::of(&document) {
        Some(found) => Ok(triggers::convert(found, names)),
        None => Err(NotConvertible::other(kind(&document), WHAT_IS_READ)),
    }
}

fn kind(document: &Value) -> String {
    match document {
        Value::Object(keys) if keys.contains_key("flow") => "this is a rule already".into(),
        Value::Object(keys) if keys.contains_key("triggers") => {
            "nothing under `triggers` is a trigger".into()
        }
        Value::Object(keys) => match keys.keys().next() {
            Some(first) => format!("these are no triggers: the first key is `{first}`"),
            None => "an empty mapping holds no trigger".into(),
        },
        Value::Array(items) if items.is_empty() => "an empty list holds no trigger".into(),
        Value::Array(_) => "a list of something else than triggers".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            "a single value is no trigger".into()
        }
    }
}
