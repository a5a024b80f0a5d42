//! The sentence of `dry-run` for an event that no rule matched. It claims nothing about rules that were not
//! evaluated.

use std::fmt;

use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;

/// What is known about the rules for an event.
pub struct UnmatchedSummary<'a> {
    pub source: &'a str,
    pub event_type: &'a str,
    /// The number of rules named with `--rule`; 0 without the option.
    pub named: usize,
    /// The number of evaluated rules: those that listen to the event and, with `--rule`, are named.
    pub judged: usize,
    /// The number of all rules that listen to the event.
    pub listening: usize,
    /// The number of loaded rules.
    pub rules: usize,
    /// The disabled rules whose condition holds.
    pub disabled: Vec<&'a str>,
    /// Whether the predicates are printed.
    pub explained: bool,
}

impl fmt::Display for UnmatchedSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, event_type) = (plain(self.source), plain(self.event_type));
        match (self.judged, self.named) {
            (0, 0) => write!(
                f,
                "no rule listens to {source}/{event_type}; {}",
                self.elsewhere()
            )?,
            (0, 1) => write!(f, "the named rule does not listen to {source}/{event_type}")?,
            (0, _) => write!(
                f,
                "none of the named rules listens to {source}/{event_type}"
            )?,
            (_, _) if !self.disabled.is_empty() => {
                write!(
                    f,
                    "the matching rules are disabled: {}",
                    self.disabled.join(", ")
                )?;
            }
            (1, 0) => write!(f, "the one rule that listens to {event_type} did not match")?,
            (n, 0) => write!(
                f,
                "none of the {n} rules that listen to {event_type} matched"
            )?,
            (1, _) => write!(f, "the named rule did not match")?,
            (n, _) => write!(
                f,
                "none of the {n} named rules that listen to {event_type} matched"
            )?,
        }
        if self.judged > 0 && self.disabled.is_empty() && !self.explained {
            f.write_str("; --explain says why")?;
        }
        match self.listening - self.judged {
            0 => Ok(()),
            1 => f.write_str("; 1 other rule that listens to it was not evaluated"),
            n => write!(f, "; {n} other rules that listen to it were not evaluated"),
        }
    }
}

impl UnmatchedSummary<'_> {
    fn elsewhere(&self) -> String {
        match self.rules {
            0 => "there are no rules".to_owned(),
            1 => "1 rule listens to other types".to_owned(),
            n => format!("{} listen to other types", number(n, "rule")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: the sentence, and the numbers of named, evaluated, listening and loaded rules.
    #[test]
    fn a_negative_answer_claims_only_what_was_evaluated() {
        for (sentence, [named, judged, listening, rules]) in [
            ("no rule listens to s/t; there are no rules", [0, 0, 0, 0]),
            (
                "no rule listens to s/t; 1 rule listens to other types",
                [0, 0, 0, 1],
            ),
            (
                "no rule listens to s/t; 1,200 rules listen to other types",
                [0, 0, 0, 1200],
            ),
            (
                "the one rule that listens to t did not match; --explain says why",
                [0, 1, 1, 9],
            ),
            (
                "none of the 3 rules that listen to t matched; --explain says why",
                [0, 3, 3, 9],
            ),
            ("the named rule does not listen to s/t", [1, 0, 0, 9]),
            (
                "the named rule does not listen to s/t; 2 other rules that listen to it were not evaluated",
                [1, 0, 2, 9],
            ),
            (
                "none of the named rules listens to s/t; 1 other rule that listens to it was not evaluated",
                [2, 0, 1, 9],
            ),
            (
                "the named rule did not match; --explain says why",
                [1, 1, 1, 9],
            ),
            (
                "the named rule did not match; --explain says why; 1 other rule that listens to it was not evaluated",
                [1, 1, 2, 9],
            ),
            (
                "none of the 2 named rules that listen to t matched; --explain says why; 3 other rules that listen to it were not evaluated",
                [3, 2, 5, 9],
            ),
        ] {
            let summary = UnmatchedSummary {
                source: "s",
                event_type: "t",
                named,
                judged,
                listening,
                rules,
                disabled: Vec::new(),
                explained: false,
            };
            assert_eq!(summary.to_string(), sentence);
            let forged = UnmatchedSummary {
                event_type: "t\nMATCH  r",
                disabled: Vec::new(),
                ..summary
            };
            assert_eq!(forged.to_string().lines().count(), 1, "{forged}");
            let disabled = UnmatchedSummary {
                disabled: vec!["a", "b"],
                ..summary
            };
            if judged > 0 {
                assert!(
                    disabled
                        .to_string()
                        .starts_with("the matching rules are disabled: a, b")
                );
                assert!(!disabled.to_string().contains("--explain"));
            }
        }
    }
}
