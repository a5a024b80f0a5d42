//! What is known of a step while those after it are lowered: its name, and what its result holds; and of
//! what a flow gave a name to. It refuses to know values: those come when the step runs.

use crate::core::event::catalogue::FieldType;

/// A step that later ones may read by its name.
#[derive(Debug, Clone)]
pub struct Earlier {
    pub name: String,
    pub gives: Gives,
    pub ran: Ran,
}

/// Whether it has run by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    Surely,
    /// It may be the one that failed, or stand behind that one.
    Perhaps,
}

/// What stands under `steps.NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Anything,
    /// These keys alone; none where the step has no result.
    Keys(&'static [&'static str]),
    /// One result for each item of a list.
    List,
    /// What the last step within it gave.
    Inner,
}

impl Gives {
    /// Whether the result is the step's own, and not made of those of the steps within it.
    pub fn is_own(self) -> bool {
        match self {
            Gives::Anything | Gives::Keys(_) => true,
            Gives::List | Gives::Inner => false,
        }
    }
}

/// A name of the top that a flow gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub name: String,
    pub holds: Holds,
}

/// What stands under the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    Anything,
    Value(FieldType),
    /// Events of the rule's types, each its body with `event` beside its fields.
    Events,
    Event,
}

impl Holds {
    /// What an item of it holds.
    pub fn item(&self) -> Self {
        match self {
            Holds::Events => Holds::Event,
            Holds::Value(FieldType::List(element)) => Holds::Value(FieldType::clone(element)),
            Holds::Anything | Holds::Value(_) | Holds::Event => Holds::Anything,
        }
    }
}

impl From<&str> for Earlier {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            gives: Gives::Anything,
            ran: Ran::Surely,
        }
    }
}
