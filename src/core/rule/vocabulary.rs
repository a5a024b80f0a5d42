//! The keys of a rule, with their JSON Schema.

use serde_json::{Value, json};

use crate::core::rule::document::vocabulary::{
    Vocabulary, condition, later, mapping, on_dead, steps, text, word,
};
use crate::core::rule::gates::{debounce_schema, dedupe_schema, throttle_schema};

/// The keys of a rule.
pub const JOBSPEC: Vocabulary = Vocabulary {
    name: "a rule",
    words: &[
        word(
            "name",
            "What the rule is called everywhere; unique across all files.",
            name,
        ),
        word("description", "What the rule is for, in a sentence.", text),
        word(
            "event_source",
            "Where the event comes from: `support` is Zendesk.",
            event_source,
        ),
        word(
            "event_type",
            "The event's tag, a list of tags, or a family such as `ticket.*`.",
            event_type,
        ),
        word(
            "when",
            "What must hold: every key is a field and its test, or `all`, `any`, `none`.",
            condition,
        ),
        word("flow", "The steps to run, in order.", steps),
        word(
            "flow_name",
            "Instead of `flow`: the name of a flow under `flows` or of a bundle; the rule's `vars` lie over its own.",
            text,
        ),
        word(
            "catch",
            "The steps that run when a step failed that has no `catch` of its own; then the run is done, unless one of them fails. `error.message` says why.",
            steps,
        ),
        word(
            "mode",
            "`live` acts, `shadow` is judged and recorded but never acts, `disabled` is skipped.",
            mode,
        ),
        word(
            "vars",
            "Values for templates and conditions of this rule: `vars.NAME`.",
            mapping,
        ),
        word(
            "one_at_a_time_per",
            "Runs with the same value at this path wait for each other; the ticket unless given, `none` to opt out.",
            text,
        ),
        word(
            "tests",
            "Events that this rule must match or not, and what its steps would send.",
            tests,
        ),
        word(
            "dedupe",
            "One run for each value of `per` in the time `for`; further events of it run nothing.",
            dedupe_schema,
        ),
        word(
            "debounce",
            "One run for all events of a value of `per`, once none has come for the time `quiet`.",
            debounce_schema,
        ),
        word(
            "throttle",
            "At most `limit` runs in the time `in`, for each value of `per` or all together.",
            throttle_schema,
        ),
        word(
            "on_dead",
            "The steps to run when a run of this rule gave up; `[]` for none. `error.message` says why.",
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

fn tests() -> Value {
    json!({"type": "array", "items": {"$ref": "#/$defs/test"}})
}
