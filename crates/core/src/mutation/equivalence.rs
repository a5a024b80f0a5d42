//! Compares the events that a mutant matches with those of its rule: proven equal, or an event that shows a difference.

use crate::analysis::{Analyzer, ConditionRelation, Subject, Witness};
use crate::config::Config;
use crate::mutation::MutatedPart;
use crate::rule::Rule;

/// Compares mutants with their rules.
#[derive(Debug)]
pub struct Equivalence<'c> {
    analyzer: Analyzer<'c>,
}

/// How the events that a mutant matches differ from those of its rule.
#[derive(Debug)]
pub enum MatchDifference {
    /// There is no event that only one of them matches.
    None,
    /// Only one of them matches this event.
    Shown(Box<Witness>),
    Unknown,
}

impl<'c> Equivalence<'c> {
    /// For rules that were compiled with this configuration.
    pub fn new(config: &'c Config) -> Self {
        Self {
            analyzer: Analyzer::new(config),
        }
    }

    /// Compares a mutant that differs from its rule in one part. Only which events match is decided; a difference in what
    /// a flow or a gate does is never claimed to have no effect.
    pub fn difference(&mut self, rule: &Rule, mutant: &Rule, part: MutatedPart) -> MatchDifference {
        match part {
            MutatedPart::Gates | MutatedPart::Flow | MutatedPart::Sequence => {
                return MatchDifference::Unknown;
            }
            MutatedPart::Match => {}
        }
        let (before, after) = (Subject::of_rule(rule), Subject::of_rule(mutant));
        match self.analyzer.relation(before, after) {
            ConditionRelation::Equal => MatchDifference::None,
            ConditionRelation::Wider(witness)
            | ConditionRelation::Narrower(witness)
            | ConditionRelation::Different {
                only_before: witness,
                ..
            }
            | ConditionRelation::Unknown {
                only_before: Some(witness),
                ..
            }
            | ConditionRelation::Unknown {
                only_before: None,
                only_after: Some(witness),
                ..
            } => MatchDifference::Shown(witness),
            ConditionRelation::Unknown {
                only_before: None,
                only_after: None,
                ..
            } => MatchDifference::Unknown,
        }
    }

    /// Whether a mutant is proven to do the same as its rule for every event.
    pub fn is_proven(&mut self, rule: &Rule, mutant: &Rule, part: MutatedPart) -> bool {
        matches!(self.difference(rule, mutant, part), MatchDifference::None)
    }
}
