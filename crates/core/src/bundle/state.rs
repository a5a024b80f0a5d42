//! Models the states of a bundle's flow as written.
//! Nothing is resolved: next states are names, and paths are texts.

use std::time::Duration;

use crate::bundle::SpannedText;
use crate::bundle::choice::ChoiceRule;
use crate::diagnostic::Span;
use crate::document::Node;

/// The states of a flow or of a `Map` iterator, with the first one.
#[derive(Debug, Clone)]
pub struct Definition {
    pub at: Span,
    pub start_at: SpannedText,
    /// In the order of the text.
    pub states: Vec<BundleState>,
    /// The names of invalid states.
    pub broken: Vec<String>,
    /// `TimeoutSeconds`: how long the flow may take.
    pub timeout: Option<Duration>,
}

#[derive(Debug, Clone)]
pub struct BundleState {
    pub name: SpannedText,
    pub comment: Option<String>,
    pub does: StateKind,
    /// `InputPath`, if present.
    pub input: Option<PathField>,
    /// `OutputPath`, if present.
    pub output: Option<PathField>,
    /// `ResultPath`, if present.
    pub result: Option<PathField>,
    /// `TimeoutSeconds`: how long an attempt of its request may take.
    pub timeout: Option<Duration>,
    /// The next state. Always `End` for `Choice`, `Succeed` and `Fail`.
    pub then: NextState,
}

/// The value of a path key: a path, or None for null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathField {
    pub path: Option<String>,
    pub at: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextState {
    Next(SpannedText),
    End,
}

#[derive(Debug, Clone)]
pub enum StateKind {
    Action {
        name: SpannedText,
        parameters: Option<Node>,
        catch: Option<Catcher>,
    },
    Choice {
        choices: Vec<ChoiceRule>,
        default: Option<SpannedText>,
    },
    Map {
        items: SpannedText,
        each: Definition,
        catch: Option<Catcher>,
    },
    Wait {
        seconds: u64,
        at: Span,
    },
    Pass {
        result: Option<Node>,
        parameters: Option<Node>,
    },
    Succeed {
        message: Option<Node>,
    },
    Fail {
        error: Option<Node>,
        cause: Option<Node>,
    },
}

/// The state that follows a failure. ZIS has only one kind of error, `States.ALL`.
#[derive(Debug, Clone)]
pub struct Catcher {
    pub at: Span,
    pub next: SpannedText,
    pub result: Option<PathField>,
}

impl Definition {
    pub fn state(&self, name: &str) -> Option<&BundleState> {
        self.states.iter().find(|state| state.name.text == name)
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| state.name.text == name)
    }

    /// Returns all states, those of nested iterators included.
    pub fn every_state(&self) -> Vec<&BundleState> {
        let states = self.states.iter().flat_map(|state| {
            let nested = match &state.does {
                StateKind::Map { each, .. } => each.every_state(),
                StateKind::Action { .. }
                | StateKind::Choice { .. }
                | StateKind::Wait { .. }
                | StateKind::Pass { .. }
                | StateKind::Succeed { .. }
                | StateKind::Fail { .. } => Vec::new(),
            };
            std::iter::once(state).chain(nested)
        });
        states.collect()
    }
}

impl BundleState {
    pub fn catch(&self) -> Option<&Catcher> {
        match &self.does {
            StateKind::Action { catch, .. } | StateKind::Map { catch, .. } => catch.as_ref(),
            StateKind::Choice { .. }
            | StateKind::Wait { .. }
            | StateKind::Pass { .. }
            | StateKind::Succeed { .. }
            | StateKind::Fail { .. } => None,
        }
    }

    /// Returns the name of the action that it calls.
    pub fn action(&self) -> Option<&SpannedText> {
        match &self.does {
            StateKind::Action { name, .. } => Some(name),
            StateKind::Choice { .. }
            | StateKind::Map { .. }
            | StateKind::Wait { .. }
            | StateKind::Pass { .. }
            | StateKind::Succeed { .. }
            | StateKind::Fail { .. } => None,
        }
    }

    /// Returns the names of the states that may follow it, each with its location.
    pub fn successors(&self) -> Vec<&SpannedText> {
        let mut successors = Vec::new();
        match &self.does {
            StateKind::Choice { choices, default } => {
                successors.extend(choices.iter().map(|choice| &choice.next));
                successors.extend(default);
            }
            StateKind::Succeed { .. } | StateKind::Fail { .. } => {}
            StateKind::Action { .. }
            | StateKind::Map { .. }
            | StateKind::Wait { .. }
            | StateKind::Pass { .. } => match &self.then {
                NextState::Next(next) => successors.push(next),
                NextState::End => {}
            },
        }
        successors.extend(self.catch().map(|catch| &catch.next));
        successors
    }
}

impl StateKind {
    /// Returns the `Type` of such a state.
    pub fn as_str(&self) -> &'static str {
        match self {
            StateKind::Action { .. } => "Action",
            StateKind::Choice { .. } => "Choice",
            StateKind::Map { .. } => "Map",
            StateKind::Wait { .. } => "Wait",
            StateKind::Pass { .. } => "Pass",
            StateKind::Succeed { .. } => "Succeed",
            StateKind::Fail { .. } => "Fail",
        }
    }
}
