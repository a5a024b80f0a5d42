//! What applies to a part of a condition while it is lowered: its group, whether it is negated, how text is compared.

use crate::language::condition::{Condition, Polarity};
use crate::language::operator::CaseSensitivity;

/// What applies to the part of the tree that is being lowered.
#[derive(Debug, Clone)]
pub struct GroupContext {
    group: String,
    pub polarity: Polarity,
    /// How text is compared, from the innermost `ignore_case`.
    pub case: CaseSensitivity,
}

impl GroupContext {
    pub fn root() -> Self {
        Self::of("")
    }

    /// A group with a name of its own.
    pub fn of(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            polarity: Polarity::Positive,
            case: CaseSensitivity::Exact,
        }
    }

    pub fn with_case(self, case: CaseSensitivity) -> Self {
        Self { case, ..self }
    }

    pub fn child(&self, key: &str, index: usize) -> Self {
        let dot = if self.group.is_empty() { "" } else { "." };
        Self {
            group: format!("{}{dot}{key}[{index}]", self.group),
            polarity: match key {
                "none" => self.polarity.flip(),
                _ => self.polarity,
            },
            case: self.case,
        }
    }

    pub fn negated(&self) -> Self {
        Self {
            polarity: self.polarity.flip(),
            ..self.clone()
        }
    }

    /// Combines parts that must all hold; under a negation, one of the negated parts must hold.
    pub fn all(&self, parts: Vec<Condition>) -> Condition {
        match self.polarity {
            Polarity::Positive => all(parts),
            Polarity::Negated => any(parts),
        }
    }

    /// Combines parts of which one must hold; under a negation, all negated parts must hold.
    pub fn any(&self, parts: Vec<Condition>) -> Condition {
        match self.polarity {
            Polarity::Positive => any(parts),
            Polarity::Negated => all(parts),
        }
    }

    pub fn group(&self) -> &str {
        match self.group.as_str() {
            "" => "all",
            group => group,
        }
    }
}

fn all(mut parts: Vec<Condition>) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => Condition::All(parts),
    }
}

fn any(mut parts: Vec<Condition>) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => Condition::Any(parts),
    }
}
