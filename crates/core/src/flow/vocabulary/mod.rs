//! Defines the keys of flows and steps, with their JSON Schema.
//! They are lowered in `compile::flow`.

pub mod command;
pub mod http;

use serde_json::{Value, json};

use crate::document::vocabulary::{
    Vocabulary, anything, condition, duration, keyword, mapping, number, steps, text,
};
use crate::flow::vocabulary::command::{confine, exec};
use crate::flow::vocabulary::http::http;

pub use crate::flow::vocabulary::command::{CONFINE, EXEC};
pub use crate::flow::vocabulary::http::{HTTP, METHODS};

/// The action keys; a step has exactly one of them.
pub const ACTIONS: [&str; 11] = [
    "http", "exec", "shell", "when", "set", "choose", "for_each", "wait", "flow", "succeed", "fail",
];

/// The keys of a step.
pub const STEP: Vocabulary = Vocabulary {
    name: "a step",
    words: &[
        keyword(
            "name",
            "The name under which later steps read the result: `steps.NAME`. Lower-case letters, digits and `_`.",
            name,
        ),
        keyword(
            "http",
            "Sends an HTTP request. The result has `status`, `headers` and `body`.",
            http,
        ),
        keyword(
            "exec",
            "Runs a program with arguments, without a shell. The result has `status`, `stdout` and `stderr`.",
            exec,
        ),
        keyword(
            "shell",
            "Runs a shell script, which reads the event from its environment and standard input. The script must not contain templates.",
            text,
        ),
        keyword(
            "when",
            "A guard: if the condition does not hold, the run ends here as skipped.",
            condition,
        ),
        keyword(
            "set",
            "Sets the step's result to a value made from templates, or to the output of `{ jq: PROGRAM }`.",
            set,
        ),
        keyword(
            "choose",
            "Runs the first branch whose `when` holds; if none does, the flow continues with the next step. The result is that of the last step that ran.",
            choose,
        ),
        keyword(
            "for_each",
            "Runs the steps under `flow` for each item of the list at this path. The result is the list of their results.",
            text,
        ),
        keyword(
            "as",
            "The name of the item in the steps of a `for_each`. Default: `item`.",
            name,
        ),
        keyword(
            "concurrency",
            "The number of items of a `for_each` that are processed in parallel. Default: 1.",
            concurrency,
        ),
        keyword(
            "on_failure",
            "Whether a `for_each` stops at the first item that fails (`stop`) or continues with the others (`continue`). Default: `stop`.",
            on_failure,
        ),
        keyword(
            "wait",
            "Waits for a duration, or until the time at a path. Other runs continue meanwhile.",
            wait,
        ),
        keyword(
            "flow",
            "Runs the flow with this name. Beside `for_each`: the steps for each item.",
            anything,
        ),
        keyword(
            "vars",
            "Values for the `vars` of a named flow; they override its own.",
            mapping,
        ),
        keyword("succeed", "Ends the run as done, with a message.", message),
        keyword(
            "fail",
            "Fails with a message: the run ends as dead unless a `catch` handles the failure.",
            message,
        ),
        keyword(
            "retry",
            "How often and after which delays a failed `http`, `exec` or `shell` is attempted again.",
            retry,
        ),
        keyword(
            "timeout",
            "The maximum duration of one attempt. Default: for `http` the connection's `timeout` or else 10s, for commands 30s.",
            duration,
        ),
        keyword(
            "keep",
            "The part of the result that later steps can read: all of it (`body`), its `status`, or `none`. Default: `body`.",
            keep,
        ),
        keyword(
            "on_crash",
            "What happens after a crash to an `exec` or `shell` that was running: `hold` the run for a person, or `rerun` the command. Default: `hold`.",
            on_crash,
        ),
        keyword(
            "confine",
            "Limits on the resources and files of an `exec` or `shell`. If one of them cannot be enforced, the command does not start.",
            confine,
        ),
        keyword(
            "catch",
            "The steps that run when this step fails; then the run continues. `error.message` holds the reason.",
            steps,
        ),
    ],
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
        keyword(
            "jq",
            "A jq program. Its output is the result; no output is null, several outputs are a failure.",
            text,
        ),
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

/// The JSON Schema of one step.
pub fn step_schema() -> Value {
    let mut schema = STEP.schema(&[]);
    let others = ACTIONS.iter().filter(|action| **action != "flow");
    let mut one: Vec<Value> = others
        .map(|action| match *action {
            "for_each" => {
                json!({"required": ["for_each", "flow"], "properties": {"flow": steps()}})
            }
            action => json!({"required": [action]}),
        })
        .collect();
    one.push(json!({
        "required": ["flow"],
        "properties": {"flow": {"type": "string"}, "for_each": false},
    }));
    schema["oneOf"] = json!(one);
    schema
}

/// The JSON Schema of a document with named flows.
pub fn flows_schema() -> Value {
    FLOWS.schema(&["flows"])
}

fn flows() -> Value {
    json!({"type": "object", "minProperties": 1, "additionalProperties": FLOW.schema(&["flow"])})
}

fn choose() -> Value {
    json!({"type": "array", "minItems": 1, "items": BRANCH.schema(&["flow"])})
}

fn concurrency() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": crate::flow::limits::MAX_CONCURRENCY, "default": 1})
}

fn on_failure() -> Value {
    json!({"enum": ["stop", "continue"], "default": "stop"})
}

fn wait() -> Value {
    json!({"oneOf": [duration(), WAIT.schema(&["until"])]})
}

/// A mapping with the key `jq` is always a program.
fn set() -> Value {
    json!({"if": {"type": "object", "required": ["jq"]}, "then": JQ.schema(&["jq"])})
}

fn name() -> Value {
    json!({"type": "string", "pattern": "^[a-z_][a-z0-9_]*$"})
}

fn message() -> Value {
    json!({"type": ["string", "null"]})
}

fn retry() -> Value {
    RETRY.schema(&[])
}

fn keep() -> Value {
    json!({"enum": ["body", "status", "none"], "default": "body"})
}

fn on_crash() -> Value {
    json!({"enum": ["hold", "rerun"], "default": "hold"})
}
