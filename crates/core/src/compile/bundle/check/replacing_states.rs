//! Finds the states that replace the whole document before another state: by a result without `ResultPath`, or by
//! an `OutputPath`.

use crate::bundle::state::{BundleState, Definition, StateKind};
use crate::compile::bundle::check::possible_documents::written_at;
use crate::compile::bundle::check::reachability::reached_from;
use crate::compile::bundle::flow::default_result_path;
use crate::flow::control::ResultPath;

/// The states that may run before a state and replace the document.
#[derive(Default)]
pub struct ReplacingStates<'d> {
    /// States whose result, or caught error, becomes the document.
    results: Vec<&'d str>,
    /// States whose `OutputPath` passes on a part of the document.
    outputs: Vec<&'d str>,
}

impl<'d> ReplacingStates<'d> {
    pub fn before(state: &BundleState, definition: &'d Definition) -> Self {
        let mut found = Self::default();
        for earlier in &definition.states {
            let next = earlier.successors();
            let next = next.into_iter().map(|next| next.text.as_str()).collect();
            if !reached_from(definition, next).contains(state.name.text.as_str()) {
                continue;
            }
            let name = earlier.name.text.as_str();
            if narrows(earlier) {
                found.outputs.push(name);
            } else if replaces(earlier) {
                found.results.push(name);
            }
        }
        found
    }

    pub fn is_empty(&self) -> bool {
        self.results.is_empty() && self.outputs.is_empty()
    }

    /// The subject and the verb of a sentence about the document.
    pub fn describe(&self) -> String {
        let results =
            (!self.results.is_empty()).then(|| format!("the result of {}", list(&self.results)));
        let outputs = (!self.outputs.is_empty())
            .then(|| format!("the `OutputPath` of {}", list(&self.outputs)));
        let causes: Vec<String> = results.into_iter().chain(outputs).collect();
        match causes.is_empty() {
            true => "a result replaced".to_owned(),
            false => format!("{} replaced", causes.join(" or ")),
        }
    }

    pub fn help(&self) -> String {
        let results = "add a `ResultPath` to it, such as `$.result`";
        let outputs = "remove the `OutputPath`, or let it pass on what later states read";
        match (self.results.is_empty(), self.outputs.is_empty()) {
            (true, false) => outputs.to_owned(),
            (_, true) => results.to_owned(),
            (false, false) => format!("{results}; {outputs}"),
        }
    }
}

/// Whether a state passes on only a part of its document.
fn narrows(state: &BundleState) -> bool {
    let path = state
        .output
        .as_ref()
        .and_then(|output| output.path.as_deref());
    path.is_some_and(|path| path.trim() != "$")
}

/// Whether the result of a state, or the error that it catches, becomes the document.
fn replaces(state: &BundleState) -> bool {
    let whole = ResultPath::At(Vec::new());
    let makes_result = match &state.does {
        StateKind::Pass { result, parameters } => result.is_some() || parameters.is_some(),
        StateKind::Action { .. } | StateKind::Map { .. } => true,
        StateKind::Choice { .. }
        | StateKind::Wait { .. }
        | StateKind::Succeed { .. }
        | StateKind::Fail { .. } => false,
    };
    let caught = state
        .catch()
        .is_some_and(|catch| written_at(catch.result.as_ref(), whole.clone()) == whole);
    let result = written_at(state.result.as_ref(), default_result_path(state));
    caught || (makes_result && result == whole)
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
