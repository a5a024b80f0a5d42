//! Finds the ticks of rules with `every` that a backtest adds to those of the archive.
//!
//! While a rule ticked at the same times then, it has the ticks of the archive. At other times, the backtest makes them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::report::error::CommandError;
use crate::store::History;
use crate::store::RevisionId;
use crate::store::history::{PastRevision, RevisionStart};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::rule::Rule;

/// Which rules ticked when, by the revisions that the store keeps.
pub struct PastTicks<'h> {
    history: &'h dyn History,
    starts: Vec<RevisionStart>,
    /// When a rule ticked under a revision; `None` if it did not.
    expressions: HashMap<(RevisionId, String), Option<String>>,
}

/// The ticks of one set of rules that are not in the archive.
#[derive(Debug, Default)]
pub struct RuleTicks {
    /// The next tick of each rule with its number.
    order: BTreeSet<(Timestamp, u32)>,
}

/// A tick that the archive does not have.
#[derive(Debug)]
pub struct VirtualTick {
    pub number: u32,
    pub at: Timestamp,
    pub event: Event,
}

impl<'h> PastTicks<'h> {
    pub fn read(history: &'h dyn History, until: Timestamp) -> Result<Self, CommandError> {
        Ok(Self {
            starts: history.revision_starts(until)?,
            history,
            expressions: HashMap::new(),
        })
    }

    /// Whether the archive has the ticks of a rule at a time: the daemon made them, or there was no daemon yet.
    fn has_all(&mut self, rule: &Rule, at: Timestamp) -> Result<bool, CommandError> {
        let before = self.starts.partition_point(|start| start.at <= at);
        match before.checked_sub(1) {
            Some(last) => self.ticks_alike(rule, self.starts[last].id),
            None => Ok(true),
        }
    }

    /// Whether a rule ticked at the same times under a revision.
    pub fn ticks_alike(&mut self, rule: &Rule, revision: RevisionId) -> Result<bool, CommandError> {
        let Some(every) = &rule.every else {
            return Ok(false);
        };
        let key = (revision, rule.name.clone());
        if !self.expressions.contains_key(&key) {
            let texts = self.history.revision_texts(revision)?;
            let past = texts.map(|texts| PastRevision::compile_rule(texts, &rule.name));
            let then = past.as_ref().and_then(|past| past.rules.rule(&rule.name));
            let then = then.filter(|rule| rule.mode != Mode::Disabled);
            let expression = then.and_then(|rule| Some(rule.every.as_ref()?.text()));
            self.expressions.insert(key.clone(), expression);
        }
        let then = self.expressions.get(&key).and_then(Option::as_ref);
        Ok(then == Some(&every.text()))
    }
}

impl RuleTicks {
    /// The rules of a set that tick from a time on.
    pub fn new(rules: &RuleSet, since: Timestamp) -> Self {
        let rules = (0_u32..).zip(&rules.rules);
        let ticking = rules.filter(|(_, rule)| rule.mode != Mode::Disabled);
        let order = ticking.filter_map(|(number, rule)| {
            let next = rule.every.as_ref()?.next(since)?;
            Some((next, number))
        });
        Self {
            order: order.collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The next tick before a time that the archive does not have.
    pub fn next_before(
        &mut self,
        until: Timestamp,
        rules: &[Arc<Rule>],
        past: &mut PastTicks<'_>,
    ) -> Result<Option<VirtualTick>, CommandError> {
        while let Some((at, number)) = self.order.first().copied()
            && at < until
        {
            self.order.pop_first();
            let rule = &rules[number as usize];
            let next = rule.every.as_ref().and_then(|every| every.next(at));
            self.order.extend(next.map(|next| (next, number)));
            if past.has_all(rule, at)? {
                continue;
            }
            if let Some(event) = rule.tick(at, false) {
                return Ok(Some(VirtualTick { number, at, event }));
            }
        }
        Ok(None)
    }
}
