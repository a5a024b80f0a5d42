//! Checks that every next state exists and that every state is reachable.

use std::collections::HashSet;

use crate::bundle::state::{Definition, StateKind};
use crate::compile::bundle::check::termination;
use crate::compile::bundle::report_unknown_name;
use crate::diagnostic::{Code, Diagnostics, Report};

/// Checks the states of a flow, or of the iterator of a `Map`; `what` describes which.
pub fn check(definition: &Definition, what: &str, diagnostics: &mut Diagnostics) {
    let known: Vec<&str> = definition
        .states
        .iter()
        .map(|state| state.name.text.as_str())
        .collect();
    let is_known =
        |name: &str| known.contains(&name) || definition.broken.iter().any(|broken| broken == name);
    let targets = definition
        .states
        .iter()
        .flat_map(|state| state.successors());
    for target in std::iter::once(&definition.start_at).chain(targets) {
        if !is_known(&target.text) {
            report_unknown_name(target.at, "state", &target.text, &known, diagnostics);
        }
    }
    if is_complete(definition) {
        warn_about_unreachable(definition, diagnostics);
        termination::check(definition, what, diagnostics);
    }
    for state in &definition.states {
        if let StateKind::Map { each, .. } = &state.does {
            check(each, "an item of this `Map`", diagnostics);
        }
    }
}

/// Whether every next state exists.
fn is_complete(definition: &Definition) -> bool {
    let targets = definition
        .states
        .iter()
        .flat_map(|state| state.successors());
    let mut all = std::iter::once(&definition.start_at).chain(targets);
    definition.broken.is_empty() && all.all(|target| definition.state(&target.text).is_some())
}

fn warn_about_unreachable(definition: &Definition, diagnostics: &mut Diagnostics) {
    let reached = reached(definition);
    for state in &definition.states {
        if !reached.contains(state.name.text.as_str()) {
            let message = format!("unreachable state `{}`", state.name.text);
            let help = "name it in a `Next`, or remove it";
            diagnostics.warning(Code::InvalidValue, state.name.at, message, help);
        }
    }
}

/// Returns the names of the states that are reachable from the start.
pub fn reached(definition: &Definition) -> HashSet<&str> {
    reached_from(definition, vec![definition.start_at.text.as_str()])
}

/// Returns the names of these states and of all that may follow them.
pub fn reached_from<'d>(definition: &'d Definition, mut open: Vec<&'d str>) -> HashSet<&'d str> {
    let mut reached = HashSet::new();
    while let Some(name) = open.pop() {
        let Some(state) = definition.state(name) else {
            continue;
        };
        if reached.insert(name) {
            open.extend(
                state
                    .successors()
                    .into_iter()
                    .map(|next| next.text.as_str()),
            );
        }
    }
    reached
}
