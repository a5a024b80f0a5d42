//! Builds the schema of `flowtrigger.yaml` from the vocabulary tables of the configuration.

use serde_json::{Value, json};

use super::rule::{document, step_parts};
use flowtrigger_core::config::connection::{AUTH, CONNECTION};
use flowtrigger_core::config::integrations::INTEGRATION;
use flowtrigger_core::config::source::SOURCE;
use flowtrigger_core::config::vocabulary::{CONFIG, SECRET};
use flowtrigger_core::event::catalogue::field_type::FieldType;

pub fn schema() -> Value {
    let mut schema = document(&CONFIG, &[]);
    schema["title"] = "The configuration of flowtrigger".into();
    let keys = &mut schema["properties"];
    keys["mode"]["enum"] = json!(["live", "shadow", "disabled"]);
    for (section, part) in [
        ("connections", "connection"),
        ("secrets", "secret"),
        ("integrations", "integration"),
        ("sources", "source"),
    ] {
        keys[section]["additionalProperties"] = reference(part);
    }
    keys["event_types"]["type"] = "array".into();
    keys["event_types"]["items"] = reference("event_type");
    schema["$defs"] = step_parts();
    for (part, definition) in [
        ("connection", connection()),
        ("auth", auth()),
        ("secret", one_of_its_keys(SECRET.schema(&[]))),
        ("integration", INTEGRATION.schema(&[])),
        ("source", source()),
        ("event_type", event_type()),
        ("field_type", field_type()),
    ] {
        schema["$defs"][part] = definition;
    }
    schema
}

fn reference(part: &str) -> Value {
    json!({"$ref": format!("#/$defs/{part}")})
}

fn connection() -> Value {
    let mut schema = CONNECTION.schema(&["base_url"]);
    schema["properties"]["auth"]["$ref"] = "#/$defs/auth".into();
    schema
}

fn auth() -> Value {
    let mut schema = one_of_its_keys(AUTH.schema(&[]));
    schema["properties"]["basic"]["required"] = json!(["username", "password"]);
    schema["properties"]["header"]["required"] = json!(["name", "value"]);
    schema
}

fn source() -> Value {
    let mut schema = SOURCE.schema(&[]);
    schema["properties"]["decoder"]["enum"] = json!(["support", "upmind", "json"]);
    schema
}

fn one_of_its_keys(mut schema: Value) -> Value {
    schema["minProperties"] = 1.into();
    schema["maxProperties"] = 1.into();
    schema
}

/// A configured event type, in the format of the built-in catalogue.
fn event_type() -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["source", "name"],
        "properties": {
            "source": {"type": "string", "description": "The `event_source` of its events."},
            "name": {"type": "string", "description": "The name that rules use, such as `deal.Won`."},
            "display": {"type": "string", "description": "Its display name."},
            "webhook": {"type": "string", "description": "Its name in event webhooks."},
            "codes": described("Its hook codes.", &texts),
            "groups": described("Its groups in the list of event types.", &texts),
            "summary": {"type": "string", "description": "What happened, in one sentence."},
            "fields": {
                "type": "object",
                "additionalProperties": reference("field_type"),
                "description": "Its own fields, as dotted path and type.",
            },
            "open": {
                "type": "boolean",
                "description": "Whether its events may hold fields that are not listed.",
            },
        },
    })
}

fn described(description: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["description"] = description.into();
    schema
}

fn field_type() -> Value {
    let names: Vec<String> = FieldType::SCALARS.iter().map(FieldType::name).collect();
    let lists = names.iter().map(|name| format!("list<{name}>"));
    let all: Vec<String> = names.iter().cloned().chain(lists).collect();
    json!({"enum": all})
}
