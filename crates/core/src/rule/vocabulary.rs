//! The keys of a rule, with their JSON Schema.

use serde_json::{Value, json};

use crate::document::vocabulary::{
    Vocabulary, condition, keyword, mapping, on_dead, planned, steps, text, words,
};
use crate::gate::vocabulary::{
    count_schema, debounce_schema, dedupe_schema, sequence_schema, throttle_schema,
};
use crate::language::during::during;
use crate::schedule::every::MissedTicks;

/// The keys of `every`.
pub const EVERY: Vocabulary = Vocabulary {
    name: "`every`",
    words: words! {
        "cron" cron => "Minute, hour, day of the month, month and day of the week, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.";
        "zone" text => "The IANA name of the zone whose clock decides, such as `Europe/Berlin`. Default: UTC.";
        "missed" missed => "What runs after a time in which the program did not run: the `last` missed tick, `none`, or `all` of them. Default: `last`.";
    },
};

fn cron() -> Value {
    json!({"type": "string", "examples": ["0 9 * * mon-fri", "@daily"]})
}

fn missed() -> Value {
    let words = MissedTicks::ALL.map(MissedTicks::as_str);
    json!({"enum": words, "default": MissedTicks::default().as_str()})
}

/// The keys of a rule.
pub const JOBSPEC: Vocabulary = Vocabulary {
    name: "a rule",
    words: &[
        keyword(
            "name",
            "Identifies the rule in output, logs and commands. Unique across all rule files, apart from a shadow version.",
            name,
        ),
        keyword(
            "description",
            "The purpose of the rule, in one sentence.",
            text,
        ),
        keyword(
            "event_source",
            "The source of the event. `support` is Zendesk.",
            event_source,
        ),
        keyword(
            "event_type",
            "The name of an event type, a list of names, or a family such as `ticket.*`.",
            event_type,
        ),
        keyword(
            "every",
            "Instead of `event_source` and `event_type`: the times at which the rule runs, as a cron expression or a mapping with `cron`.",
            every,
        ),
        keyword(
            "when",
            "The condition: each key is a field with its test, or `all`, `any`, `none`. Default: every event of the type matches.",
            condition,
        ),
        keyword("flow", "The steps to run, in order.", steps),
        keyword(
            "flow_name",
            "Instead of `flow`: the name of a flow under `flows:` or in a bundle. The rule's `vars` override those of the flow.",
            text,
        ),
        keyword(
            "catch",
            "The steps that run when a step without its own `catch` fails. The run then ends as done, unless one of them fails. `error.message` holds the reason.",
            steps,
        ),
        keyword(
            "mode",
            "`live` acts, `shadow` evaluates and records but never acts, `disabled` is skipped. Default: `live`. In `shadow` mode, a rule with the name of another one is its shadow version and compared with it.",
            mode,
        ),
        keyword(
            "vars",
            "Values for templates and conditions of this rule, read as `vars.NAME`.",
            mapping,
        ),
        keyword(
            "one_at_a_time_per",
            "Runs with the same value at this path execute one at a time. Default: the ticket. `none` turns this off.",
            text,
        ),
        keyword(
            "tests",
            "Tests: an event, whether the rule must match it, and what its steps must send.",
            tests,
        ),
        keyword(
            "during",
            "The schedule in whose open hours the rule runs, or `{ not: SCHEDULE }`, at the time of the event.",
            during,
        ),
        keyword(
            "dedupe",
            "Allows one run per value of `per` within the time `for`. Further events with that value start no run.",
            dedupe_schema,
        ),
        keyword(
            "debounce",
            "Combines all events with the same value of `per` into one run, which starts when none has arrived for the time `quiet`.",
            debounce_schema,
        ),
        keyword(
            "throttle",
            "Allows at most `limit` runs within the time `in`, per value of `per` or for the rule as a whole.",
            throttle_schema,
        ),
        keyword(
            "count",
            "Starts a run when at least `at_least` events have happened within the time `in`, per value of `per` or for the rule as a whole.",
            count_schema,
        ),
        keyword(
            "sequence",
            "Instead of `event_type`: the events that must happen one after the other within the time `in`, per value of `per`.",
            sequence_schema,
        ),
        keyword(
            "on_dead",
            "The steps to run when a run of this rule ends as dead. Default: `on_dead` of flowtrigger.yaml; `[]` for none. `error.message` holds the reason.",
            on_dead,
        ),
        planned(
            "redact",
            "redaction applies to all rules: write `redact: [comment.body]` in flowtrigger.yaml",
        ),
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

fn every() -> Value {
    json!({"oneOf": [cron(), EVERY.schema(&["cron"])]})
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
