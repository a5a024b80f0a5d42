//! Builds the schema of a rule file from the vocabulary tables and the operators.

use serde_json::{Map, Value, json};

use super::event_fields;

use flowtrigger_core::compile::flow::action::step_schema;
use flowtrigger_core::document::vocabulary::Vocabulary;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::catalogue::event_type::EventType;
use flowtrigger_core::flow::vocabulary::flows_schema;
use flowtrigger_core::language::condition::schema as condition;
use flowtrigger_core::language::operator::SPECS;
use flowtrigger_core::rule::expected_runs::EXPECTED_RUNS;
use flowtrigger_core::rule::test::vocabulary as test;
use flowtrigger_core::rule::vocabulary::JOBSPEC;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The required keys of a rule, besides `flow` or `flow_name`.
const REQUIRED: &[&str] = &["name"];

/// The schema of a document: a rule, or named flows.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": DRAFT,
        "title": "A flowtrigger rule, or flows that rules run",
        "type": "object",
        "if": {"required": ["flows"]},
        "then": {"$ref": "#/$defs/flows"},
        "else": {"$ref": "#/$defs/rule"},
    });
    schema["$defs"] = step_parts();
    schema["$defs"]["rule"] = JOBSPEC.schema(REQUIRED);
    schema["$defs"]["rule"]["oneOf"] = json!([{"required": ["flow"]}, {"required": ["flow_name"]}]);
    schema["$defs"]["rule"]["if"] = json!({"required": ["every"]});
    schema["$defs"]["rule"]["then"] =
        json!({"properties": {"event_source": false, "event_type": false}});
    schema["$defs"]["rule"]["else"] = json!({"required": ["event_source", "event_type"]});
    schema["$defs"]["flows"] = flows_schema();
    schema["$defs"]["event_type"] = event_type(Catalogue::built_in());
    schema["$defs"]["test"] = test::schema();
    for (name, definition) in test::definitions() {
        schema["$defs"][name] = definition;
    }
    event_fields::add(&mut schema, Catalogue::built_in());
    schema
}

/// The schema of a file of tests.
pub fn test_file() -> Value {
    let mut schema = json!({
        "$schema": DRAFT,
        "title": "The tests of flowtrigger rules",
        "type": "array",
        "items": {"$ref": "#/$defs/test"},
        "$defs": {"test": test::schema()},
    });
    for (name, definition) in test::definitions() {
        schema["$defs"][name] = definition;
    }
    schema
}

/// The schema of the expectations of a backtest.
pub fn expected_runs_file() -> Value {
    let mut schema = document(&EXPECTED_RUNS, &[]);
    schema["title"] = "The expected runs of a backtest".into();
    schema
}

/// The schemas of a step and of the parts that it refers to.
pub fn step_parts() -> Value {
    json!({
        "condition": condition::schema(),
        "element_condition": condition::element_schema(&operator_properties()),
        "test_of_field": test_of_field(),
        "operators": operators(),
        "step": step_schema(),
    })
}

/// The schema of a file with the keys of a vocabulary.
pub fn document(vocabulary: &Vocabulary, required: &[&str]) -> Value {
    let mut document = json!({"$schema": DRAFT});
    if let (Some(document), Value::Object(keys)) =
        (document.as_object_mut(), vocabulary.schema(required))
    {
        document.extend(keys);
    }
    document
}

/// The schema of the test of a field.
fn test_of_field() -> Value {
    json!({
        "description": "A value (equals), a list (any of), or operators that must all hold.",
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean", "null", "object"]}},
            {"$ref": "#/$defs/operators"},
            {
                "type": "object",
                "required": ["path"],
                "properties": {
                    "path": {"type": "string", "description": "Another field or value to compare with."},
                },
                "additionalProperties": false,
            },
        ],
    })
}

fn operators() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": false,
        "properties": operator_properties(),
    })
}

fn operator_properties() -> Map<String, Value> {
    let mut properties: Map<String, Value> = SPECS
        .iter()
        .map(|spec| {
            let schema = (spec.schema)();
            (spec.name.to_owned(), prepend_summary(spec.summary, schema))
        })
        .collect();
    properties.insert(
        "not".into(),
        json!({"$ref": "#/$defs/test_of_field", "description": "Negates the test that follows."}),
    );
    properties.insert(
        "ignore_case".into(),
        json!({"type": "boolean", "description": "Whether upper and lower case are equal. Default: false."}),
    );
    properties
}

/// Puts the summary of an operator before the description of its operand.
fn prepend_summary(summary: &str, mut schema: Value) -> Value {
    let description = match schema["description"].as_str() {
        Some(operand) => format!("{summary} {operand}"),
        None => summary.to_owned(),
    };
    schema["description"] = description.into();
    schema
}

/// Known names for completion, or any text, for configured types.
fn event_type(catalogue: &Catalogue) -> Value {
    let types: Vec<&EventType> = catalogue.types().collect();
    let names = types.iter().map(|t| t.name.clone());
    let mut families: Vec<String> = types.iter().map(|t| format!("{}.*", t.family())).collect();
    families.dedup();
    let mut displayed: Vec<String> = types
        .iter()
        .filter(|t| {
            catalogue
                .by_display(&t.source, t.display.as_deref().unwrap_or(""))
                .is_some()
        })
        .filter_map(|t| t.display.clone())
        .collect();
    displayed.sort();
    displayed.dedup();
    let known: Vec<String> = names.chain(families).chain(displayed).collect();
    json!({
        "description": "The name of an event type, a family such as `ticket.*`, or a display name that only one type has.",
        "anyOf": [{"enum": known}, {"type": "string"}],
    })
}
