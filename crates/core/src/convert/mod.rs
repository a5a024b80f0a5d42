//! Converts Zendesk triggers and ZIS bundles to rules.
//! Everything that a rule does not reproduce is listed with its location and the reason, and such a rule has
//! `mode: shadow`.

pub(crate) mod bundle;
pub(crate) mod clause;
pub mod conversion;
pub mod names;
pub(crate) mod placeholder;
pub(crate) mod triggers;

use serde_json::Value;

use crate::config::Config;
pub use crate::convert::conversion::{Conversion, ConvertedRule, Omission, part_of_no_rule};
pub use crate::convert::names::NameAllocator;
use crate::event::json::parse::{JsonError, parse};

/// Why a text cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    #[error("{0}")]
    NotJson(#[from] JsonError),
    #[error("{found}")]
    Other { found: String, help: &'static str },
}

impl ConvertError {
    fn other(found: impl Into<String>, help: &'static str) -> Self {
        let found = found.into();
        Self::Other { found, help }
    }

    /// What to do instead.
    pub fn help(&self) -> &'static str {
        match self {
            ConvertError::NotJson(_) => EXPECTED,
            ConvertError::Other { help, .. } => help,
        }
    }
}

const EXPECTED: &str = "expected the JSON of Zendesk's Triggers API (`{\"triggers\": […]}`, one trigger, or a list of triggers), the requirements of an app, Terraform resources `zendesk_trigger`, or a ZIS bundle as JSON or YAML";

const ALL_PAGES: &str = "no rule was written: fetch every page (follow `next_page`), join them with `jq -s '{triggers: map(.triggers[])}' page*.json`, and convert the result";

/// Converts the text of a file. Rule names are unique within `names`; variables that `config` defines are not
/// listed as missing.
pub fn convert(
    text: &str,
    names: &mut NameAllocator,
    config: &Config,
) -> Result<Conversion, ConvertError> {
    let mut conversion = read(text, names)?;
    for rule in &mut conversion.rules {
        rule.configure.retain(|line| !is_configured(config, line));
    }
    Ok(conversion)
}

fn is_configured(config: &Config, line: &str) -> bool {
    let setting = line.split_once(": ").map_or(line, |(setting, _)| setting);
    match setting.split_once('.') {
        Some(("vars", name)) => config.vars.get(name).is_some(),
        Some(("connections", name)) => config.connections.contains_key(name),
        Some(_) | None => false,
    }
}

fn read(text: &str, names: &mut NameAllocator) -> Result<Conversion, ConvertError> {
    let mut conversion = Conversion::default();
    if let Some(found) = bundle::documents(text) {
        for node in &found.bundles {
            let found = bundle::convert(node, names);
            conversion.rules.extend(found.rules);
            conversion.omitted.extend(found.omitted);
        }
        conversion.omitted.extend(found.omitted);
        return Ok(conversion);
    }
    let document = match triggers::terraform::is_hcl(text) {
        true => triggers::terraform::read(text)
            .map_err(|found| ConvertError::other(found, triggers::terraform::SYNTAX))?,
        false => parse(text.as_bytes())?.value,
    };
    let document = triggers::terraform::triggers(&document).unwrap_or(document);
    if document.get("automations").is_some() || document.get("automation").is_some() {
        return Err(ConvertError::other(
            "automations cannot be converted: they run on a schedule, not for an event",
            "write a rule for the event that comes before, and wait in it: `- wait: 4d`, then a guard",
        ));
    }
    match triggers::export::find(&document) {
        Some(found) => match triggers::export::missing(&document, found.len()) {
            Some(missing) => {
                let incomplete = format!("the export is incomplete: {}", missing.found);
                Err(ConvertError::other(incomplete, ALL_PAGES))
            }
            None => Ok(triggers::convert(found, names)),
        },
        None => Err(ConvertError::other(kind(&document), EXPECTED)),
    }
}

fn kind(document: &Value) -> String {
    match document {
        Value::Object(keys) if keys.contains_key("flow") => "this is already a rule".into(),
        Value::Object(keys) if keys.contains_key("triggers") => {
            "no item under `triggers` is a trigger".into()
        }
        Value::Object(keys) => match keys.keys().next() {
            Some(first) => format!("not a trigger: the first key is `{first}`"),
            None => "an empty mapping contains no trigger".into(),
        },
        Value::Array(items) if items.is_empty() => "an empty list contains no trigger".into(),
        Value::Array(_) => "a list without triggers".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            "a single value is not a trigger".into()
        }
    }
}
