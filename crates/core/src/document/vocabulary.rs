//! Tables of the allowed keys of a mapping: description, JSON Schema, and whether a key is supported.
//! Loading, the JSON Schemas and the documentation use these tables.

use serde_json::{Map, Value, json};

/// The keys that one mapping may have.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// The name of the mapping in messages: `a rule`, `` `http` ``.
    pub name: &'static str,
    pub words: &'static [Keyword],
}

#[derive(Debug, Clone, Copy)]
pub struct Keyword {
    pub name: &'static str,
    /// The description, shown by editors and in the documentation.
    pub summary: &'static str,
    pub built: Support,
    pub schema: fn() -> Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    Supported,
    /// Recognised but rejected; the text says what to do instead.
    Planned(&'static str),
}

impl Vocabulary {
    pub fn get(&self, name: &str) -> Option<&Keyword> {
        self.words.iter().find(|word| word.name == name)
    }

    /// Returns the supported keys as a list for help texts.
    pub fn listed(&self) -> String {
        let built = self
            .words
            .iter()
            .filter(|word| word.built == Support::Supported);
        let names: Vec<_> = built.map(|word| word.name).collect();
        names.join(", ")
    }

    /// Returns the JSON Schema of the mapping. Keys that are not supported yet are left out, so that editors do
    /// not offer them.
    pub fn schema(&self, required: &[&str]) -> Value {
        let words = self
            .words
            .iter()
            .filter(|word| word.built == Support::Supported);
        let properties: Map<String, Value> = words
            .map(|word| {
                (
                    word.name.to_owned(),
                    described((word.schema)(), word.summary),
                )
            })
            .collect();
        let mut schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }
}

fn described(mut schema: Value, summary: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), summary.into());
    }
    schema
}

/// Makes a table of keys: `"name" schema => "description";`.
macro_rules! words {
    ($($name:literal $schema:expr => $summary:literal;)*) => {
        &[$($crate::document::vocabulary::keyword($name, $summary, $schema)),*]
    };
}
pub(crate) use words;

pub const fn keyword(name: &'static str, summary: &'static str, schema: fn() -> Value) -> Keyword {
    Keyword {
        name,
        summary,
        built: Support::Supported,
        schema,
    }
}

pub const fn planned(name: &'static str, instead: &'static str) -> Keyword {
    Keyword {
        name,
        summary: "",
        built: Support::Planned(instead),
        schema: anything,
    }
}

pub fn anything() -> Value {
    json!({})
}

pub fn text() -> Value {
    json!({"type": "string"})
}

pub fn number() -> Value {
    json!({"type": "integer", "minimum": 1})
}

pub fn boolean() -> Value {
    json!({"type": "boolean"})
}

pub fn mapping() -> Value {
    json!({"type": "object"})
}

pub fn duration() -> Value {
    json!({"type": "string", "pattern": r"^( *\+?([0-9]+\.?[0-9]*|\.[0-9]+) *(ms|s|m|min|h|d|w))+ *$", "examples": ["30s", "5m", "1h30m"]})
}

pub fn condition() -> Value {
    json!({"$ref": "#/$defs/condition"})
}

pub fn steps() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}})
}

pub fn on_dead() -> Value {
    json!({"type": "array", "items": {"$ref": "#/$defs/step"}})
}
