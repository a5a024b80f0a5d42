//! The words of steps as tables, with their JSON Schema: what `flow:` may hold.
//! It refuses to know how a value is lowered.

mod command;
mod http;

use serde_json::{Value, json};

use crate::core::rule::vocabulary::{
    Vocabulary, anything, condition, duration, mapping, number, steps, text, word,
};
use command::{confine, exec};
use http::http;

pub use command::{CONFINE, EXEC};
pub use http::HTTP;

/// The keys that say what a step does; a step has exactly one of them.
pub const ACTIONS: [&str; 11] = [
    "http", "exec", "shell", "when", "set", "choose", "for_each", "wait", "flow", "succeed", "fail",
];

/// The keys of a step.
pub const STEP: Vocabulary = Vocabulary {
    name: "a step",
    words: &[
        word(
            "name",
            "What later steps call its result: `steps.NAME`; small letters, digits and `_`.",
            name,
        ),
        word(
            "http",
            "Sends an HTTP request; the result has `status`, `headers` and `body`.",
            http,
        ),
        word(
            "exec",
            "Runs a program with arguments, without a shell; the result has `status`, `stdout` and `stderr`.",
            exec,
        ),
        word(
            "shell",
            "Runs a script that reads the event from its environment and standard input; it holds no template.",
            text,
        ),
        word(
            "when",
            "A guard: unless it holds, the run ends here as skipped.",
            condition,
        ),
        word(
            "set",
            "Keeps a value as the step's result: made from templates, or `{ jq: PROGRAM }`.",
            set,
        ),
        word(
            "choose",
            "Goes through the first branch whose `when` holds, and past all of them where none does; the result is that of the last step that ran.",
            choose,
        ),
        word(
            "for_each",
            "Runs the steps under `flow` for each item of the list at this path; the result is the list of their results.",
            text,
        ),
        word(
            "as",
            "What the steps of a `for_each` call the item; `item` unless given.",
            name,
        ),
        word(
            "concurrency",
            "How many items of a `for_each` are under way together; one after the other unless given.",
            concurrency,
        ),
        word(
            "on_failure",
            "Whether a `for_each` stops at an item that fails, as unless given, or goes on: `continue`.",
            on_failure,
        ),
        word(
            "wait",
            "Waits for so long, or until the time at a path, while other runs go on.",
            wait,
        ),
        word(
            "flow",
            "Runs the flow of this name; beside `for_each` the steps for each item.",
            anything,
        ),
        word(
            "vars",
            "What a named flow finds under `vars`, laid over its own.",
            mapping,
        ),
        word("succeed", "Ends the run as done, with a message.", message),
        word(
            "fail",
            "A failure with a message: the run is dead, unless a `catch` sees to it.",
            message,
        ),
        word(
            "retry",
            "When a failed `http`, `exec` or `shell` is tried again.",
            retry,
        ),
        word(
            "timeout",
            "How long one try may take; 10s for `http`, 30s for commands unless given.",
            duration,
        ),
        word(
            "keep",
            "What of the result later steps can read: all of it, its status, or nothing.",
            keep,
        ),
        word(
            "on_crash",
            "What becomes of an `exec` or `shell` that a crash cut off: `hold` it for a person, as unless given, or `rerun` it.",
            on_crash,
        ),
        word(
            "confine",
            "What an `exec` or `shell` may use up and touch, enforced wholly or the command does not start.",
            confine,
        ),
        word(
            "catch",
            "The steps that run when this one failed; then the run goes on. `error.message` says why.",
            steps,
        ),
    ],
};

/// The keys of one item under `choose`.
pub const BRANCH: Vocabulary = Vocabulary {
    name: "a branch",
    words: &[
        word(
            "when",
            "What must hold; the last branch needs none.",
            condition,
        ),
        word("flow", "The steps to run then.", steps),
    ],
};

/// The keys under `wait`, where it is not the duration itself.
pub const WAIT: Vocabulary = Vocabulary {
    name: "`wait`",
    words: &[word(
        "until",
        "The path of a time in the event or in a step's result.",
        text,
    )],
};

/// The keys under `set`, where it holds a jq program.
pub const JQ: Vocabulary = Vocabulary {
    name: "`set` with `jq`",
    words: &[
        word("jq", "A jq program; its first output is the result.", text),
        word(
            "input",
            "What the program reads, made from templates; the event with `vars` and `steps` unless given.",
            anything,
        ),
    ],
};

/// The keys of a document that holds flows.
pub const FLOWS: Vocabulary = Vocabulary {
    name: "a document of flows",
    words: &[word("flows", "Flows by name, for rules to run.", flows)],
};

/// The keys of a flow under `flows`.
pub const FLOW: Vocabulary = Vocabulary {
    name: "a flow",
    words: &[
        word("description", "What the flow is for, in a sentence.", text),
        word(
            "vars",
            "Its variables, each with what it is unless who runs the flow gives it.",
            mapping,
        ),
        word("flow", "The steps to run, in order.", steps),
        word(
            "catch",
            "The steps that run when one of its steps failed; then the flow is over.",
            steps,
        ),
    ],
};

/// The keys under `retry`.
pub const RETRY: Vocabulary = Vocabulary {
    name: "`retry`",
    words: &[
        word(
            "attempts",
            "How many tries in all; 5 for `http`, 1 for commands unless given.",
            number,
        ),
        word(
            "backoff",
            "How long to wait before the second try; every further wait is twice as long.",
            duration,
        ),
        word("max_delay", "The longest wait between two tries.", duration),
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

/// The JSON Schema of a document that holds flows.
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
    json!({"type": "integer", "minimum": 1, "maximum": super::bounds::MAX_CONCURRENCY, "default": 1})
}

fn on_failure() -> Value {
    json!({"enum": ["stop", "continue"], "default": "stop"})
}

fn wait() -> Value {
    json!({"oneOf": [duration(), WAIT.schema(&["until"])]})
}

/// A mapping with `jq` is a program and nothing else.
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
