//! The grammar of `when` as a JSON Schema, for editors.
//! It says what may be written, not which field can hold what.

use serde_json::{Value, json};

/// The JSON Schema of `when` and its parts.
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
