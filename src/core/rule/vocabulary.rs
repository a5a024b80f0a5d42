//! The words of the rule language as tables: every key, what it is for, its JSON Schema, and whether
//! this version runs it. Loading, the schema and the documentation all read these tables.
//! It refuses to know how a value is lowered.

use serde_json::{Map, Value, json};

use crate::core::rule::gates::{debounce_schema, dedupe_schema, throttle_schema};

/// The keys that one mapping may have.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// What the mapping is, for messages: `a rule`, `` `http` ``.
    pub name: &'static str,
    pub words: &'static [Word],
}

#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub name: &'static str,
    /// One sentence for people, shown by editors.
    pub summary: &'static str,
    pub built: Built,
    pub schema: fn() -> Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    Now,
    /// Recognised and refused; the text says what to do instead.
    Later(&'static str),
}

impl Vocabulary {
    pub fn get(&self, name: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.name == name)
    }

    /// The keys that this version runs, as a help names them.
    pub fn listed(&self) -> String {
        let built = self.words.iter().filter(|word| word.built == Built::Now);
        let names: Vec<_> = built.map(|word| word.name).collect();
        names.join(", ")
    }

    /// The JSON Schema of the mapping. Words of later versions are left out: editors should not
    /// offer them.
    pub fn schema(&self, required: &[&str]) -> Value {
        let words = self.words.iter().filter(|word| word.built == Built::Now);
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

pub const fn word(name: &'static str, summary: &'static str, schema: fn() -> Value) -> Word {
    Word {
        name,
        summary,
        built: Built::Now,
        schema,
    }
}

pub const fn later(name: &'static str, instead: &'static str) -> Word {
    Word {
        name,
        summary: "",
        built: Built::Later(instead),
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
    json!({"type": "string", "pattern": "^[0-9.]+(ms|s|m|min|h|d|w)$", "examples": ["30s", "5m", "24h"]})
}

pub fn condition() -> Value {
    json!({"$ref": "#/$defs/condition"})
}

fn event_type() -> Value {
    json!({
        "oneOf": [
            {"$ref": "#/$defs/event_type"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/event_type"}},
        ],
    })
}

fn event_source() -> Value {
    json!({"type": "string", "examples": ["support", "upmind"]})
}

fn name() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "maxLength": 100})
}

fn mode() -> Value {
    json!({"enum": ["live", "shadow", "disabled"], "default": "live"})
}

pub fn steps() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}})
}

pub fn on_dead() -> Value {
    json!({"type": "array", "items": {"$ref": "#/$defs/step"}})
}

fn tests() -> Value {
    json!({"type": "array", "items": {"$ref": "#/$defs/test"}})
}

/// The keys of a rule.
pub const JOBSPEC: Vocabulary = Vocabulary {
    name: "a rule",
    words: &[
        word(
            "name",
            "Identifies the rule in output, logs and commands. Unique across all rule files.",
            name,
        ),
        word(
            "description",
            "The purpose of the rule, in one sentence.",
            text,
        ),
        word(
            "event_source",
            "The source of the event. `support` is Zendesk.",
            event_source,
        ),
        word(
            "event_type",
            "The name of an event type, a list of names, or a family such as `ticket.*`.",
            event_type,
        ),
        word(
            "when",
            "The condition: each key is a field with its test, or `all`, `any`, `none`. Default: every event of the type matches.",
            condition,
        ),
        word("flow", "The steps to run, in order.", steps),
        word(
            "flow_name",
            "Instead of `flow`: the name of a flow under `flows:` or in a bundle. The rule's `vars` override those of the flow.",
            text,
        ),
        word(
            "catch",
            "The steps that run when a step without its own `catch` fails. The run then ends as done, unless one of them fails. `error.message` holds the reason.",
            steps,
        ),
        word(
            "mode",
            "`live` acts, `shadow` evaluates and records but never acts, `disabled` is skipped. Default: `live`.",
            mode,
        ),
        word(
            "vars",
            "Values for templates and conditions of this rule, read as `vars.NAME`.",
            mapping,
        ),
        word(
            "one_at_a_time_per",
            "Runs with the same value at this path execute one at a time. Default: the ticket. `none` turns this off.",
            text,
        ),
        word(
            "tests",
            "Tests: an event, whether the rule must match it, and what its steps must send.",
            tests,
        ),
        word(
            "dedupe",
            "Allows one run per value of `per` within the time `for`. Further events with that value start no run.",
            dedupe_schema,
        ),
        word(
            "debounce",
            "Combines all events with the same value of `per` into one run, which starts when none has arrived for the time `quiet`.",
            debounce_schema,
        ),
        word(
            "throttle",
            "Allows at most `limit` runs within the time `in`, per value of `per` or for the rule as a whole.",
            throttle_schema,
        ),
        word(
            "on_dead",
            "The steps to run when a run of this rule ends as dead. Default: `on_dead` of flowtrigger.yaml; `[]` for none. `error.message` holds the reason.",
            on_dead,
        ),
        later(
            "redact",
            "what is not kept is said for all rules together: write `redact: [comment.body]` into flowtrigger.yaml",
        ),
        later("schedules", "schedules are reserved for a later version"),
        later("during", "business hours are reserved for a later version"),
    ],
};
