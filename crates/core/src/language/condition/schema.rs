//! The JSON Schema of `when`, for editors.
//! It covers the syntax only; fields and their types are checked when a rule is lowered.

use serde_json::{Map, Value, json};

/// Returns the JSON Schema of `when` and its groups.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "description": "Every key must hold: a field with its test, or a group.",
        "properties": {
            "all": group_schema("Every one of these must hold."),
            "any": group_schema("At least one of these must hold."),
            "none": group_schema("None of these may hold."),
            "any_of": any_of_schema(),
        },
        "additionalProperties": {"$ref": "#/$defs/test_of_field"},
    })
}

fn group_schema(description: &str) -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "items": {"$ref": "#/$defs/condition"},
        "description": description,
    })
}

/// Returns the JSON Schema of the condition of a list's element.
pub fn element_schema(operators: &Map<String, Value>) -> Value {
    let mut schema = schema();
    if let Some(properties) = schema["properties"].as_object_mut() {
        for (name, operator) in operators {
            properties
                .entry(name.clone())
                .or_insert_with(|| operator.clone());
        }
        for group in ["all", "any", "none"] {
            properties[group]["items"] = json!({"$ref": "#/$defs/element_condition"});
        }
    }
    schema["description"] =
        "The fields of an element, or operators that test the element itself. Every key must hold."
            .into();
    schema
}

fn any_of_schema() -> Value {
    json!({
        "type": "object",
        "required": ["in", "when"],
        "additionalProperties": false,
        "description": "At least one element of a list fulfils a condition.",
        "properties": {
            "in": {"type": "string", "description": "The path of the list."},
            "when": {"$ref": "#/$defs/element_condition"},
        },
    })
}
