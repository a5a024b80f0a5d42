//! The result of a predicate, and how results combine.

/// The result of evaluating one predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Match,
    NoMatch,
    /// There is no value at the path, or at the operand's path.
    Missing,
    /// The operator cannot compare values of this type.
    WrongType,
}

impl Verdict {
    /// The label that commands print.
    pub fn describe(self) -> &'static str {
        match self {
            Verdict::Match => "match",
            Verdict::NoMatch => "no match",
            Verdict::Missing => "missing",
            Verdict::WrongType => "wrong type",
        }
    }

    /// `Match` if the comparison holds, otherwise `NoMatch`.
    pub fn from_bool(holds: bool) -> Self {
        if holds {
            Verdict::Match
        } else {
            Verdict::NoMatch
        }
    }

    /// Kleene's "any": one match decides; otherwise one unknown verdict makes the result unknown.
    pub fn any(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut result = Verdict::NoMatch;
        for verdict in verdicts {
            match verdict {
                Verdict::Match => return Verdict::Match,
                Verdict::NoMatch => {}
                Verdict::Missing | Verdict::WrongType => result = verdict,
            }
        }
        result
    }

    /// Kleene's "all": one non-match decides; otherwise an unknown verdict makes the result unknown.
    pub fn all(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut result = Verdict::Match;
        for verdict in verdicts {
            match verdict {
                Verdict::NoMatch => return Verdict::NoMatch,
                Verdict::Match => {}
                Verdict::Missing | Verdict::WrongType => result = verdict,
            }
        }
        result
    }
}
