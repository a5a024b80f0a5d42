//! The states of a bundle's flow as they were written, each with what its kind takes.
//! It holds no meaning: where a state leads is a name here, and a path a text.

use crate::bundle::Word;
use crate::bundle::choice::Choice;
use crate::diagnostic::Position;
use crate::document::Node;

/// States and where they begin: a flow's, or those of one round of a `Map`.
#[derive(Debug, Clone)]
pub struct Definition {
    pub at: Position,
    pub start_at: Word,
    /// In the order of the text.
    pub states: Vec<State>,
    /// The names of states that have mistakes.
    pub broken: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct State {
    pub name: Word,
    pub comment: Option<String>,
    pub does: Does,
    /// `InputPath`, where it is written.
    pub input: Option<Spot>,
    /// `OutputPath`, where it is written.
    pub output: Option<Spot>,
    /// `ResultPath`, where it is written.
    pub result: Option<Spot>,
    /// What follows; of `Choice`, `Succeed` and `Fail` nothing does.
    pub then: Then,
}

/// What a path key holds: a path, or null for nothing at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub path: Option<String>,
    pub at: Position,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    Next(Word),
    End,
}

#[derive(Debug, Clone)]
pub enum Does {
    Action {
        name: Word,
        parameters: Option<Node>,
        catch: Option<Catch>,
    },
    Choice {
        choices: Vec<Choice>,
        default: Option<Word>,
    },
    Map {
        items: Word,
        each: Definition,
        catch: Option<Catch>,
    },
    Wait {
        seconds: u64,
        at: Position,
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
pub struct Catch {
    pub at: Position,
    pub next: Word,
    pub result: Option<Spot>,
}

impl Definition {
    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|state| state.name.text == name)
    }

    pub fn place(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| state.name.text == name)
    }

    /// Every state in it and in the rounds below.
    pub fn every_state(&self) -> Vec<&State> {
        let states = self.states.iter().flat_map(|state| {
            let below = match &state.does {
                Does::Map { each, .. } => each.every_state(),
                Does::Action { .. }
                | Does::Choice { .. }
                | Does::Wait { .. }
                | Does::Pass { .. }
                | Does::Succeed { .. }
                | Does::Fail { .. } => Vec::new(),
            };
            std::iter::once(state).chain(below)
        });
        states.collect()
    }
}

impl State {
    pub fn catch(&self) -> Option<&Catch> {
        match &self.does {
            Does::Action { catch, .. } | Does::Map { catch, .. } => catch.as_ref(),
            Does::Choice { .. }
            | Does::Wait { .. }
            | Does::Pass { .. }
            | Does::Succeed { .. }
            | Does::Fail { .. } => None,
        }
    }

    /// The name of the action that it calls.
    pub fn action(&self) -> Option<&Word> {
        match &self.does {
            Does::Action { name, .. } => Some(name),
            Does::Choice { .. }
            | Does::Map { .. }
            | Does::Wait { .. }
            | Does::Pass { .. }
            | Does::Succeed { .. }
            | Does::Fail { .. } => None,
        }
    }

    /// The names of the states that may follow it, with where they stand.
    pub fn ways(&self) -> Vec<&Word> {
        let mut ways = Vec::new();
        match &self.does {
            Does::Choice { choices, default } => {
                ways.extend(choices.iter().map(|choice| &choice.next));
                ways.extend(default);
            }
            Does::Succeed { .. } | Does::Fail { .. } => {}
            Does::Action { .. } | Does::Map { .. } | Does::Wait { .. } | Does::Pass { .. } => {
                match &self.then {
                    Then::Next(next) => ways.push(next),
                    Then::End => {}
                }
            }
        }
        ways.extend(self.catch().map(|catch| &catch.next));
        ways
    }
}

impl Does {
    /// The `Type` of such a state.
    pub fn word(&self) -> &'static str {
        match self {
            Does::Action { .. } => "Action",
            Does::Choice { .. } => "Choice",
            Does::Map { .. } => "Map",
            Does::Wait { .. } => "Wait",
            Does::Pass { .. } => "Pass",
            Does::Succeed { .. } => "Succeed",
            Does::Fail { .. } => "Fail",
        }
    }
}
