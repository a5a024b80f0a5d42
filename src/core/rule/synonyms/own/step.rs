//! Words for the keys of steps, and of what only leads from one to another.
//! It refuses words for what a step sends or runs.

use super::ON_DEAD;
use super::action::SANDBOX;
use crate::core::rule::synonyms::Table;

/// What other tools call what becomes of a list whose item failed.
const ON_FAILURE: &[&str] = &[
    "on_fail",
    "on_failed",
    "on_failures",
    "onfail",
    "onFail",
    "onFailure",
    "on_error",
    "on_errors",
    "onerror",
    "onError",
    "on_item_failure",
    "on_item_error",
    "ignore_errors",
    "continue_on_error",
    "continue_on_failure",
    "allow_failure",
    "ignore_failure",
];

/// Whether other tools say so what `on_failure` says beside `for_each`.
pub fn means_on_failure(key: &str) -> bool {
    ON_FAILURE.contains(&key)
}

/// What becomes of a failure.
pub const CATCH: &[&str] = &[
    "rescue",
    "except",
    "on_error",
    "onerror",
    "on_fail",
    "fallback",
    "handle",
    "handler",
    "error_handler",
    "else_on_error",
];

pub const STEP: Table = &[
    (
        CATCH,
        "write `catch:`, a list of steps that run when this one failed",
    ),
    (
        ON_DEAD,
        "write `catch:`, a list of steps that run when this one failed; what is told of every run that gave up stands in the rule under `on_dead:`",
    ),
    (
        &["try", "begin"],
        "write the step as it is, with `catch: [ … ]` beside it; for several, `catch:` beside the rule's `flow`",
    ),
    (
        &[
            "ignore_errors",
            "continue_on_error",
            "allow_failure",
            "ignore_failure",
        ],
        "write `catch: [{ set: failed }]`, and the run goes on",
    ),
    (
        &["finally", "ensure", "always"],
        "nothing runs in any case: write the steps behind, and `catch:` for when it failed",
    ),
    (
        &[
            "switch", "case", "cases", "branch", "branches", "choice", "choices", "else", "elif",
            "else_if", "then", "unless", "match",
        ],
        "write `choose: [{ when: { … }, flow: [ … ] }, { flow: [ … ] }]`",
    ),
    (
        &[
            "loop",
            "foreach",
            "forEach",
            "for",
            "each",
            "map",
            "iterate",
            "with_items",
            "items",
            "while",
            "repeat",
            "until",
        ],
        "write `for_each: PATH` with the steps for each item under `flow:`",
    ),
    (
        &[
            "item",
            "var",
            "variable",
            "item_name",
            "iterator",
            "loop_var",
        ],
        "write `as: NAME` beside `for_each`",
    ),
    (
        &[
            "parallel",
            "batch",
            "max_parallel",
            "parallelism",
            "max_concurrency",
            "workers",
        ],
        "write `concurrency: 4` beside `for_each`; all other steps run one after the other",
    ),
    (
        &["sleep", "delay", "pause", "wait_for", "wait_until", "timer"],
        "write `wait: 4h`, or `wait: { until: PATH }`",
    ),
    (
        &[
            "subflow",
            "sub_flow",
            "call_flow",
            "run_flow",
            "use",
            "uses",
            "include",
            "import",
            "flow_name",
            "invoke",
        ],
        "write `flow: NAME`, the name of a flow under `flows:` in a document of its own",
    ),
    (
        &["with", "args", "arguments", "inputs", "parameters"],
        "write `vars: { … }` beside `flow: NAME`",
    ),
    (&["jq", "transform"], "write `set: { jq: PROGRAM }`"),
    (
        &["stop", "exit", "end", "return", "done", "finish"],
        "write `succeed:`, or `fail:` where it is a failure",
    ),
    (
        &["raise", "throw", "abort", "error"],
        "write `fail: MESSAGE`",
    ),
    (
        &["on_dead"],
        "it belongs into the rule, beside `flow`: its steps run when a run gave up",
    ),
    (
        &["on_restart", "restart", "rerun", "idempotent", "repeatable"],
        "write `on_crash: rerun` where the command may run twice",
    ),
    (
        SANDBOX,
        "write `confine: { cpu: 10s, memory: 256MiB, user: nobody }`",
    ),
    (
        &["cpu", "memory", "user", "read", "write"],
        "put it under `confine:`, beside `exec` or `shell`",
    ),
];

pub const BRANCH: Table = &[
    (
        &[
            "if",
            "condition",
            "case",
            "test",
            "match",
            "elif",
            "else_if",
            "unless",
        ],
        "write `when:`",
    ),
    (
        &[
            "then", "do", "steps", "run", "actions", "next", "goto", "body",
        ],
        "write `flow:`, a list of steps",
    ),
    (
        &["else", "default", "otherwise", "fallback"],
        "write a last branch without `when`: `- flow: [ … ]`",
    ),
];

pub const FLOW: Table = &[
    (
        &[
            "params",
            "parameters",
            "inputs",
            "input",
            "args",
            "arguments",
            "variables",
            "with",
        ],
        "write `vars:`, each with what it is unless given",
    ),
    (
        CATCH,
        "write `catch:`, a list of steps that run when one of the flow's failed",
    ),
    (
        ON_DEAD,
        "write `catch:`, a list of steps that run when one of the flow's failed",
    ),
    (
        &["event_source", "event_type", "when", "mode"],
        "it belongs to a rule, which runs the flow by `flow_name:`",
    ),
    (&["name"], "its name is the key that it stands under"),
];

pub const WAIT: Table = &[
    (
        &[
            "for", "duration", "time", "seconds", "minutes", "hours", "days", "delay",
        ],
        "write the duration itself: `wait: 4h`",
    ),
    (
        &["at", "till", "date", "to", "path", "timestamp"],
        "write `until: PATH`",
    ),
];

pub const JQ: Table = &[(
    &["data", "from", "value", "args", "vars", "on", "of"],
    "write `input:`, what the program reads",
)];
