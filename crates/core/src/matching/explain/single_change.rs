//! Searches the values of each field for one with which a rule matches, and proves that there is none.

use std::borrow::Cow;

use serde_json::Value;

use crate::event::Event;
use crate::language::condition::Predicate;
use crate::language::condition::candidates::{Candidates, compares_with, readable, verdict};
use crate::language::condition::evaluate::Truth;
use crate::language::condition::trace::{Trace, TraceReplay};
use crate::language::operator::{Operator, Verdict};
use crate::matching::explain::{Confirm, NearMiss, NearMissSearch, SingleChange, words};
use crate::matching::rule_set::evaluate_rule;
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, Resolved};
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

/// Whether nothing else in the rule reads the predicate's field or a part of it: no other comparison, and no
/// operand of its own.
pub fn is_alone(rule: &Rule, predicate: &Predicate) -> bool {
    let mut own = predicate.operator.paths();
    if own.any(|path| overlap(path, &predicate.path)) {
        return false;
    }
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

/// Evaluates a predicate with a value at the path, which it tests, compares with, or both.
fn verdict_with(
    predicate: &Predicate,
    path: &Path,
    value: Option<&Value>,
    scope: &Scope<'_>,
) -> Verdict {
    let tests = predicate.path.route == path.route;
    match (value, compares_with(predicate, path)) {
        (_, false) => verdict(predicate, value, scope),
        // Nothing is claimed about an operand that is taken away.
        (None, true) => Verdict::Match,
        (Some(value), true) => {
            let operator = predicate.operator.with_value_at(path, value);
            let found = match tests {
                true => Resolved::One(value),
                false => predicate.path.resolve(scope),
            };
            predicate.polarity.apply(operator.evaluate(&found, scope))
        }
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
        let mut tried: Vec<&PathKind> = Vec::new();
        let read = predicates
            .iter()
            .flat_map(|predicate| predicate.paths().map(move |path| (*predicate, path)));
        for (predicate, path) in read {
            let is_constant = path.in_variables(&self.rule.vars).is_some() || path.is_local();
            if is_constant || tried.contains(&&path.route) {
                continue;
            }
            tried.push(&path.route);
            match self.field(&predicates, path, confirm)? {
                FieldSearch::Found(value) => search.near_misses.push(NearMiss {
                    path: path.text.clone(),
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
            // A path that only overlaps reads another part of the changed value.
            let mut changed = predicate.paths().filter(|read| overlap(read, path));
            changed.all(|read| read.route == path.route)
                && !matches!(
                    *predicate.operator,
                    Operator::Matches(_) | Operator::AnyOf(_) | Operator::During(_)
                )
        };
        if !here.iter().all(is_known) {
            return Ok(FieldSearch::Unknown);
        }
        let others = here.iter().flat_map(|predicate| predicate.paths());
        let others = others.filter(|read| read.route != path.route);
        let values = others.flat_map(|read| read.resolve(&scope).values().to_vec());
        let Some(candidates) = Candidates::with_values(&here, values.collect(), &[], &scope) else {
            return Ok(FieldSearch::Unknown);
        };
        let mut result = FieldSearch::None;
        for candidate in candidates.iter() {
            let with = |predicate: &Predicate, actual| match changes(predicate) {
                true => verdict_with(predicate, path, candidate, &scope),
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
