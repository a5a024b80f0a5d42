//! Why one rule did or did not match one event: its trace, and which single change would make it match.
//! It asks the evaluator again for every suggestion, so that none is made that would not work.

use serde_json::Value;

use crate::core::diagnostic::Position;
use crate::core::event::Event;
use crate::core::matching::evaluate::Truth;
use crate::core::matching::ruleset::judge;
use crate::core::matching::trace::{NoTrace, Trace};
use crate::core::rule::condition::{Condition, Polarity, Predicate};
use crate::core::rule::jobspec::Rule;
use crate::core::rule::operator::{Operator, Verdict};
use crate::core::rule::path::{self, Path, redact};
use crate::core::scope::Scope;

#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub truth: Truth,
    pub trace: Trace,
    /// Only where the rule does not match.
    pub near_misses: Vec<NearMiss>,
}

/// One change to the event that makes the rule match.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    pub path: String,
    /// A value that does it, where one is known; tried before it is told.
    pub set: Option<Value>,
    /// What must hold there, in words.
    pub words: String,
    pub at: Position,
}

pub fn explain(rule: &Rule, event: &Event) -> Explanation {
    let mut trace = Trace::default();
    let truth = judge(rule, event, &mut trace);
    if redact::is_redacted(event) {
        return of_what_is_kept(rule, event, trace);
    }
    let near_misses = match truth {
        Truth::True => Vec::new(),
        Truth::False | Truth::Unknown => near_misses(rule, event, &trace),
    };
    Explanation {
        truth,
        trace,
        near_misses,
    }
}

/// What reads a field that is not kept is missing: it decided something once, and cannot again.
fn of_what_is_kept(rule: &Rule, event: &Event, mut trace: Trace) -> Explanation {
    let places = redact::places(event);
    let predicates = rule.when.predicates();
    for (predicate, line) in predicates.into_iter().zip(&mut trace.lines) {
        if !is_unsure(predicate, &places) {
            continue;
        }
        line.verdict = Verdict::Missing;
        line.hint = Some(NOT_KEPT.into());
    }
    let mut lines = trace.lines.iter();
    let truth = truth_of(&rule.when, &mut |_| {
        lines.next().map_or(Verdict::Missing, |line| line.verdict)
    });
    Explanation {
        truth,
        trace,
        near_misses: Vec::new(),
    }
}

const NOT_KEPT: &str =
    "what stood here is not kept (`redact` in flowtrigger.yaml), so it cannot be judged again";

/// Where something stands in the place of a value, that there was one is still told.
fn is_unsure(predicate: &Predicate, places: &[String]) -> bool {
    let reads = |path: &Path| redact::reads(path, places);
    let of_presence = matches!(
        *predicate.operator,
        Operator::Exists(_) | Operator::Present(_)
    );
    match of_presence {
        true => reads(&predicate.path) && !redact::leads_to(&predicate.path, places),
        false => predicate.paths().any(reads),
    }
}

/// Every failing predicate whose place can be changed so that the rule matches. A value that works is
/// proof enough, also where it mends several predicates at once; without one, the predicate must be
/// all that is in the way.
fn near_misses(rule: &Rule, event: &Event, trace: &Trace) -> Vec<NearMiss> {
    let verdicts: Vec<Verdict> = trace.lines.iter().map(|line| line.verdict).collect();
    let mut found: Vec<NearMiss> = Vec::new();
    for (index, predicate) in rule.when.predicates().into_iter().enumerate() {
        if verdicts[index] == Verdict::Match {
            continue;
        }
        let near = near_miss(rule, event, predicate);
        let works = near.set.is_some() || would_match(&rule.when, &verdicts, index);
        let told = found
            .iter()
            .any(|f| near.set.is_some() && f.path == near.path && f.set == near.set);
        if works && !told {
            found.push(near);
        }
    }
    found
}

/// Whether the condition is true once the predicate of the given number holds.
fn would_match(condition: &Condition, verdicts: &[Verdict], held: usize) -> bool {
    let mut number = 0;
    truth_of(condition, &mut |_| {
        let verdict = if number == held {
            Verdict::Match
        } else {
            verdicts[number]
        };
        number += 1;
        verdict
    }) == Truth::True
}

fn truth_of(condition: &Condition, verdict: &mut impl FnMut(&Predicate) -> Verdict) -> Truth {
    match condition {
        Condition::All(parts) => {
            let truths: Vec<Truth> = parts.iter().map(|p| truth_of(p, verdict)).collect();
            join(&truths, Truth::False, Truth::True)
        }
        Condition::Any(parts) => {
            let truths: Vec<Truth> = parts.iter().map(|p| truth_of(p, verdict)).collect();
            join(&truths, Truth::True, Truth::False)
        }
        Condition::Predicate(predicate) => verdict(predicate).truth(),
    }
}

fn join(truths: &[Truth], decisive: Truth, otherwise: Truth) -> Truth {
    if truths.contains(&decisive) {
        return decisive;
    }
    match truths.contains(&Truth::Unknown) {
        true => Truth::Unknown,
        false => otherwise,
    }
}

fn near_miss(rule: &Rule, event: &Event, predicate: &Predicate) -> NearMiss {
    let scope = Scope::new(event, &rule.vars);
    let not = match predicate.polarity {
        Polarity::Positive => "",
        Polarity::Negated => "not ",
    };
    NearMiss {
        path: predicate.path.text.clone(),
        set: working_value(rule, &scope, predicate),
        words: format!(
            "{not}{} {}",
            predicate.operator.name(),
            predicate.operator.want(&scope)
        ),
        at: predicate.at,
    }
}

/// A value that makes the rule match when it stands at the predicate's path.
fn working_value(rule: &Rule, scope: &Scope<'_>, predicate: &Predicate) -> Option<Value> {
    let mut candidates = wished(predicate, scope).into_iter();
    candidates.find_map(|value| {
        let mut changed = scope.event.clone();
        path::set(&mut changed, &predicate.path, value).ok()?;
        mend(rule, &mut changed, &predicate.path);
        let matches = judge(rule, &changed, &mut NoTrace) == Truth::True;
        let scope = Scope {
            event: &changed,
            ..*scope
        };
        let value = predicate.path.resolve(&scope).to_json()?.into_owned();
        matches.then_some(value)
    })
}

/// Values with which the predicate holds.
fn wished(predicate: &Predicate, scope: &Scope<'_>) -> Vec<Value> {
    let found = predicate.path.resolve(scope);
    match predicate.polarity {
        Polarity::Positive => predicate.operator.satisfying(&found, scope),
        Polarity::Negated => {
            let value = predicate.operator.violating(&found, scope);
            value.into_iter().collect()
        }
    }
}

/// Does right by the other predicates of the same field: what one of them adds to a list, another
/// may not want beside something else.
fn mend(rule: &Rule, event: &mut Event, path: &Path) {
    for predicate in rule.when.predicates() {
        let steps = Value::Null;
        let scope = Scope {
            steps: &steps,
            ..Scope::new(event, &rule.vars)
        };
        let fails = *predicate.path == *path && predicate.judge(&scope) != Verdict::Match;
        let value = fails
            .then(|| wished(predicate, &scope))
            .into_iter()
            .flatten();
        if let Some(value) = value.into_iter().next() {
            // A path that was set once can be set again.
            let _ = path::set(event, path, value);
        }
    }
}

#[cfg(test)]
mod tests;
