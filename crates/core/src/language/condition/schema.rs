//! The JSON Schema of `when`, for editors.
//! It covers the syntax only; fields and their types are checked when a rule is lowered.

use serde_json::{Value, json};

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
