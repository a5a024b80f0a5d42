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
use crate::core::rule::operator::Verdict;
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

fn near_misses(rule: &Rule, event: &Event, trace: &Trace) -> Vec<NearMiss> {
    let predicates = rule.when.predicates();
    let verdicts: Vec<Verdict> = trace.lines.iter().map(|line| line.verdict).collect();
    let failing = (0..predicates.len()).filter(|&i| verdicts[i] != Verdict::Match);
    failing
        .filter(|&i| would_match(&rule.when, &verdicts, i))
        .map(|i| near_miss(rule, event, predicates[i]))
        .collect()
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
    let scope = Scope {
        event,
        vars: &rule.vars,
        steps: &Value::Null,
    };
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
    let found = predicate.path.resolve(scope);
    let value = match predicate.polarity {
        Polarity::Positive => predicate.operator.satisfying(&found, scope),
        Polarity::Negated => predicate.operator.violating(&found, scope),
    }?;
    let mut changed = scope.event.clone();
    changed.set(&predicate.path, value.clone()).ok()?;
    (judge(rule, &changed, &mut NoTrace) == Truth::True).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::core::config::Config;
    use crate::core::diagnostic::{Diagnostics, Files};
    use crate::core::event::catalogue::Catalogue;
    use crate::core::event::decode::decode;
    use crate::core::matching::ruleset::RuleSet;

    fn rule(when: &str) -> Arc<Rule> {
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        );
        let mut files = Files::default();
        let file = files.add("r.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let set = RuleSet::compile(
            &Arc::new(files),
            &[file],
            &Config::default(),
            &mut diagnostics,
        );
        assert!(!diagnostics.has_errors(), "{when}: {diagnostics:?}");
        Arc::clone(&set.rules[0])
    }

    fn event() -> Event {
        let value = json!({"account_id": 1, "input": {"ticket_event": {
            "type": "Priority Changed",
            "meta": {"occurred_at": "2026-03-01T09:00:00Z", "sequence": {"id": "A", "position": 1, "total": 1}},
            "previous": "low",
            "current": "high",
            "ticket": {"id": 7, "tags": ["vip", "test"], "status": "open", "priority": "high"},
        }}});
        decode(value, Catalogue::built_in()).expect("an event")
    }

    fn suggestions(when: &str) -> Vec<(String, Option<Value>)> {
        let explanation = explain(&rule(when), &event());
        let near = explanation.near_misses.into_iter();
        near.map(|near| (near.path, near.set)).collect()
    }

    #[test]
    fn one_change_that_would_do_is_suggested() {
        assert_eq!(
            suggestions("{ current: urgent, previous: low }"),
            [("current".into(), Some(json!("urgent")))]
        );
        assert_eq!(
            suggestions("{ ticket.tags: { has: vip, not: { has: [test, spam] } } }"),
            [("ticket.tags".into(), Some(json!(["vip"])))]
        );
        assert_eq!(
            suggestions("{ ticket.external_id: { starts_with: A- } }"),
            [("ticket.external_id".into(), Some(json!("A-")))]
        );
    }

    #[test]
    fn nothing_is_suggested_where_two_changes_are_needed() {
        assert_eq!(suggestions("{ current: urgent, previous: normal }"), []);
    }

    #[test]
    fn every_branch_of_any_is_a_way_out() {
        let found = suggestions("{ any: [{ current: urgent }, { ticket.status: solved }] }");
        assert_eq!(
            found,
            [
                ("current".into(), Some(json!("urgent"))),
                ("ticket.status".into(), Some(json!("solved")))
            ]
        );
    }

    #[test]
    fn a_change_without_a_known_value_is_told_in_words() {
        let explanation = explain(&rule("{ ticket.subject: { matches: '^EU' } }"), &event());
        assert_eq!(explanation.truth, Truth::Unknown);
        assert_eq!(explanation.near_misses[0].set, None);
        assert_eq!(explanation.near_misses[0].words, "matches /^EU/");
    }

    #[test]
    fn groups_name_the_place_in_the_tree() {
        let when = "{ current: high, any: [{ none: [{ previous: low, ticket.id: 7 }] }, { all: [{ previous: low }] }] }";
        let explanation = explain(&rule(when), &event());
        assert_eq!(explanation.truth, Truth::True);
        let groups: Vec<_> = explanation
            .trace
            .lines
            .iter()
            .map(|l| l.group.as_str())
            .collect();
        assert_eq!(
            groups,
            ["all", "any[0].none[0]", "any[0].none[0]", "any[1].all[0]"]
        );
    }
}
