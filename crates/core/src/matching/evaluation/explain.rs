//! Explains rules of an evaluation, and compares the evaluator's verdict with the index's.

use std::fmt;
use std::sync::Arc;

use crate::config::Config;
use crate::config::mode::Mode;
use crate::diagnostic::Files;
use crate::event::Event;
use crate::language::condition::evaluate::Truth;
use crate::language::condition::trace::NoTrace;
use crate::matching::evaluation::{Evaluation, ReadBy};
use crate::matching::explain;
use crate::matching::explain::{Explanation, NearMissSearch, SingleChange};
use crate::matching::find::MatchScratch;
use crate::matching::rule_set::{RuleSet, evaluate_rule};
use crate::path::redact;
use crate::rule::Rule;

/// The index and the evaluator differ on a rule: a bug of this program, whichever of them is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    pub rule: String,
    /// The id of the event.
    pub event: String,
    pub read: ReadBy,
    /// Whether the index matched the rule.
    pub index: bool,
    pub evaluator: Truth,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = match self.read {
            ReadBy::Tape => "bytes",
            ReadBy::Tree => "decoded event",
        };
        let index = match self.index {
            true => Truth::True,
            false => Truth::False,
        };
        write!(
            f,
            "internal error: index and evaluator disagree on rule `{}` for event `{}` \
             (index over {read}: {}, evaluator: {}); this is a bug, please report it with this event",
            self.rule,
            self.event,
            index.label(),
            self.evaluator.label()
        )
    }
}

impl std::error::Error for Disagreement {}

impl Evaluation<'_> {
    /// Explains one rule of the set: the verdict of every predicate, and single changes to the event that
    /// make the rule match.
    ///
    /// # Errors
    /// The evaluator's verdict on this event, or on a proposed change of it, is not the index's. Nothing is
    /// compared for a disabled rule, which no index holds, and for an event of which fields were redacted.
    pub fn explain(&self, rule: &Rule) -> Result<Explanation, Box<Disagreement>> {
        let event = self.event();
        let (truth, trace) = explain::trace(rule, event);
        if redact::is_redacted(event) {
            return Ok(explain::of_kept_values(rule, event, trace));
        }
        self.compare(rule, event, truth, (self.numbers, self.read()))?;
        let search = match truth {
            Truth::True => NearMissSearch {
                near_misses: Vec::new(),
                single_change: SingleChange::Known,
            },
            Truth::False | Truth::Unknown => {
                let mut scratch = MatchScratch::default();
                explain::near_misses(rule, event, &trace, &mut |changed| {
                    let truth = evaluate_rule(rule, changed, &mut NoTrace);
                    self.rules.find_in_event(changed, &mut scratch.found);
                    let numbers = &scratch.found.matches;
                    self.compare(rule, changed, truth, (numbers, ReadBy::Tree))?;
                    Ok::<_, Box<Disagreement>>(truth == Truth::True)
                })?
            }
        };
        Ok(Explanation {
            truth,
            trace,
            near_misses: search.near_misses,
            single_change: search.single_change,
        })
    }

    /// Compares the index with the evaluator for every rule that is subscribed to the event, without
    /// explaining any. Debug builds of the daemon do so for every event.
    ///
    /// # Errors
    /// The first rule on which they differ.
    pub fn verify(&self) -> Result<(), Box<Disagreement>> {
        let event = self.event();
        for rule in self.subscribed().into_iter().chain(self.matched()) {
            let truth = evaluate_rule(rule, event, &mut NoTrace);
            self.compare(rule, event, truth, (self.numbers, self.read()))?;
        }
        Ok(())
    }

    fn compare(
        &self,
        rule: &Rule,
        event: &Event,
        truth: Truth,
        (numbers, read): (&[u32], ReadBy),
    ) -> Result<(), Box<Disagreement>> {
        if rule.mode == Mode::Disabled || redact::is_redacted(event) {
            return Ok(());
        }
        let index = self.is_among(numbers, rule);
        let expected = truth == Truth::True && rule.listens_to(&event.source, &event.event_type);
        if index == expected || !self.holds_rule(rule) {
            return Ok(());
        }
        Err(Box::new(Disagreement {
            rule: rule.name.clone(),
            event: event.id.clone(),
            read,
            index,
            evaluator: truth,
        }))
    }

    /// Whether the rule is of this set; a rule of another one has nothing to compare with.
    fn holds_rule(&self, rule: &Rule) -> bool {
        self.rules.rules.iter().any(|own| own.name == rule.name)
    }
}

/// Explains a rule that was stored with a run, as the only rule of a set.
///
/// # Errors
/// Those of [`Evaluation::explain`].
pub fn explain_stored(
    rule: &Arc<Rule>,
    files: &Arc<Files>,
    event: &Event,
) -> Result<Explanation, Box<Disagreement>> {
    let rules = vec![Arc::clone(rule)];
    let rules = RuleSet::new(rules, Arc::clone(files), &Config::default());
    let mut scratch = MatchScratch::default();
    rules.evaluate_event(event, &mut scratch).explain(rule)
}
