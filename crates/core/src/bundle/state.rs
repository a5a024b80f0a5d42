//! The states of a bundle's flow as they were written, each with what its kind takes.
//! It holds no meaning: where a state leads is a name here, and a path a text.

use crate::bundle::SpannedText;
use crate::bundle::choice::ChoiceRule;
use crate::diagnostic::Span;
use crate::document::Node;

/// States and where they begin: a flow's, or those of one round of a `Map`.
#[derive(Debug, Clone)]
pub struct Definition {
    pub at: Span,
    pub start_at: SpannedText,
    /// In the order of the text.
    pub states: Vec<BundleState>,
    /// The names of states that have mistakes.
    pub broken: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct BundleState {
    pub name: SpannedText,
    pub comment: Option<String>,
    pub does: StateKind,
    /// `InputPath`, where it is written.
    pub input: Option<PathField>,
    /// `OutputPath`, where it is written.
    pub output: Option<PathField>,
    /// `ResultPath`, where it is written.
    pub result: Option<PathField>,
    /// What follows; of `ChoiceRule`, `Succeed` and `Fail` nothing does.
    pub then: NextState,
}

/// What a path key holds: a path, or null for nothing at all.
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

/// Where a failed state leads: ZIS knows one kind of error, `States.ALL`.
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

    pub fn place(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| state.name.text == name)
    }

    /// Every state in it and in the rounds below.
    pub fn every_state(&self) -> Vec<&BundleState> {
        let states = self.states.iter().flat_map(|state| {
            let below = match &state.does {
                StateKind::Map { each, .. } => each.every_state(),
                StateKind::Action { .. }
                | StateKind::Choice { .. }
                | StateKind::Wait { .. }
                | StateKind::Pass { .. }
                | StateKind::Succeed { .. }
                | StateKind::Fail { .. } => Vec::new(),
            };
            std::iter::once(state).chain(below)
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

    /// The name of the action that it calls.
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

    /// The names of the states that may follow it, with where they stand.
    pub fn ways(&self) -> Vec<&SpannedText> {
        let mut ways = Vec::new();
        match &self.does {
            StateKind::Choice { choices, default } => {
                ways.extend(choices.iter().map(|choice| &choice.next));
                ways.extend(default);
            }
            StateKind::Succeed { .. } | StateKind::Fail { .. } => {}
            StateKind::Action { .. }
            | StateKind::Map { .. }
            | StateKind::Wait { .. }
            | StateKind::Pass { .. } => match &self.then {
                NextState::Next(next) => ways.push(next),
                NextState::End => {}
            },
        }
        ways.extend(self.catch().map(|catch| &catch.next));
        ways
    }
}

impl StateKind {
    /// The `Type` of such a state.
    pub fn word(&self) -> &'static str {
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
