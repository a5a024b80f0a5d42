//! The keys of `dedupe`, `debounce` and `throttle`, with descriptions and JSON Schemas.

use serde_json::{Value, json};

use crate::document::vocabulary::{Vocabulary, duration, text, words};
use crate::gate::DebounceKeep;

pub const DEDUPE: Vocabulary = Vocabulary {
    name: "`dedupe`",
    words: words! {
        "per" text => "The path whose value identifies equal events, such as `ticket.id`.";
        "for" duration => "How long further events with the same value start no run.";
    },
};

pub const DEBOUNCE: Vocabulary = Vocabulary {
    name: "`debounce`",
    words: words! {
        "per" text =>
            "The path whose values are collected separately, such as `ticket.id`. Default: one window for all events of the rule.";
        "quiet" duration => "The run starts when no further event has arrived for this time.";
        "at_most" duration =>
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
        "in" duration => "The period in which they are counted.";
    },
};

/// The maximum `limit` of a `throttle`.
pub const MAX_RUNS: u64 = 1_000_000;

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_RUNS})
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
