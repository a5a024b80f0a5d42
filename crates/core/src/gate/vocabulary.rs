//! The keys of `dedupe`, `debounce` and `throttle`, with descriptions and JSON Schemas.

use serde_json::{Value, json};

use crate::document::vocabulary::{Vocabulary, condition, duration, text, words};
use crate::gate::DebounceKeep;
use crate::gate::count::COUNT_LIMITS;
use crate::gate::sequence::SEQUENCE_LIMITS;
use crate::language::during::scheduled;

pub const DEDUPE: Vocabulary = Vocabulary {
    name: "`dedupe`",
    words: words! {
        "per" text => "The path whose value identifies equal events, such as `ticket.id`.";
        "for" scheduled => "How long further events with the same value start no run.";
    },
};

pub const DEBOUNCE: Vocabulary = Vocabulary {
    name: "`debounce`",
    words: words! {
        "per" text =>
            "The path whose values are collected separately, such as `ticket.id`. Default: one window for all events of the rule.";
        "quiet" scheduled => "The run starts when no further event has arrived for this time.";
        "at_most" scheduled =>
            "The longest delay, counted from the first event. Default: no limit, so a steady stream of events can delay the run indefinitely.";
        "keep" keep =>
            "The event of the run: the `first`, the `last`, or `all`, which is the last with the list of all as `events`. Default: `last`.";
    },
};

pub const THROTTLE: Vocabulary = Vocabulary {
    name: "`throttle`",
    words: words! {
        "per" text => "The path whose values are counted separately. Default: one count for the rule.";
        "limit" limit => "The number of runs that may start.";
        "in" scheduled => "The period in which they are counted.";
    },
};

pub const COUNT: Vocabulary = Vocabulary {
    name: "`count`",
    words: words! {
        "per" text => "The path whose values are counted separately, such as `ticket.requester_id`. Default: one count for the rule.";
        "at_least" at_least => "The number of events at which a run starts, for the one that completes it: from 2 to 1,000.";
        "distinct" text => "The path whose values count once, such as `ticket.id`. Default: every event counts.";
        "in" duration => "The time within which they must have happened.";
    },
};

/// The keys of a rule's `sequence`, which stands instead of `event_type`.
pub const SEQUENCE: Vocabulary = Vocabulary {
    name: "`sequence`",
    words: words! {
        "per" text => "The path whose values have sequences of their own, such as `ticket.id`. Default: one sequence for the rule.";
        "in" duration => "The longest time from the first step to the last.";
        "steps" sequence_steps => "The events, in the order in which they must happen.";
    },
};

/// The keys of a step of a `sequence`.
pub const SEQUENCE_STEP: Vocabulary = Vocabulary {
    name: "a step of `sequence`",
    words: words! {
        "event_type" event_types => "The name of an event type, a list of names, or a family such as `ticket.*`.";
        "when" condition => "The condition of the event. Default: every event of the type matches.";
        "absent" absent_event => "Instead of both, in the last step: the event that must not come.";
        "for" scheduled => "Beside `absent`: how long it must not come, such as `4h`, or `{ for: 4h, during: office }`.";
    },
};

/// The event that must not come at the end of a `sequence`.
pub const ABSENT: Vocabulary = Vocabulary {
    name: "`absent`",
    words: words! {
        "event_type" event_types => "The name of an event type, a list of names, or a family such as `ticket.*`.";
        "when" condition => "The condition of the event. Default: every event of the type.";
    },
};

/// The maximum `limit` of a `throttle`.
pub const MAX_RUNS: u64 = 1_000_000;

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_RUNS})
}

fn at_least() -> Value {
    json!({"type": "integer", "minimum": COUNT_LIMITS.start(), "maximum": COUNT_LIMITS.end()})
}

fn event_types() -> Value {
    json!({
        "oneOf": [
            {"$ref": "#/$defs/event_type"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/event_type"}},
        ],
    })
}

fn absent_event() -> Value {
    ABSENT.schema(&["event_type"])
}

fn sequence_steps() -> Value {
    json!({
        "type": "array",
        "minItems": SEQUENCE_LIMITS.start(),
        "maxItems": SEQUENCE_LIMITS.end(),
        "items": SEQUENCE_STEP.schema(&[]),
    })
}

fn keep() -> Value {
    json!({"enum": DebounceKeep::WORDS, "default": DebounceKeep::Last.as_str()})
}

pub fn dedupe_schema() -> Value {
    DEDUPE.schema(&["per", "for"])
}

pub fn debounce_schema() -> Value {
    DEBOUNCE.schema(&["quiet"])
}

pub fn throttle_schema() -> Value {
    THROTTLE.schema(&["limit", "in"])
}

pub fn count_schema() -> Value {
    COUNT.schema(&["at_least", "in"])
}

pub fn sequence_schema() -> Value {
    SEQUENCE.schema(&["in", "steps"])
}
