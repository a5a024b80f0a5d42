//! Whether every way through a flow leads to a state, and every state is on a way.

use std::collections::HashSet;

use crate::bundle::state::{Definition, StateKind};
use crate::compile::bundle::check::termination;
use crate::compile::bundle::nowhere;
use crate::diagnostic::{Code, Diagnostics, Report};

/// `what` the states make: a flow, or the items of a `Map`.
pub fn check(definition: &Definition, what: &str, diagnostics: &mut Diagnostics) {
    let known: Vec<&str> = definition
        .states
        .iter()
        .map(|state| state.name.text.as_str())
        .collect();
    let is_known =
        |name: &str| known.contains(&name) || definition.broken.iter().any(|broken| broken == name);
    let ways = definition.states.iter().flat_map(|state| state.ways());
    for way in std::iter::once(&definition.start_at).chain(ways) {
        if !is_known(&way.text) {
            nowhere(way.at, "state", &way.text, &known, diagnostics);
        }
    }
    if is_whole(definition) {
        warn_of_unreached(definition, diagnostics);
        termination::check(definition, what, diagnostics);
    }
    for state in &definition.states {
        if let StateKind::Map { each, .. } = &state.does {
            check(each, "an item of this `Map`", diagnostics);
        }
    }
}

/// Whether every way is known.
fn is_whole(definition: &Definition) -> bool {
    let ways = definition.states.iter().flat_map(|state| state.ways());
    let mut all = std::iter::once(&definition.start_at).chain(ways);
    definition.broken.is_empty() && all.all(|way| definition.state(&way.text).is_some())
}

fn warn_of_unreached(definition: &Definition, diagnostics: &mut Diagnostics) {
    let reached = reached(definition);
    for state in &definition.states {
        if !reached.contains(state.name.text.as_str()) {
            let message = format!("nothing leads to the state `{}`", state.name.text);
            let help = "lead to it by a `Next`, or take it out";
            diagnostics.warning(Code::InvalidValue, state.name.at, message, help);
        }
    }
}

/// The names of the states on any way from the start.
pub fn reached(definition: &Definition) -> HashSet<&str> {
    let mut reached = HashSet::new();
    let mut open = vec![definition.start_at.text.as_str()];
    while let Some(name) = open.pop() {
        let Some(state) = definition.state(name) else {
            continue;
        };
        if reached.insert(name) {
            open.extend(state.ways().into_iter().map(|way| way.text.as_str()));
        }
    }
    reached
}
