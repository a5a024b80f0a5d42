//! Words for the keys of one mapping alone: what `window` means depends on where it stands.
//! It refuses words that mean the same everywhere; those stand in the common table.

mod action;
mod config;
mod gate;
mod rule;
mod step;

use super::Table;
use action::{CONFINE, EXEC, HTTP};
use config::{ARCHIVE, COMMANDS, CONFIG, LIMITS, OUTGOING, RETENTION};
use gate::{DEBOUNCE, DEDUPE, THROTTLE};
use rule::RULE;
use step::{BRANCH, FLOW, JQ, STEP, WAIT};

pub use step::means_on_failure;

/// The words for the keys of a mapping, by the name of its vocabulary.
pub fn table(vocabulary: &str) -> Option<Table> {
    let tables = [
        ("a rule", RULE),
        ("a step", STEP),
        ("a branch", BRANCH),
        ("a flow", FLOW),
        ("`wait`", WAIT),
        ("`set` with `jq`", JQ),
        ("`dedupe`", DEDUPE),
        ("`debounce`", DEBOUNCE),
        ("`throttle`", THROTTLE),
        ("flowtrigger.yaml", CONFIG),
        ("`archive`", ARCHIVE),
        ("`retention`", RETENTION),
        ("`limits`", LIMITS),
        ("`http`", HTTP),
        ("`exec`", EXEC),
        ("`confine`", CONFINE),
        ("`outgoing`", OUTGOING),
        ("`commands`", COMMANDS),
    ];
    let found = tables.into_iter().find(|(name, _)| *name == vocabulary);
    found.map(|(_, table)| table)
}

const ON_DEAD: &[&str] = &[
    "on_failure",
    "on_error",
    "on_fail",
    "onerror",
    "on_dead_letter",
    "dead_letter",
    "dlq",
    "fallback",
];
