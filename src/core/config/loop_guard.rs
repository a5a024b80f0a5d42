//! Reads `loop_guard` of the configuration. A guard that could never act is an error; `off` turns it off.

use std::time::Duration;

use serde_json::{Value, json};

use crate::core::diagnostic::Code;
use crate::core::loop_guard::LoopGuard;
use crate::core::rule::document::vocabulary::{Vocabulary, duration, word};
use crate::core::rule::document::{Node, Yaml};
use crate::core::rule::lowering::Lowering;

pub const LOOP_GUARD: Vocabulary = Vocabulary {
    name: "`loop_guard`",
    words: &[
        word(
            "depth",
            "How many times in a row an event may follow from our own action (the actor is a connection's `actor_id`); 5 unless given.",
            depth,
        ),
        word(
            "runs",
            "How often one rule may run for one ticket in the time `in`, where events do not tell who acted; 20 unless given.",
            runs,
        ),
        word(
            "in",
            "The time for `runs`, and how far back the run is looked for that caused an event; 10m unless given.",
            duration,
        ),
    ],
};

fn depth() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 100})
}

fn runs() -> Value {
    json!({"type": "integer", "minimum": 2, "maximum": 10_000})
}

pub fn schema() -> Value {
    json!({"oneOf": [{"const": "off"}, LOOP_GUARD.schema(&[])]})
}

/// A mapping, or `off`, which is None. What is wrong in it is reported, and the usual value holds.
pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Option<LoopGuard> {
    let mut guard = LoopGuard::default();
    if node.as_text() == Some("off") || matches!(node.value, Yaml::Bool(false)) {
        return None;
    }
    if cx.entries(node, &LOOP_GUARD).is_none() {
        return Some(guard);
    }
    let mut number = |key: &str, range| {
        let number = cx.whole_number(node.get(key)?, key, range)?;
        Some(u32::try_from(number).expect("the range fits"))
    };
    guard.depth = number("depth", 1..=100).unwrap_or(guard.depth);
    guard.runs = number("runs", 2..=10_000).unwrap_or(guard.runs);
    if let Some(within) = node.get("in").and_then(|node| cx.duration(node, "in")) {
        match within > Duration::from_secs(86_400) || within < Duration::from_secs(1) {
            true => {
                let message = "`in` is at least 1s and at most 1d";
                cx.error(Code::InvalidValue, node.at, message, "");
            }
            false => guard.within = within,
        }
    }
    Some(guard)
}
