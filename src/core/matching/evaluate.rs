//! The evaluator: a condition and what it can read, in three values of truth.
//! It refuses to explain; a tracer may listen, and a silent one costs nothing.

use crate::core::matching::trace::Tracer;
use crate::core::rule::condition::{Condition, Polarity, Predicate};
use crate::core::rule::operator::Verdict;
use crate::core::rule::path::Found;
use crate::core::scope::Scope;

/// A rule fires on `True` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// A field is missing, or holds what the operator cannot read.
    Unknown,
}

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

/// Kleene's tables: `decisive` settles the matter, an unknown keeps it open. Without a tracer that
/// wants everything, the first decisive part ends it.
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
    /// Judges it alone, in its final polarity.
    pub fn judge(&self, scope: &Scope<'_>) -> Verdict {
        self.verdict(&self.path.resolve(scope), scope)
    }

    /// The same, of what was found.
    pub fn verdict(&self, found: &Found<'_>, scope: &Scope<'_>) -> Verdict {
        self.polarity.apply(self.operator.judge(found, scope))
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

    /// The rule's verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Truth::True => "match",
            Truth::False => "no match",
            Truth::Unknown => "missing",
        }
    }
}

impl Polarity {
    /// Negation turns a match around and leaves what is missing missing.
    fn apply(self, verdict: Verdict) -> Verdict {
        match (self, verdict) {
            (Polarity::Negated, Verdict::Match) => Verdict::NoMatch,
            (Polarity::Negated, Verdict::NoMatch) => Verdict::Match,
            (Polarity::Positive | Polarity::Negated, verdict) => verdict,
        }
    }
}

impl Verdict {
    pub fn truth(self) -> Truth {
        match self {
            Verdict::Match => Truth::True,
            Verdict::NoMatch => Truth::False,
            Verdict::Missing | Verdict::WrongType => Truth::Unknown,
        }
    }
}
