//! Searches the values of each field for one with which a rule matches, and proves that there is none.

use std::borrow::Cow;

use serde_json::Value;

use crate::event::Event;
use crate::language::condition::Predicate;
use crate::language::condition::candidates::{Candidates, readable, verdict};
use crate::language::condition::evaluate::Truth;
use crate::language::condition::trace::{Trace, TraceReplay};
use crate::language::operator::{Operator, Verdict};
use crate::matching::explain::{Confirm, NearMiss, NearMissSearch, SingleChange, words};
use crate::matching::rule_set::evaluate_rule;
use crate::path::scope::Scope;
use crate::path::{Path, PathKind};
use crate::rule::Rule;

pub struct SingleChangeSearch<'s> {
    pub rule: &'s Rule,
    pub event: &'s Event,
    pub trace: &'s Trace,
}

/// The result for one field.
enum FieldSearch {
    Found(Value),
    /// No value of the field makes the rule match.
    None,
    Unknown,
}

/// Whether no other comparison of the rule reads the predicate's field or a part of it.
pub fn is_alone(rule: &Rule, predicate: &Predicate) -> bool {
    let predicates = rule.when.predicates();
    let mut others = predicates
        .into_iter()
        .filter(|other| !std::ptr::eq(*other, predicate));
    !others.any(|other| other.paths().any(|path| overlap(path, &predicate.path)))
}

fn overlap(a: &Path, b: &Path) -> bool {
    match (&a.route, &b.route) {
        (
            PathKind::Plain { root, keys },
            PathKind::Plain {
                root: other,
                keys: below,
            },
        ) => root == other && (keys.starts_with(below) || below.starts_with(keys)),
        (PathKind::Query(_), _) | (_, PathKind::Query(_)) => true,
    }
}

impl SingleChangeSearch<'_> {
    /// Tries the values of every field that is compared.
    pub(super) fn all_fields<E>(&self, confirm: Confirm<'_, E>) -> Result<NearMissSearch, E> {
        let mut search = NearMissSearch {
            near_misses: Vec::new(),
            single_change: SingleChange::None,
        };
        let predicates = self.rule.when.predicates();
        for (number, predicate) in predicates.iter().enumerate() {
            let seen = predicates[..number]
                .iter()
                .any(|earlier| earlier.path.route == predicate.path.route);
            if seen {
                continue;
            }
            match self.field(&predicates, &predicate.path, confirm)? {
                FieldSearch::Found(value) => search.near_misses.push(NearMiss {
                    path: predicate.path.text.clone(),
                    set: Some(value),
                    words: words(predicate, &Scope::new(self.event, &self.rule.vars)),
                    at: predicate.at,
                }),
                FieldSearch::None => {}
                FieldSearch::Unknown => search.single_change = SingleChange::Unknown,
            }
        }
        if !search.near_misses.is_empty() {
            search.single_change = SingleChange::Known;
        }
        Ok(search)
    }

    fn field<E>(
        &self,
        predicates: &[&Predicate],
        path: &Path,
        confirm: Confirm<'_, E>,
    ) -> Result<FieldSearch, E> {
        let changes = |predicate: &Predicate| predicate.paths().any(|read| overlap(read, path));
        let optimistic = |predicate: &Predicate, verdict| match changes(predicate) {
            true => Verdict::Match,
            false => verdict,
        };
        if !self.matches_with(predicates, optimistic) {
            return Ok(FieldSearch::None);
        }
        let here: Vec<&Predicate> = predicates
            .iter()
            .copied()
            .filter(|predicate| changes(predicate))
            .collect();
        let scope = Scope::new(self.event, &self.rule.vars);
        let is_known = |predicate: &&Predicate| {
            let operator = predicate.operator.settled(scope.vars);
            let reads_itself = predicate.path.route == path.route;
            reads_itself
                && operator.paths().next().is_none()
                && !matches!(*operator, Operator::Matches(_))
        };
        if !here.iter().all(is_known) {
            return Ok(FieldSearch::Unknown);
        }
        let Some(candidates) = Candidates::of(&here, &[], &scope) else {
            return Ok(FieldSearch::Unknown);
        };
        let mut result = FieldSearch::None;
        for candidate in candidates.iter() {
            let with = |predicate: &Predicate, actual| match changes(predicate) {
                true => verdict(predicate, candidate, &scope),
                false => actual,
            };
            if !self.matches_with(predicates, with) {
                continue;
            }
            // Only a value can be set; a field cannot be taken away.
            result = FieldSearch::Unknown;
            let Some(value) = candidate.map(readable) else {
                continue;
            };
            let mut changed = self.event.clone();
            if crate::path::set::set(&mut changed, path, value.clone()).is_ok()
                && confirm(&changed)?
            {
                let scope = Scope {
                    event: &changed,
                    ..scope
                };
                let set = path.resolve(&scope).to_json().map(Cow::into_owned);
                return Ok(FieldSearch::Found(set.unwrap_or(value)));
            }
        }
        Ok(result)
    }

    /// Whether the rule matches with the verdicts that `change` makes of the recorded ones.
    fn matches_with(
        &self,
        predicates: &[&Predicate],
        change: impl Fn(&Predicate, Verdict) -> Verdict,
    ) -> bool {
        let lines = predicates.iter().zip(&self.trace.lines);
        let verdicts: Vec<Verdict> = lines
            .map(|(predicate, line)| change(predicate, line.verdict))
            .collect();
        evaluate_rule(self.rule, self.event, &mut TraceReplay::new(verdicts)) == Truth::True
    }
}
