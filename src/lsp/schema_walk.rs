//! Finds the part of a JSON Schema that describes a location in a document: its keys, values and descriptions.
//! The schemas are those that `schema` prints, so an editor knows what loading knows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cursor::TreeStep;
use super::workspace_root::FileRole;

/// The schemas of the files of a workspace.
#[derive(Debug, Clone)]
pub struct LanguageSchemas {
    pub rule: Value,
    pub test: Value,
    pub config: Value,
}

impl LanguageSchemas {
    pub fn of(&self, role: FileRole) -> &Value {
        match role {
            FileRole::Config => &self.config,
            FileRole::Rules => &self.rule,
            FileRole::Tests => &self.test,
        }
    }
}

/// A part of a schema that describes something.
#[derive(Debug, Default)]
pub struct SchemaPart<'s> {
    /// The alternatives, without references.
    schemas: Vec<&'s Value>,
    /// The names of the definitions that led here.
    definitions: Vec<&'s str>,
}

/// A key of a mapping with its description.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownKey<'s> {
    pub name: &'s str,
    pub description: &'s str,
    /// What its value is.
    pub schema: &'s Value,
}

impl<'s> SchemaPart<'s> {
    /// The part for a path from the root of a document.
    pub fn at(root: &'s Value, path: &[TreeStep]) -> Self {
        let mut part = Self::default();
        // The root of a rule file selects by its keys between a rule and flows.
        for choice in ["then", "else"] {
            if let Some(schema) = root.get(choice) {
                part.add(schema, root, 0);
            }
        }
        part.add(root, root, 0);
        for step in path {
            part = part.below(step, root);
        }
        part
    }

    fn below(&self, step: &TreeStep, root: &'s Value) -> Self {
        let mut part = Self::default();
        for schema in &self.schemas {
            let found = match step {
                TreeStep::Key(key) => match schema["properties"].get(key) {
                    Some(property) => Some(property),
                    None => schema.get("additionalProperties"),
                },
                TreeStep::Item(_) => schema.get("items"),
            };
            if let Some(found) = found {
                part.add(found, root, 0);
            }
        }
        part
    }

    fn add(&mut self, schema: &'s Value, root: &'s Value, depth: usize) {
        if !schema.is_object() || depth > 16 || self.has(schema) {
            return;
        }
        self.schemas.push(schema);
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/");
            self.definitions.push(name);
            self.add(&root["$defs"][name], root, depth + 1);
        }
        for group in ["anyOf", "oneOf", "allOf"] {
            for choice in schema[group].as_array().into_iter().flatten() {
                // Conditions on other keys, such as the fields of one event type.
                if choice.get("if").is_none() {
                    self.add(choice, root, depth + 1);
                }
            }
        }
    }

    fn has(&self, schema: &Value) -> bool {
        self.schemas
            .iter()
            .any(|known| std::ptr::eq(*known, schema))
    }

    /// Whether a definition led here, such as `condition`.
    pub fn is(&self, definition: &str) -> bool {
        self.definitions.contains(&definition)
    }

    /// The keys of a mapping here, in the order of the schema.
    pub fn keys(&self) -> Vec<KnownKey<'s>> {
        let mut keys: Vec<KnownKey<'s>> = Vec::new();
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for schema in &self.schemas {
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                // A condition forbids a key with `false`.
                if !schema.is_object() || known.contains_key(name.as_str()) {
                    continue;
                }
                known.insert(name, keys.len());
                keys.push(KnownKey {
                    name,
                    description: schema["description"].as_str().unwrap_or_default(),
                    schema,
                });
            }
        }
        keys
    }

    pub fn key(&self, name: &str) -> Option<KnownKey<'s>> {
        self.keys().into_iter().find(|key| key.name == name)
    }

    /// The values that are allowed here, if they are listed.
    pub fn values(&self) -> Vec<String> {
        let mut values = Vec::new();
        let mut add = |value: String| {
            if !values.contains(&value) {
                values.push(value);
            }
        };
        for schema in &self.schemas {
            for value in schema["enum"].as_array().into_iter().flatten() {
                add(written(value));
            }
            if let Some(value) = schema.get("const") {
                add(written(value));
            }
            if schema["type"] == "boolean" {
                add("true".to_owned());
                add("false".to_owned());
            }
        }
        values
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_items_and_alternatives_are_followed() {
        let root = json!({
            "if": {}, "then": {"$ref": "#/$defs/flows"}, "else": {"$ref": "#/$defs/rule"},
            "$defs": {
                "flows": {"properties": {"flows": {}}},
                "rule": {
                    "properties": {"flow": {"items": {"$ref": "#/$defs/step"}, "description": "Steps."}},
                    "allOf": [{"if": {}, "then": {"properties": {"hidden": {}}}}],
                },
                "step": {"properties": {
                    "mode": {"enum": ["a", null]},
                    "never": false,
                    "next": {"anyOf": [{"$ref": "#/$defs/step"}, {"type": "boolean"}]},
                }},
            },
        });
        let names = |path: &[TreeStep]| {
            let part = SchemaPart::at(&root, path);
            let keys = part.keys().into_iter();
            keys.map(|key| key.name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["flows", "flow"]);
        let key = |key: &str| TreeStep::Key(key.to_owned());
        let next = [key("flow"), TreeStep::Item(3), key("next")];
        assert_eq!(names(&next), ["mode", "next"]);
        let part = SchemaPart::at(&root, &next);
        assert!(part.is("step"));
        assert_eq!(part.values(), ["true", "false"]);
        let mode = [&next[..2], &[key("mode")]].concat();
        assert_eq!(SchemaPart::at(&root, &mode).values(), ["a", "null"]);
        let flow = SchemaPart::at(&root, &[]).key("flow").expect("a key");
        assert_eq!(flow.description, "Steps.");
    }
}
