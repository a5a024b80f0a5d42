//! Reads `loop_guard` of the configuration.
//! Limits that could never apply are errors; `off` disables the loop guard.

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, words};
use crate::document::{Node, Yaml};
use crate::loop_guard::limits::LoopLimits;

pub const LOOP_GUARD: Vocabulary = Vocabulary {
    name: "`loop_guard`",
    words: words! {
        "depth" depth =>
            "How many events in a row may be caused by flowtrigger's own actions (their actor is the `actor_id` of a connection). Default: 5.";
        "runs" runs =>
            "How many runs one rule may have for one ticket within the time `in`, if its events name no actor and it writes to the system that sent them. More are held. Default: 20.";
        "in" duration =>
            "The period for `runs`, and the maximum age of a run that can be the cause of an event. Default: 10m.";
    },
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

/// Reads a mapping, or `off`, which returns `None`. An invalid value is reported and replaced by its default.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<LoopLimits> {
    let mut guard = LoopLimits::default();
    if node.as_text() == Some("off") || matches!(node.value, Yaml::Bool(false)) {
        return None;
    }
    if diagnostics.entries(node, &LOOP_GUARD).is_none() {
        return Some(guard);
    }
    let mut number = |key: &str, range| {
        let number = diagnostics.whole_number(node.get(key)?, key, range)?;
        Some(u32::try_from(number).expect("the range fits"))
    };
    guard.depth = number("depth", 1..=100).unwrap_or(guard.depth);
    guard.runs = number("runs", 2..=10_000).unwrap_or(guard.runs);
    if let Some(within) = node
        .get("in")
        .and_then(|node| diagnostics.duration(node, "in"))
    {
        match within > Duration::from_secs(86_400) || within < Duration::from_secs(1) {
            true => {
                let message = "`in` is at least 1s and at most 1d";
                diagnostics.invalid(node.at, message, "");
            }
            false => guard.within = within,
        }
    }
    Some(guard)
}
