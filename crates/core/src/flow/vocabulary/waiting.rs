//! The keys under `wait_for`, with their JSON Schema.

use serde_json::{Value, json};

use crate::document::vocabulary::{Vocabulary, condition, duration, steps, text, words};
use crate::flow::limits::{MAX_ANSWERS, MAX_AWAITED_EVENTS};
use crate::language::during::scheduled;

/// The keys under `wait_for`: one event, several under `any`, or an answer.
pub const WAIT_FOR: Vocabulary = Vocabulary {
    name: "`wait_for`",
    words: words! {
        "any" events => "The events, of which the first decides.";
        "event_type" event_type => "The type of the awaited event, or several types, as in a rule.";
        "event_source" text => "The source of the awaited event. Default: that of the rule.";
        "same" same =>
            "The path whose value is the same in the event of the run and in the awaited event: `ticket.id`. With two paths: `{ this: PATH, run: PATH }`.";
        "when" condition => "The condition on the awaited event. It reads that event and `vars`.";
        "answer" answers => "The answers that a person can give by the link `steps.NAME.url`.";
        "question" text => "What the page of the link asks.";
        "within" scheduled => "How long it waits at most, from the start of the step: `8h`, or `{ for: 8h, during: office }`.";
        "otherwise" steps => "The steps to run if nothing came. The flow continues after them.";
        "grace" duration =>
            "How much longer it waits for events that happened in time and arrive late. Default: 30s.";
    },
};

/// The keys of an event under `any`.
pub const AWAITED_EVENT: Vocabulary = Vocabulary {
    name: "an awaited event",
    words: words! {
        "event_type" event_type => "The type of the awaited event, or several types, as in a rule.";
        "event_source" text => "The source of the awaited event. Default: that of the rule.";
        "same" same =>
            "The path whose value is the same in the event of the run and in the awaited event: `ticket.id`. With two paths: `{ this: PATH, run: PATH }`.";
        "when" condition => "The condition on the awaited event. It reads that event and `vars`.";
    },
};

/// The keys under `same`, if the two events have the value at different paths.
pub const SAME: Vocabulary = Vocabulary {
    name: "`same`",
    words: words! {
        "this" text => "The path in the awaited event.";
        "run" text => "The path in the event of the run.";
    },
};

pub fn wait_for() -> Value {
    let mut schema = WAIT_FOR.schema(&["within"]);
    schema["oneOf"] = json!([
        {"required": ["any"]},
        {"required": ["event_type", "same"]},
        {"required": ["answer"]},
    ]);
    schema
}

fn events() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_AWAITED_EVENTS,
        "items": AWAITED_EVENT.schema(&["event_type", "same"]),
    })
}

fn event_type() -> Value {
    json!({
        "oneOf": [
            {"$ref": "#/$defs/event_type"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/event_type"}},
        ],
    })
}

fn same() -> Value {
    json!({"oneOf": [text(), SAME.schema(&["this", "run"])]})
}

fn answers() -> Value {
    let answer = json!({"type": "string", "minLength": 1, "maxLength": 60});
    json!({
        "oneOf": [
            answer.clone(),
            {"type": "array", "minItems": 1, "maxItems": MAX_ANSWERS, "uniqueItems": true, "items": answer},
        ],
    })
}
