//! An entry of `sources` that an option names: whether it is known, and which one was probably meant.

use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::render::escape::plain;
use crate::store::History;
use flowtrigger_core::document::suggest::nearest;

/// The entry with which nothing was found.
pub struct MissedEntry {
    name: String,
    /// `None` if no configuration is stored.
    is_known: Option<bool>,
    similar: Option<String>,
    /// The entries that received what was asked for.
    stored_at: Vec<String>,
}

impl MissedEntry {
    pub fn new(
        name: &str,
        stored_at: Vec<String>,
        history: &dyn History,
    ) -> Result<Self, CommandError> {
        let config = history.latest_config()?;
        let entries = config.iter().flat_map(|config| config.sources.keys());
        let entries: Vec<&str> = entries.map(String::as_str).collect();
        let is_known = config
            .is_some()
            .then(|| entries.contains(&name) || stored_at.iter().any(|stored| stored == name));
        let similar = match is_known {
            Some(true) => None,
            Some(false) | None => {
                let names = entries.iter().copied();
                let names = names.chain(stored_at.iter().map(String::as_str));
                nearest(name, names).map(str::to_owned)
            }
        };
        Ok(Self {
            name: name.to_owned(),
            is_known,
            similar,
            stored_at,
        })
    }

    /// What is wrong with the name; `None` for a known entry.
    pub fn describe_unknown(&self) -> Option<String> {
        if self.is_known != Some(false) {
            return None;
        }
        let similar = self.similar.as_deref();
        let similar = similar.map(|near| format!("; did you mean `--endpoint {}`?", plain(near)));
        Some(format!(
            "no entry of `sources` is called `{}`{}",
            plain(&self.name),
            similar.unwrap_or_default()
        ))
    }

    /// The entries that received what was asked for: `north` and `support`.
    pub fn describe_stored(&self) -> Option<String> {
        let names = self.stored_at.iter();
        let names: Vec<String> = names.map(|name| format!("`{}`", plain(name))).collect();
        match names.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            [rest @ .., last] => Some(format!("{} and {last}", rest.join(", "))),
        }
    }

    pub fn name(&self) -> String {
        plain(&self.name).into_owned()
    }

    pub fn json(&self) -> Value {
        json!({
            "asked": self.name,
            "known": self.is_known,
            "nearest": self.similar,
            "stored_at": self.stored_at,
        })
    }
}
