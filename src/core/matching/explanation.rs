//! Why one rule did or did not match one event: its trace, and which single change would make it match.
//! It asks the evaluator again for every suggestion, so that none is made that would not work.

use serde_json::Value;

use crate::core::diagnostic::Position;
use crate::core::event::{Event, redacted};
use crate::core::matching::evaluate::Truth;
use crate::core::matching::ruleset::judge;
use crate::core::matching::trace::{NoTrace, Trace};
use crate::core::rule::condition::{Condition, Polarity, Predicate};
use crate::core::rule::jobspec::Rule;
use crate::core::rule::operator::{Operator, Verdict};
use crate::core::rule::path::Path;
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
    if redacted::is_redacted(event) {
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
    let places = redacted::places(event);
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
    let reads = |path: &Path| redacted::reads(path, places);
    let of_presence = matches!(
        *predicate.operator,
        Operator::Exists(_) | Operator::Present(_)
    );
    match of_presence {
        true => reads(&predicate.path) && !redacted::leads_to(&predicate.path, places),
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
    let scope = Scope {
        event,
        vars: &rule.vars,
        steps: &Value::Null,
        error: &Value::Null,
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
    let mut candidates = wished(predicate, scope).into_iter();
    candidates.find_map(|value| {
        let mut changed = scope.event.clone();
        changed.set(&predicate.path, value).ok()?;
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
            event,
            vars: &rule.vars,
            steps: &steps,
            error: &Value::Null,
        };
        let fails = *predicate.path == *path && predicate.judge(&scope) != Verdict::Match;
        let value = fails
            .then(|| wished(predicate, &scope))
            .into_iter()
            .flatten();
        if let Some(value) = value.into_iter().next() {
            // A path that was set once can be set again.
            let _ = event.set(path, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::core::event::catalogue::Catalogue;
    use crate::core::event::decode::decode;
    use crate::core::matching::ruleset::RuleSet;

    fn rule(when: &str) -> Arc<Rule> {
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        );
        Arc::clone(&RuleSet::of_text(&text).rules[0])
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

    /// What is said of the whole event, and of one without its `current` and a tag.
    fn truths(when: &str) -> (Truth, Truth) {
        let paths = ["current", "ticket.tags.0"].map(|path| Path::parse(path).expect(path));
        let kept = redacted::redacted(&event(), &paths).expect("it holds both");
        let of = |event| explain(&rule(when), event).truth;
        (of(&event()), of(&kept))
    }

    #[test]
    fn of_what_is_not_kept_nothing_is_said_that_was_not_so() {
        use Truth::{False, True, Unknown};
        for (when, whole, kept) in [
            ("{ current: high }", True, Unknown),
            ("{ current: urgent }", False, Unknown),
            ("{ current: { not: urgent } }", True, Unknown),
            ("{ previous: { not: { path: current } } }", True, Unknown),
            ("{ ticket.tags: { has: test } }", True, Unknown),
            ("{ '$..tags[*]': vip }", True, Unknown),
            ("{ $.raw.input.ticket_event.previous: low }", True, Unknown),
            ("{ $.raw: { exists: true } }", True, Unknown),
            (
                "{ current: { present: true }, ticket.tags.0: { exists: true } }",
                True,
                True,
            ),
            ("{ current: { present: false } }", False, False),
            ("{ current: urgent, previous: normal }", False, False),
            (
                "{ any: [{ current: urgent }, { previous: low }] }",
                True,
                True,
            ),
            ("{ none: [{ current: urgent }] }", True, Unknown),
            ("{ ticket.status: open }", True, True),
            ("{ ticket.external_id: x }", Unknown, Unknown),
        ] {
            assert_eq!(truths(when), (whole, kept), "{when}");
        }
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
    fn one_change_may_mend_several_predicates_of_a_field() {
        assert_eq!(
            suggestions("{ ticket.tags: { has: gold, not: { has: test } } }"),
            [("ticket.tags".into(), Some(json!(["vip", "gold"])))]
        );
        assert_eq!(
            suggestions("{ current: { is: [low, urgent], not: [low, high] } }"),
            [("current".into(), Some(json!("urgent")))]
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
    fn a_field_that_this_shape_does_not_bring_is_told_so() {
        let explanation = explain(&rule("{ ticket.subject: { contains: EU } }"), &event());
        let hint = explanation.trace.lines[0].hint.clone().unwrap_or_default();
        assert!(
            hint.starts_with("it comes with event webhooks only"),
            "{hint}"
        );
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

    const TESTS: [&str; 12] = [
        "current: urgent",
        "current: [low, high]",
        "current: { gt: normal, not: urgent }",
        "current: { not: [high, urgent] }",
        "previous: { path: current }",
        "previous: { lt: { path: current } }",
        "ticket.tags: { has: [gold, vip] }",
        "ticket.tags: { has_all: [gold, test], not: { has: vip } }",
        "ticket.id: { between: [8, 9] }",
        "ticket.external_id: { starts_with: A-, not: { ends_with: Z } }",
        "ticket.created_at: { before: -2h }",
        "ticket.organization_id: { exists: true, not: { present: true } }",
    ];

    fn condition() -> impl Strategy<Value = String> {
        let leaf = (0..TESTS.len()).prop_map(|n| format!("{{ {} }}", TESTS[n]));
        leaf.prop_recursive(3, 12, 3, |inner| {
            let group = prop_oneof![Just("all"), Just("any"), Just("none")];
            (group, proptest::collection::vec(inner, 1..4))
                .prop_map(|(key, parts)| format!("{{ {key}: [{}] }}", parts.join(", ")))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_suggested_value_makes_the_rule_match(when in condition()) {
            let rule = rule(&when);
            for near in explain(&rule, &event()).near_misses {
                let Some(value) = near.set else { continue };
                let mut changed = event();
                let path = Path::parse(&near.path).expect("a path");
                changed.set(&path, value).expect("a place");
                prop_assert_eq!(judge(&rule, &changed, &mut NoTrace), Truth::True);
            }
        }
    }
}
