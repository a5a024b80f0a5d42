//! Defines the keys of flows and of the mappings in a step, with their JSON Schema.
//! They are lowered in `compile::flow`, which has the keys of steps themselves.

pub mod command;
pub mod http;
pub mod waiting;

use serde_json::{Value, json};

use crate::document::vocabulary::{
    Vocabulary, anything, condition, duration, mapping, number, steps, text, words,
};
use crate::language::during::during;
/// The keys of one item under `choose`.
pub const BRANCH: Vocabulary = Vocabulary {
    name: "a branch",
    words: words! {
        "when" condition => "The condition of the branch. Only the last branch may omit it.";
        "flow" steps => "The steps to run if the condition holds.";
    },
};

/// The keys under `wait`, if it is not a duration.
pub const WAIT: Vocabulary = Vocabulary {
    name: "`wait`",
    words: words! {
        "until" text => "The path of a time in the event or in a step's result.";
        "for" duration => "Instead of `until`: how long, if only the hours of `during` count.";
        "during" during => "The schedule whose open hours count, or `{ not: SCHEDULE }`.";
    },
};

/// The keys under `set`, if it runs a jq program.
pub const JQ: Vocabulary = Vocabulary {
    name: "`set` with `jq`",
    words: words! {
        "jq" text => "A jq program. Its output is the result; no output is null, several outputs are a failure.";
        "input" anything =>
            "The input of the program, made from templates. Default: the event with `vars` and `steps`.";
    },
};

/// The keys of a document with named flows.
pub const FLOWS: Vocabulary = Vocabulary {
    name: "a document of flows",
    words: words! {
        "flows" flows => "Flows by name, for rules to run.";
    },
};

/// The keys of a flow under `flows`.
pub const FLOW: Vocabulary = Vocabulary {
    name: "a flow",
    words: words! {
        "description" text => "The purpose of the flow, in one sentence.";
        "vars" mapping =>
            "The variables of the flow with their default values. The caller can override each.";
        "flow" steps => "The steps to run, in order.";
        "catch" steps => "The steps that run when a step of the flow fails; then the flow ends.";
    },
};

/// The keys under `retry`.
pub const RETRY: Vocabulary = Vocabulary {
    name: "`retry`",
    words: words! {
        "attempts" number =>
            "The maximum number of attempts, the first included. Default: no maximum beside `for`; otherwise 5 for `http`, 3 for commands.";
        "for" duration =>
            "How long the step is attempted again, from the first attempt on. Time in which the run waits for something else, such as a receiver that is down, does not count. At most 30d. Default: no maximum.";
        "backoff" duration =>
            "The delay before the second attempt; it doubles with each further attempt. Default: 1s.";
        "max_delay" duration => "The maximum delay between two attempts. Default: 5m.";
        "during" during =>
            "The schedule in whose open hours further attempts are made, or `{ not: SCHEDULE }`. Only these hours count for `for`. The first attempt is not delayed.";
    },
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
    let keys = |required: &[&str]| WAIT.schema(required);
    json!({"oneOf": [duration(), keys(&["until"]), keys(&["for"])]})
}

/// A mapping with the key `jq` is always a program.
pub fn set() -> Value {
    json!({"if": {"type": "object", "required": ["jq"]}, "then": JQ.schema(&["jq"])})
}

pub fn retry() -> Value {
    RETRY.schema(&[])
}
