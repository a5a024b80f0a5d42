//! Mutants of gates: a gate dropped, and its durations and limits shifted by one unit.

use crate::mutation::condition::{bound_mutants, elements, of_rule};
use crate::mutation::cursor::NodeCursor;
use crate::mutation::shown::{shown, shown_entry};
use crate::mutation::{Mutant, MutationKind};

/// The keys of a gate that have a duration or a number.
const BOUNDS: [&str; 6] = ["for", "quiet", "at_most", "limit", "in", "at_least"];

/// Whether a key of a rule is a gate.
pub fn is_gate(key: &str) -> bool {
    matches!(key, "during" | "dedupe" | "debounce" | "throttle" | "count")
}

pub fn gate(entry: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    let change = format!("drop the gate `{}`", shown_entry(entry.key(), entry.node));
    found.push(entry.removed(MutationKind::DropGate, change));
    shift_bounds(entry, found);
}

fn shift_bounds(mapping: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    for setting in mapping.entries() {
        if !BOUNDS.contains(&setting.key()) {
            continue;
        }
        // With a schedule, the duration is written below the key again: `for: { for: 4h, during: office }`.
        match setting.get("for") {
            Some(duration) => bound_mutants(&duration, found),
            None => bound_mutants(&setting, found),
        }
    }
}

/// The steps of a sequence and its time.
pub fn sequence(entry: &NodeCursor<'_>, found: &mut Vec<Mutant>) {
    shift_bounds(entry, found);
    let steps = entry.get("steps");
    let steps = steps.map(|steps| steps.items()).unwrap_or_default();
    for step in &steps {
        if steps.len() > 2 {
            let change = format!("drop the step `{}` of the sequence", shown(step.node));
            found.push(step.removed(MutationKind::DropStep, change));
        }
        shift_bounds(step, found);
        let absent = step.get("absent");
        for event in absent.iter().chain([step]) {
            if let Some(types) = event.get("event_type") {
                elements(&types, found);
            }
            if let Some(when) = event.get("when") {
                of_rule(&when, found);
            }
        }
    }
}
