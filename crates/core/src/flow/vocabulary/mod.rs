//! Defines the keys of flows and of the mappings in a step, with their JSON Schema.
//! They are lowered in `compile::flow`, which has the keys of steps themselves.

pub mod command;
pub mod http;

use serde_json::{Value, json};

use crate::document::vocabulary::{
    Vocabulary, anything, condition, duration, keyword, mapping, number, steps, text,
};
/// The keys of one item under `choose`.
pub const BRANCH: Vocabulary = Vocabulary {
    name: "a branch",
    words: &[
        keyword(
            "when",
            "The condition of the branch. Only the last branch may omit it.",
            condition,
        ),
        keyword("flow", "The steps to run if the condition holds.", steps),
    ],
};

/// The keys under `wait`, if it is not a duration.
pub const WAIT: Vocabulary = Vocabulary {
    name: "`wait`",
    words: &[keyword(
        "until",
        "The path of a time in the event or in a step's result.",
        text,
    )],
};

/// The keys under `set`, if it runs a jq program.
pub const JQ: Vocabulary = Vocabulary {
    name: "`set` with `jq`",
    words: &[
        keyword("jq", "A jq program. Its one output is the result.", text),
        keyword(
            "input",
            "The input of the program, made from templates. Default: the event with `vars` and `steps`.",
            anything,
        ),
    ],
};

/// The keys of a document with named flows.
pub const FLOWS: Vocabulary = Vocabulary {
    name: "a document of flows",
    words: &[keyword("flows", "Flows by name, for rules to run.", flows)],
};

/// The keys of a flow under `flows`.
pub const FLOW: Vocabulary = Vocabulary {
    name: "a flow",
    words: &[
        keyword(
            "description",
            "The purpose of the flow, in one sentence.",
            text,
        ),
        keyword(
            "vars",
            "The variables of the flow with their default values. The caller can override each.",
            mapping,
        ),
        keyword("flow", "The steps to run, in order.", steps),
        keyword(
            "catch",
            "The steps that run when a step of the flow fails; then the flow ends.",
            steps,
        ),
    ],
};

/// The keys under `retry`.
pub const RETRY: Vocabulary = Vocabulary {
    name: "`retry`",
    words: &[
        keyword(
            "attempts",
            "The maximum number of attempts. Default: 5 for `http`, 1 for commands.",
            number,
        ),
        keyword(
            "backoff",
            "The delay before the second attempt; it doubles with each further attempt. Default: 1s.",
            duration,
        ),
        keyword(
            "max_delay",
            "The maximum delay between two attempts. Default: 5m.",
            duration,
        ),
    ],
};

/// The JSON Schema of a document with named flows.
pub fn flows_schema() -> Value {
    FLOWS.schema(&["flows"])
}

fn flows() -> Value {
    json!({"type": "object", "minProperties": 1, "additionalProperties": FLOW.schema(&["flow"])})
}

pub fn choose() -> Value {
    json!({"type": "array", "minItems": 1, "items": BRANCH.schema(&["flow"])})
}

pub fn wait() -> Value {
    json!({"oneOf": [duration(), WAIT.schema(&["until"])]})
}

/// A mapping with the key `jq` is always a program.
pub fn set() -> Value {
    json!({"if": {"type": "object", "required": ["jq"]}, "then": JQ.schema(&["jq"])})
}

pub fn retry() -> Value {
    RETRY.schema(&[])
}
