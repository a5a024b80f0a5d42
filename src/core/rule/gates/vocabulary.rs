//! The words of gates as tables, with their JSON Schema.
//! It refuses to know how a value is lowered.

use serde_json::{Value, json};

use crate::core::gate::Kept;
use crate::core::rule::document::vocabulary::{Vocabulary, duration, text, word};

pub const DEDUPE: Vocabulary = Vocabulary {
    name: "`dedupe`",
    words: &[
        word(
            "per",
            "What counts as the same: a path, such as `ticket.id`.",
            text,
        ),
        word(
            "for",
            "How long a further event with the same value runs nothing.",
            duration,
        ),
    ],
};

pub const DEBOUNCE: Vocabulary = Vocabulary {
    name: "`debounce`",
    words: &[
        word(
            "per",
            "What is gathered apart: a path, such as `ticket.id`; all events of the rule together unless given.",
            text,
        ),
        word(
            "quiet",
            "The run starts when no further event has come for so long.",
            duration,
        ),
        word(
            "at_most",
            "It starts then at the latest, counted from the first event; without it events may put it off for ever.",
            duration,
        ),
        word(
            "keep",
            "What the run is about: the `first` event, the `last`, or `all`: about the last, and `events` lists them all. `last` unless given.",
            keep,
        ),
    ],
};

pub const THROTTLE: Vocabulary = Vocabulary {
    name: "`throttle`",
    words: &[
        word(
            "per",
            "What is counted apart: a path; all runs of the rule together unless given.",
            text,
        ),
        word("limit", "How many runs may begin.", limit),
        word("in", "Within which time.", duration),
    ],
};

/// Runs that a `throttle` may let begin.
pub const MOST_RUNS: u64 = 1_000_000;

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_RUNS})
}

fn keep() -> Value {
    json!({"enum": Kept::WORDS, "default": Kept::Last.word()})
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
