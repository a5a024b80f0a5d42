//! The keys of a rule test and of its events, with descriptions and JSON Schemas.

use serde_json::{Value, json};

use crate::document::vocabulary::{Vocabulary, duration, mapping, text, words};
use crate::flow::limits::MAX_AWAITED_EVENTS;
use crate::rule::test::mock::MAX_STATUS;
use crate::rule::test::{ENDS, GATES, MAX_ATTEMPTS, MAX_EVENTS};

/// The keys of a rule test.
pub const TEST: Vocabulary = Vocabulary {
    name: "a test",
    words: words! {
        "name" any_text => "What the test shows, in one sentence.";
        "rule" text => "The rule under test, if the file has several.";
        "event" event => "The event: a path relative to this file, or the event itself. `tick`, or `{ tick: TIME }`, is a tick of a rule with `every`.";
        "set" mapping => "Changes to the event, as path and value.";
        "expect" expect => "`match`, `no match`, or `suppressed` by the gate `during`.";
        "because" text => "The path of the predicate that prevents the match.";
        "now" time => "The time at which the run starts. Default: the time of the event.";
        "mock" mock =>
            "The result of each step, by step name: a reply, a failure, or a list with one entry per attempt. Of a `wait_for` what comes; without it nothing comes.";
        "steps" steps =>
            "What each step must send, by step name, or `not sent`. Keys that are not listed may have any value.";
        "attempts" attempts => "How many attempts each step must make, by step name.";
        "ends" ends => "How the run must end: `done`, `skipped` or `dead`.";
        "guard" text => "The step name of the guard that must end the run.";
        "events" events =>
            "Several events, one after the other, in place of one. `event`, `set` and `mock` then hold for each of them.";
        "runs" count => "With `events`: how many runs must start.";
        "order" order =>
            "With `events`: the numbers of the events, from 1, in the order in which their runs must end.";
    },
};

/// The keys of one of several events.
pub const TEST_EVENT: Vocabulary = Vocabulary {
    name: "an event of a test",
    words: words! {
        "at" duration => "When it is received, counted from the start of the test: `0s`, `15m`.";
        "event" event => "The event. Default: that of the test.";
        "set" mapping => "Changes to the event, after those of the test.";
        "expect" expect_of_event =>
            "`match`: its run starts. `no match`. `suppressed`: a gate suppresses its run. `held`: the loop guard holds it.";
        "because" text => "The path of the predicate that prevents the match.";
        "gate" gate =>
            "The gate that suppresses the run: `during`, `dedupe`, `debounce`, `throttle`, `count`, `sequence` or `loop_guard`.";
        "starts" duration => "When its run starts, counted from the start of the test.";
        "mock" mock => "The results of steps in its run. They replace those of the test.";
        "steps" steps => "What each step must send, by step name, or `not sent`.";
        "attempts" attempts => "How many attempts each step must make, by step name.";
        "ends" ends => "How its run must end: `done`, `skipped` or `dead`.";
        "guard" text => "The step name of the guard that must end its run.";
    },
};

/// The keys of a mocked reply.
pub const REPLY: Vocabulary = Vocabulary {
    name: "a reply",
    words: words! {
        "status" status => "The status of a response, or the exit status of a command.";
        "headers" mapping => "The headers of a response.";
        "body" crate::document::vocabulary::anything => "The body: of a command the parsed standard output.";
        "stdout" any_text => "What a command writes to standard output.";
        "stderr" any_text => "What a command writes to standard error.";
    },
};

/// The keys of a mock of a `wait_for`.
pub const AWAITED: Vocabulary = Vocabulary {
    name: "what comes for a `wait_for`",
    words: words! {
        "arrives" mapping => "The fields of the event that comes, as later steps read them: `steps.NAME.event`. Its condition is not compared.";
        "number" awaited_number => "Which event of `any` comes, from 1. Default: 1.";
        "answer" any_text => "The answer that a person gives.";
        "by" mapping => "Who gives it, as later steps read `steps.NAME.by`. Default: `{ via: link }`.";
    },
};

fn awaited_number() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_AWAITED_EVENTS})
}

fn event() -> Value {
    json!({"type": ["string", "object"]})
}

fn expect() -> Value {
    json!({"enum": ["match", "no match", "suppressed"]})
}

fn expect_of_event() -> Value {
    json!({"enum": ["match", "no match", "suppressed", "held"]})
}

fn gate() -> Value {
    json!({"enum": GATES})
}

fn ends() -> Value {
    json!({"enum": ENDS})
}

fn status() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": MAX_STATUS})
}

/// A number is a text too.
fn any_text() -> Value {
    json!({"type": ["string", "number"]})
}

fn time() -> Value {
    let pattern =
        r"^[-+]?[0-9]{4,6}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9].*([Zz]|[-+][0-9:]{2,})(\[.*\])?$";
    json!({"type": "string", "pattern": pattern, "examples": ["2026-03-01T09:00:00Z"]})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": MAX_EVENTS})
}

fn order() -> Value {
    let number = json!({"type": "integer", "minimum": 1, "maximum": MAX_EVENTS});
    json!({"type": "array", "minItems": 2, "uniqueItems": true, "items": number})
}

fn attempts() -> Value {
    let count = json!({"type": "integer", "minimum": 0, "maximum": MAX_ATTEMPTS});
    json!({"type": "object", "additionalProperties": count})
}

fn steps() -> Value {
    json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/sent"}})
}

fn mock() -> Value {
    json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/mock"}})
}

fn events() -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": {"$ref": "#/$defs/test_event"}})
}

/// The schema of a test: of one event, or of several.
pub fn schema() -> Value {
    let mut schema = TEST.schema(&[]);
    let of_one = json!(["runs", "order"]);
    let of_events = json!(["expect", "because", "steps", "attempts", "ends", "guard"]);
    schema["if"] = json!({"required": ["events"]});
    schema["then"] = without(&of_events);
    schema["else"] = without(&of_one);
    schema["else"]["required"] = json!(["event", "expect"]);
    schema["else"]["allOf"] = json!([without_run(&["now"]), without_prevention(), guard_ends()]);
    schema
}

/// The definitions that the schema of a test refers to.
pub fn definitions() -> [(&'static str, Value); 5] {
    [
        ("test_event", event_schema()),
        ("mock", mock_schema()),
        ("reply", reply_schema()),
        ("awaited", awaited_schema()),
        ("sent", sent_schema()),
    ]
}

fn event_schema() -> Value {
    let mut schema = TEST_EVENT.schema(&["at", "expect"]);
    let is_suppressed = expects("suppressed");
    schema["allOf"] = json!([
        without_run(&["starts"]),
        without_prevention(),
        guard_ends(),
        {"if": {"not": is_suppressed}, "then": without(&json!(["gate"]))},
    ]);
    schema
}

/// Without a run, nothing about a run can be expected.
fn without_run(more: &[&str]) -> Value {
    let mut keys = vec!["mock", "steps", "attempts", "ends", "guard"];
    keys.extend(more);
    json!({"if": expects("match"), "else": without(&json!(keys))})
}

/// Only an event that does not match has a predicate that prevents the match.
fn without_prevention() -> Value {
    json!({"if": expects("no match"), "else": without(&json!(["because"]))})
}

/// A guard ends a run as skipped.
fn guard_ends() -> Value {
    json!({
        "if": {"required": ["guard"]},
        "then": {"properties": {"ends": {"const": "skipped"}}},
    })
}

fn expects(word: &str) -> Value {
    json!({"required": ["expect"], "properties": {"expect": {"const": word}}})
}

fn without(keys: &Value) -> Value {
    let keys = keys.as_array().into_iter().flatten();
    let absent: serde_json::Map<String, Value> = keys
        .filter_map(|key| Some((key.as_str()?.to_owned(), json!(false))))
        .collect();
    json!({"properties": absent})
}

fn mock_schema() -> Value {
    json!({
        "description": "A reply, a failure, or a list with one entry per attempt; the last entry is repeated.",
        "anyOf": [
            {"$ref": "#/$defs/reply"},
            {"$ref": "#/$defs/awaited"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/reply"}},
        ],
    })
}

fn awaited_schema() -> Value {
    let mut awaited = AWAITED.schema(&[]);
    awaited["oneOf"] = json!([
        {"required": ["arrives"], "properties": {"answer": false}},
        {"required": ["answer"], "properties": {"arrives": false, "number": false}},
    ]);
    awaited
}

fn reply_schema() -> Value {
    let mut reply = REPLY.schema(&[]);
    reply["properties"]["fails"] = json!({
        "type": ["string", "number"],
        "description": "The step fails before any reply, for this reason. Alone in its entry.",
    });
    reply["if"] = json!({"required": ["fails"]});
    reply["then"] = json!({"maxProperties": 1});
    reply
}

fn sent_schema() -> Value {
    json!({
        "description": "Part of what the step sends: url, method, headers, json, form, body; argv, stdin, env. A mapping with `contains` or `matches` tests a text at any depth.",
        "anyOf": [{"const": "not sent"}, {"type": "object"}],
    })
}
