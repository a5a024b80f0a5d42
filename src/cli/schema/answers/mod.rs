//! The schemas of the JSON that commands print: `why`, `runs`, `run`, `dry-run`, `send`, `events`, `schedule`, `check`, `diff`, `status`,
//! `reload`, `push`, `move`, `backup`, `restore`, `pause`, `resume`, `test` and `backtest`. No key of ours may be missing or added
//! without a change here: tests validate the output of all of them.

mod backtest;
mod backup;
mod check;
mod diff;
mod dry_run;
mod events;
mod exchange;
mod move_store;
mod parts;
mod pause;
mod plan;
mod push;
mod reload;
mod run;
mod runs;
mod schedule;
mod send;
mod status;
mod test_results;
mod why;

use serde_json::{Map, Value, json};

use crate::report::render::document::JSON_VERSION;

pub use backtest::schema as backtest;
pub use backup::{backup, restore};
pub use check::schema as check;
pub use diff::schema as diff;
pub use dry_run::schema as dry_run;
pub use events::schema as events;
pub use move_store::schema as move_store;
pub use pause::schema as pause;
pub use push::schema as push;
pub use reload::schema as reload;
pub use run::schema as run;
pub use runs::schema as runs;
pub use schedule::schema as schedule;
pub use send::schema as send;
pub use status::schema as status;
pub use test_results::schema as test_results;
pub use why::schema as why;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The keys of an object that are always there, and those that may be.
#[derive(Default)]
struct Keys {
    required: Map<String, Value>,
    optional: Map<String, Value>,
}

impl Keys {
    fn new() -> Self {
        Self::default()
    }

    /// The keys of a document of its own, which has a version.
    fn of_document() -> Self {
        let version = json!({
            "const": JSON_VERSION,
            "description": "The version of this format. A key that is removed or changes its meaning raises it.",
        });
        Self::new().with("version", version)
    }

    fn with(mut self, key: &str, schema: Value) -> Self {
        self.required.insert(key.into(), schema);
        self
    }

    fn may_have(mut self, key: &str, schema: Value) -> Self {
        self.optional.insert(key.into(), schema);
        self
    }

    /// The keys of another object too.
    fn and(mut self, other: Keys) -> Self {
        self.required.extend(other.required);
        self.optional.extend(other.optional);
        self
    }

    fn object(self, description: &str) -> Value {
        let required: Vec<String> = self.required.keys().cloned().collect();
        let mut properties = self.required;
        properties.extend(self.optional);
        json!({
            "type": "object",
            "description": description,
            "additionalProperties": false,
            "required": required,
            "properties": properties,
        })
    }
}

/// A schema of a whole file: one of several documents, and the parts that they refer to.
fn document(title: &str, documents: &[&str], parts: Value) -> Value {
    let references: Vec<Value> = documents.iter().map(|name| part(name)).collect();
    json!({
        "$schema": DRAFT,
        "title": title,
        "oneOf": references,
        "$defs": parts,
    })
}

fn part(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn part_or_null(name: &str) -> Value {
    json!({"oneOf": [part(name), {"type": "null"}]})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn maybe_text(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn maybe_count(description: &str) -> Value {
    json!({"type": ["integer", "null"], "minimum": 0, "description": description})
}

fn number(description: &str) -> Value {
    json!({"type": "number", "description": description})
}

fn maybe_number(description: &str) -> Value {
    json!({"type": ["number", "null"], "description": description})
}

fn time(description: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": description})
}

fn maybe_time(description: &str) -> Value {
    json!({"type": ["string", "null"], "format": "date-time", "description": description})
}

fn words(description: &str, words: &[&str]) -> Value {
    json!({"enum": words, "description": description})
}

/// A value of the event, the rule or a reply: not ours.
fn any(description: &str) -> Value {
    json!({"description": description})
}

fn list(items: Value, description: &str) -> Value {
    json!({"type": "array", "items": items, "description": description})
}
