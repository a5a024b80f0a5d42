//! Explains why one rule matches an event or does not: the verdict of each predicate, and single changes to
//! the event that make the rule match. Every change with a value is evaluated before it is proposed.

pub mod obstacle;
pub(crate) mod single_change;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::diagnostic::Span;
use crate::event::Event;
use crate::language::condition::evaluate::Truth;
use crate::language::condition::trace::{NoTrace, Trace, TraceReplay};
use crate::language::condition::{Polarity, Predicate};
use crate::language::operator::{Operator, Verdict};
use crate::matching::explain::single_change::SingleChangeSearch;
use crate::matching::rule_set::evaluate_rule;
use crate::path::scope::Scope;
use crate::path::{Path, redact};
use crate::rule::Rule;

#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub truth: Truth,
    pub trace: Trace,
    /// Empty for a rule that matches.
    pub near_misses: Vec<NearMiss>,
    pub single_change: SingleChange,
}

/// Whether a single change to the event makes the rule match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SingleChange {
    /// The rule matches, or such changes are known.
    Known,
    /// None does, which was checked.
    None,
    /// None is known; there may be one.
    Unknown,
}

/// A single change to the event with which the rule matches.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    pub path: String,
    /// A value for the path, if one is known. The rule was evaluated with it.
    pub set: Option<Value>,
    /// What must hold at the path, as text.
    pub words: String,
    pub at: Span,
}

/// Evaluates a rule's condition and records every verdict.
pub(super) fn trace(rule: &Rule, event: &Event) -> (Truth, Trace) {
    let mut trace = Trace::default();
    let truth = evaluate_rule(rule, event, &mut trace);
    (truth, trace)
}

/// Whether the condition of a rule that is in no set holds.
pub fn is_match(rule: &Rule, event: &Event) -> bool {
    evaluate_rule(rule, event, &mut NoTrace) == Truth::True
}

/// Evaluates a rule that is in no set, such as a mutant. No change that would make it match is searched.
pub fn verdicts(rule: &Rule, event: &Event) -> Explanation {
    let (truth, trace) = trace(rule, event);
    Explanation {
        truth,
        trace,
        near_misses: Vec::new(),
        single_change: SingleChange::Unknown,
    }
}

/// The explanation for an event of which fields were redacted. A predicate that reads such a field is
/// missing: its verdict of then cannot be computed again.
pub(super) fn of_kept_values(rule: &Rule, event: &Event, mut trace: Trace) -> Explanation {
    let places = redact::redacted_paths(event);
    let predicates = rule.when.predicates();
    for (predicate, line) in predicates.into_iter().zip(&mut trace.lines) {
        if !reads_redacted_value(predicate, &places) {
            continue;
        }
        line.verdict = Verdict::Missing;
        line.hint = Some(REDACTED_HINT.into());
    }
    let verdicts = trace.lines.iter().map(|line| line.verdict);
    let truth = evaluate_rule(rule, event, &mut TraceReplay::new(verdicts));
    Explanation {
        truth,
        trace,
        near_misses: Vec::new(),
        single_change: SingleChange::Unknown,
    }
}

const REDACTED_HINT: &str =
    "the value was redacted (`redact` in flowtrigger.yaml), so it cannot be evaluated again";

/// A redacted value still shows that there was one, so `exists` and `present` can be evaluated.
fn reads_redacted_value(predicate: &Predicate, places: &[String]) -> bool {
    let reads = |path: &Path| redact::reads_redacted(path, places);
    let of_presence = matches!(
        *predicate.operator,
        Operator::Exists(_) | Operator::Present(_)
    );
    match of_presence {
        true => reads(&predicate.path) && !redact::contains_redacted(&predicate.path, places),
        false => predicate.paths().any(reads),
    }
}

/// Whether the rule matches a changed event; an error where the index and the evaluator disagree on it.
pub(super) type Confirm<'c, E> = &'c mut dyn FnMut(&Event) -> Result<bool, E>;

/// Returns every failing predicate whose field can be changed so that the rule matches. A value that
/// `confirm` accepts is proof enough, also if it satisfies several predicates at once; without a value, the
/// predicate must be the only obstacle.
pub(super) fn near_misses<E>(
    rule: &Rule,
    event: &Event,
    trace: &Trace,
    confirm: Confirm<'_, E>,
) -> Result<NearMissSearch, E> {
    let mut found: Vec<NearMiss> = Vec::new();
    let search = SingleChangeSearch { rule, event, trace };
    for (index, predicate) in rule.when.predicates().into_iter().enumerate() {
        if trace.lines[index].verdict == Verdict::Match {
            continue;
        }
        let near = near_miss(rule, event, predicate, confirm)?;
        // For a value of a wrong type, the words would only repeat the predicate; the hint says what to change.
        let is_advice = trace.lines[index].verdict != Verdict::WrongType;
        let alone = || is_advice && single_change::is_alone(rule, predicate);
        let works = near.set.is_some() || (alone() && would_match(rule, event, trace, index));
        let known = found
            .iter()
            .any(|f| near.set.is_some() && f.path == near.path && f.set == near.set);
        if works && !known {
            found.push(near);
        }
    }
    match found.is_empty() {
        true => search.all_fields(confirm),
        false => Ok(NearMissSearch {
            near_misses: found,
            single_change: SingleChange::Known,
        }),
    }
}

/// What a search for single changes found.
pub(super) struct NearMissSearch {
    pub near_misses: Vec<NearMiss>,
    pub single_change: SingleChange,
}

/// Describes what must hold at a predicate's path.
fn words(predicate: &Predicate, scope: &Scope<'_>) -> String {
    let not = match predicate.polarity {
        Polarity::Positive => "",
        Polarity::Negated => "not ",
    };
    let (operator, want) = (predicate.operator.name(), predicate.operator.want(scope));
    format!("{not}{operator} {want}")
}

/// Whether the rule matches once the predicate of the given number holds.
fn would_match(rule: &Rule, event: &Event, trace: &Trace, held: usize) -> bool {
    let lines = trace.lines.iter().enumerate();
    let verdicts = lines.map(|(number, line)| match number == held {
        true => Verdict::Match,
        false => line.verdict,
    });
    evaluate_rule(rule, event, &mut TraceReplay::new(verdicts)) == Truth::True
}

fn near_miss<E>(
    rule: &Rule,
    event: &Event,
    predicate: &Predicate,
    confirm: Confirm<'_, E>,
) -> Result<NearMiss, E> {
    let scope = Scope::new(event, &rule.vars);
    Ok(NearMiss {
        path: predicate.path.text.clone(),
        set: working_value(rule, &scope, predicate, confirm)?,
        words: words(predicate, &scope),
        at: predicate.at,
    })
}

/// A value at the predicate's path with which the rule matches.
fn working_value<E>(
    rule: &Rule,
    scope: &Scope<'_>,
    predicate: &Predicate,
    confirm: Confirm<'_, E>,
) -> Result<Option<Value>, E> {
    for value in satisfying_values(predicate, scope) {
        let mut changed = scope.event.clone();
        if crate::path::set::set(&mut changed, &predicate.path, value).is_err() {
            continue;
        }
        satisfy_others(rule, &mut changed, &predicate.path);
        if !confirm(&changed)? {
            continue;
        }
        let scope = Scope {
            event: &changed,
            ..*scope
        };
        if let Some(value) = predicate.path.resolve(&scope).to_json() {
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// Values that satisfy the predicate.
fn satisfying_values(predicate: &Predicate, scope: &Scope<'_>) -> Vec<Value> {
    let found = predicate.path.resolve(scope);
    match predicate.polarity {
        Polarity::Positive => predicate.operator.satisfying(&found, scope),
        Polarity::Negated => {
            let value = predicate.operator.violating(&found, scope);
            value.into_iter().collect()
        }
    }
}

/// Satisfies the other predicates of the same field: what one of them adds to a list, another may
/// exclude.
fn satisfy_others(rule: &Rule, event: &mut Event, path: &Path) {
    for predicate in rule.when.predicates() {
        let scope = Scope::new(event, &rule.vars);
        let fails = *predicate.path == *path && predicate.evaluate(&scope) != Verdict::Match;
        let value = fails
            .then(|| satisfying_values(predicate, &scope))
            .into_iter()
            .flatten();
        if let Some(value) = value.into_iter().next() {
            // A path that was set once can be set again.
            let _ = crate::path::set::set(event, path, value);
        }
    }
}
