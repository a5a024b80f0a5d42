//! Evaluates a condition to a truth value of Kleene's three-valued logic.
//! A tracer supplies and records the verdicts; `NoTrace` adds no cost.

use crate::language::condition::trace::Tracer;
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::Verdict;
use crate::path::Resolved;
use crate::path::scope::Scope;

/// The value of a condition. A rule matches on `True` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// A field is missing, or has a type that the operator does not compare.
    Unknown,
}

/// Evaluates the condition; `tracer` supplies the verdict of each predicate.
pub fn evaluate<T: Tracer>(condition: &Condition, scope: &Scope<'_>, tracer: &mut T) -> Truth {
    match condition {
        Condition::All(parts) => combine::<T>(
            parts.iter().map(|p| evaluate(p, scope, tracer)),
            Truth::False,
        ),
        Condition::Any(parts) => combine::<T>(
            parts.iter().map(|p| evaluate(p, scope, tracer)),
            Truth::True,
        ),
        Condition::Predicate(predicate) => tracer.verdict(predicate, scope).truth(),
    }
}

/// Combines truth values by Kleene's tables: one `decisive` part decides, otherwise an unknown part makes
/// the result unknown. Unless the tracer is exhaustive, the first decisive part ends the evaluation.
fn combine<T: Tracer>(parts: impl Iterator<Item = Truth>, decisive: Truth) -> Truth {
    let mut result = decisive.opposite();
    for part in parts {
        if part == decisive {
            result = decisive;
            if !T::EXHAUSTIVE {
                return result;
            }
        } else if part == Truth::Unknown && result != decisive {
            result = Truth::Unknown;
        }
    }
    result
}

impl Predicate {
    /// Evaluates the predicate alone, with its polarity.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Verdict {
        self.verdict(&self.path.resolve(scope), scope)
    }

    /// Evaluates the predicate with the value that was resolved for its path.
    pub fn verdict(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Verdict {
        self.polarity.apply(self.operator.evaluate(found, scope))
    }
}

impl Truth {
    fn opposite(self) -> Self {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }

    /// The label that commands print.
    pub fn label(self) -> &'static str {
        match self {
            Truth::True => "match",
            Truth::False => "no match",
            Truth::Unknown => "missing",
        }
    }
}

impl Polarity {
    /// Negation swaps match and no match; missing and wrong type stay.
    pub fn apply(self, verdict: Verdict) -> Verdict {
        match (self, verdict) {
            (Polarity::Negated, Verdict::Match) => Verdict::NoMatch,
            (Polarity::Negated, Verdict::NoMatch) => Verdict::Match,
            (Polarity::Positive | Polarity::Negated, verdict) => verdict,
        }
    }
}

impl Verdict {
    /// Returns the truth value of the verdict.
    pub fn truth(self) -> Truth {
        match self {
            Verdict::Match => Truth::True,
            Verdict::NoMatch => Truth::False,
            Verdict::Missing | Verdict::WrongType => Truth::Unknown,
        }
    }
}
