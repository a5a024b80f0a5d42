//! Finds conditions that are always true, and predicates without effect on the condition of their rule.

use std::sync::Arc;

use crate::analysis::findings::{Finding, ProofReport};
use crate::analysis::{Analyzer, FoundEvent, Goal, Subject, without};
use crate::diagnostic::Code;
use crate::language::condition::{Condition, Predicate};
use crate::language::operator::Operator;
use crate::path::{PathKind, Root};
use crate::rule::Rule;

/// Of larger conditions, the predicates are not compared one by one.
const MAX_PREDICATES: usize = 64;

/// Adds what is found about the predicates of a rule that can match.
pub fn find(rule: &Rule, analyzer: &mut Analyzer<'_>, report: &mut ProofReport) {
    let subject = Subject::of_rule(rule);
    let predicates = rule.when.predicates();
    if predicates.is_empty() {
        return;
    }
    if may_always_hold(&rule.when) && is_implied(&Condition::always(), subject, analyzer) {
        report.findings.push(always(rule));
        return;
    }
    if predicates.len() > MAX_PREDICATES {
        return;
    }
    let mut left: Option<Condition> = None;
    for predicate in predicates.iter().rev() {
        let lacks_effect = may_lack_effect(predicate, &predicates, &rule.when)
            && is_superfluous(predicate, &rule.when, subject, analyzer)
            // Of two equal tests, one has an effect once the other is removed.
            && left
                .as_ref()
                .is_none_or(|left| is_superfluous(predicate, left, subject, analyzer));
        if lacks_effect {
            report.findings.push(without_effect(rule, predicate));
            left = removed(left.as_ref().unwrap_or(&rule.when), predicate);
        }
    }
}

/// Whether a condition is true for the same events without a predicate.
fn is_superfluous(
    predicate: &Predicate,
    condition: &Condition,
    subject: Subject<'_>,
    analyzer: &mut Analyzer<'_>,
) -> bool {
    let Some(smaller) = removed(condition, predicate) else {
        return false;
    };
    let (of_smaller, of_whole) = (subject.with(&smaller), subject.with(condition));
    let equal = [
        [Goal::Matches(of_smaller), Goal::DoesNotMatch(of_whole)],
        [Goal::Matches(of_whole), Goal::DoesNotMatch(of_smaller)],
    ];
    equal
        .iter()
        .all(|goals| matches!(analyzer.find(goals), FoundEvent::None))
}

/// Whether every event that the subject receives and that fulfils `first` fulfils the subject's condition.
fn is_implied(first: &Condition, subject: Subject<'_>, analyzer: &mut Analyzer<'_>) -> bool {
    let goals = [
        Goal::Matches(subject.with(first)),
        Goal::DoesNotMatch(subject),
    ];
    matches!(analyzer.find(&goals), FoundEvent::None)
}

/// A test of a field is not true if the field is absent, so that only alternatives can always hold.
fn may_always_hold(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(may_always_hold),
        Condition::Any(_) => true,
        Condition::Predicate(predicate) => is_constant(predicate),
    }
}

/// Whether the predicate tests a value that every event of the rule has.
fn is_constant(predicate: &Predicate) -> bool {
    matches!(
        predicate.path.route,
        PathKind::Plain {
            root: Root::Vars | Root::Event,
            ..
        }
    )
}

/// A predicate that alone reads its field in a condition without alternatives has an effect.
fn may_lack_effect(predicate: &Predicate, all: &[&Predicate], condition: &Condition) -> bool {
    let shares = |other: &&&Predicate| {
        !std::ptr::eq(**other, predicate) && other.path.route == predicate.path.route
    };
    is_constant(predicate) || all.iter().any(|other| shares(&other)) || has_alternatives(condition)
}

fn has_alternatives(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().any(has_alternatives),
        Condition::Any(_) => true,
        Condition::Predicate(_) => false,
    }
}

/// The condition without a predicate: true among parts that must all hold, left out among alternatives. `None` for
/// the only predicate of a condition.
fn removed(condition: &Condition, predicate: &Predicate) -> Option<Condition> {
    if matches!(condition, Condition::Predicate(_)) {
        return None;
    }
    Some(match condition {
        Condition::Any(parts) => {
            let parts = parts.iter().filter(|part| !is_predicate(part, predicate));
            Condition::Any(parts.map(|part| inner_removed(part, predicate)).collect())
        }
        Condition::All(parts) => {
            let parts = parts.iter();
            Condition::All(parts.map(|part| inner_removed(part, predicate)).collect())
        }
        Condition::Predicate(_) => without(condition, predicate),
    })
}

fn inner_removed(condition: &Condition, predicate: &Predicate) -> Condition {
    match removed(condition, predicate) {
        Some(smaller) => smaller,
        None => without(condition, predicate),
    }
}

fn is_predicate(condition: &Condition, predicate: &Predicate) -> bool {
    match condition {
        Condition::Predicate(own) => std::ptr::eq(Arc::as_ptr(own), predicate),
        Condition::All(_) | Condition::Any(_) => false,
    }
}

fn always(rule: &Rule) -> Finding {
    let at = rule
        .when
        .predicates()
        .first()
        .map_or(rule.at, |first| first.at);
    Finding {
        code: Code::AlwaysMatches,
        rule: rule.name.clone(),
        others: Vec::new(),
        at,
        message: format!(
            "rule `{}` matches every event of its types, whatever its values",
            rule.name
        ),
        help: "remove `when`, or correct the condition".into(),
        related: Vec::new(),
        events: Vec::new(),
    }
}

fn without_effect(rule: &Rule, predicate: &Predicate) -> Finding {
    let presence = match &*predicate.operator {
        Operator::Exists(_) | Operator::Present(_) => {
            ", because other tests already need the field"
        }
        _ => "",
    };
    Finding {
        code: Code::WithoutEffect,
        rule: rule.name.clone(),
        others: Vec::new(),
        at: predicate.at,
        message: format!(
            "this test of `{}` has no effect: the rule `{}` matches the same events without it{presence}",
            predicate.path.text, rule.name
        ),
        help: "remove it, or correct the value".into(),
        related: Vec::new(),
        events: Vec::new(),
    }
}
