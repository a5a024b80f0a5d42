//! Which rule of a list came nearest to an event without matching it, in short: why the event matched nothing, or which
//! other rule nearly matched it. A list has many events, so
//! that only the first rules are looked at, and only the nearest ones are explained.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::report::render::explanation::predicate_json;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::language::condition::Predicate;
use flowtrigger_core::language::condition::evaluate::{Truth, evaluate};
use flowtrigger_core::language::condition::trace::{TraceLine, Tracer};
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::rule::Rule;

/// Rules that are looked at for one event.
const MAX_RULES: usize = 200;
/// The nearest ones, which are explained until one can match.
const MAX_EXPLAINED: usize = 3;

/// Why an event matched nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum WhyUnmatched {
    /// No rule that may run listened to it.
    NoListener,
    Closest(Box<ClosestRule>),
}

/// The rule that came nearest to a match.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosestRule {
    pub name: String,
    /// The verdicts of its predicates, in the order of the rule.
    pub verdicts: Vec<Verdict>,
    /// The predicate that stands in the way; of several, the first.
    pub obstacle: TraceLine,
    /// The place of the obstacle.
    pub at: String,
    /// Whether one change makes it match, and something of it holds.
    pub is_near: bool,
}

impl WhyUnmatched {
    /// `None` if it cannot be told: a rule matches the event now, or fields of it were redacted.
    pub fn find(rules: &RuleSet, event: &Event) -> Option<Self> {
        let listening = rules.subscribed(event).into_iter();
        let listening = listening.filter(|rule| rule.mode != Mode::Disabled);
        let mut judged = Vec::new();
        for rule in listening.take(MAX_RULES) {
            let found = ConditionVerdicts::of(rule, event);
            if found.truth == Truth::True {
                return None;
            }
            judged.push((rule, found.verdicts));
        }
        if judged.is_empty() {
            return Some(WhyUnmatched::NoListener);
        }
        judged.sort_by_key(|(_, verdicts)| distance(verdicts));
        let nearest = judged.into_iter().take(MAX_EXPLAINED);
        let mut explained = nearest
            .filter_map(|(rule, verdicts)| ClosestRule::explain(rules, rule, verdicts, event));
        let first = explained.next()?;
        let closest = match first.is_near {
            true => first,
            false => explained.find(|other| other.is_near).unwrap_or(first),
        };
        Some(WhyUnmatched::Closest(Box::new(closest)))
    }

    /// Whether one change to the event makes a rule match.
    pub fn is_near(&self) -> bool {
        match self {
            WhyUnmatched::NoListener => false,
            WhyUnmatched::Closest(closest) => closest.is_near,
        }
    }
}

/// What a rule says of an event.
struct ConditionVerdicts {
    truth: Truth,
    verdicts: Vec<Verdict>,
}

impl ConditionVerdicts {
    fn of(rule: &Rule, event: &Event) -> Self {
        let mut verdicts = VerdictRecorder::default();
        let scope = Scope::new(event, &rule.vars);
        let truth = evaluate(&rule.when, &scope, &mut verdicts);
        Self {
            truth,
            verdicts: verdicts.0,
        }
    }
}

impl ClosestRule {
    /// Of an event that some rules matched, another one that nearly did. `matched` are the rules with runs.
    pub fn beside(rules: &RuleSet, event: &Event, matched: &[&str]) -> Option<Box<Self>> {
        let listening = rules.subscribed(event).into_iter();
        let others = listening
            .filter(|rule| rule.mode != Mode::Disabled && !matched.contains(&rule.name.as_str()));
        let mut judged = Vec::new();
        for rule in others.take(MAX_RULES) {
            let ConditionVerdicts { truth, verdicts } = ConditionVerdicts::of(rule, event);
            if truth != Truth::True && verdicts.contains(&Verdict::Match) {
                judged.push((rule, verdicts));
            }
        }
        judged.sort_by_key(|(_, verdicts)| distance(verdicts));
        let nearest = judged.into_iter().take(MAX_EXPLAINED);
        let mut explained =
            nearest.filter_map(|(rule, verdicts)| Self::explain(rules, rule, verdicts, event));
        explained.find(|closest| closest.is_near).map(Box::new)
    }

    fn explain(
        rules: &RuleSet,
        rule: &Rule,
        verdicts: Vec<Verdict>,
        event: &Event,
    ) -> Option<Self> {
        let mut scratch = MatchScratch::default();
        let evaluation = rules.evaluate_event(event, &mut scratch);
        // A disagreement of index and evaluator is reported where the event itself is explained.
        let explanation = evaluation.explain(rule).ok()?;
        let changes = explanation.near_misses;
        let lines = explanation.trace.lines;
        let in_the_way = |line: &&TraceLine| match changes.first() {
            Some(change) => line.at == change.at,
            None => line.verdict != Verdict::Match,
        };
        let obstacle = lines.iter().find(in_the_way)?.clone();
        let something_holds = verdicts.contains(&Verdict::Match);
        Some(Self {
            name: rule.name.clone(),
            at: rules.files.location(obstacle.at),
            verdicts,
            obstacle,
            is_near: something_holds && !changes.is_empty(),
        })
    }

    pub fn json(&self) -> Value {
        let holding = self.verdicts.iter();
        let holding = holding.filter(|verdict| **verdict == Verdict::Match);
        json!({
            "rule": self.name,
            "predicates": self.verdicts.len(),
            "holding": holding.count(),
            "near": self.is_near,
            "obstacle": predicate_json(&self.obstacle, self.at.clone()),
        })
    }
}

/// Few predicates that fail, then many that hold.
fn distance(verdicts: &[Verdict]) -> (usize, Reverse<usize>) {
    let holding = verdicts.iter();
    let holding = holding.filter(|verdict| **verdict == Verdict::Match);
    let holding = holding.count();
    (verdicts.len() - holding, Reverse(holding))
}

/// Records verdicts alone.
#[derive(Default)]
struct VerdictRecorder(Vec<Verdict>);

impl Tracer for VerdictRecorder {
    const EXHAUSTIVE: bool = true;

    fn verdict(&mut self, predicate: &Predicate, scope: &Scope<'_>) -> Verdict {
        let verdict = predicate.evaluate(scope);
        self.0.push(verdict);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::input;
    use crate::store::history::{PastRevision, RevisionTexts};
    use flowtrigger_core::config::{Config, ConfigSource};

    /// Each rule: its mode and its condition.
    fn why(rules: &[(&str, &str)]) -> Option<WhyUnmatched> {
        let (past, event) = compiled(rules);
        WhyUnmatched::find(&past.rules, &event)
    }

    fn compiled(rules: &[(&str, &str)]) -> (PastRevision, Event) {
        let rules = rules.iter().enumerate().map(|(number, (mode, when))| {
            format!("name: r{number}\nmode: {mode}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n")
        });
        let text = rules.collect::<Vec<_>>().join("---\n");
        let value = json!({"account_id": 1, "input": {"ticket_event": {
            "type": "Priority Changed",
            "meta": {"occurred_at": "2026-03-01T09:00:00Z", "sequence": {"id": "A", "position": 1, "total": 1}},
            "previous": "low",
            "current": "high",
            "ticket": {"id": 7, "tags": ["vip"], "status": "open", "priority": "high"},
        }}});
        let event = input::from_value(value, None, &Config::default()).unwrap();
        let texts = RevisionTexts {
            since: Timestamp::UNIX_EPOCH,
            files: vec![("r.yaml".into(), text)],
            config: ConfigSource::default(),
        };
        let past = PastRevision::compile_all(texts);
        assert!(!past.diagnostics.has_errors(), "{:?}", past.diagnostics);
        (past, event)
    }

    /// The name of the nearest rule, whether it is near, and the path that stands in the way.
    fn closest(rules: &[(&str, &str)]) -> (String, bool, String) {
        match why(rules) {
            Some(WhyUnmatched::Closest(closest)) => {
                (closest.name, closest.is_near, closest.obstacle.path)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_rule_with_the_fewest_obstacles_is_the_nearest() {
        let far = ("live", "{ current: urgent, ticket.status: solved }");
        let near = (
            "live",
            "{ current: high, ticket.status: open, ticket.tags: { has: gold } }",
        );
        assert_eq!(
            closest(&[far, near]),
            ("r1".into(), true, "ticket.tags".into())
        );
        assert_eq!(closest(&[far]), ("r0".into(), false, "current".into()));
    }

    #[test]
    fn a_rule_can_nearly_match_beside_one_that_matches() {
        let (past, event) = compiled(&[
            ("live", "{ current: high }"),
            ("live", "{ current: high, ticket.tags: { has: gold } }"),
            ("live", "{ current: urgent }"),
        ]);
        let beside = |matched: &[&str]| {
            let found = ClosestRule::beside(&past.rules, &event, matched);
            found.map(|closest| closest.name)
        };
        assert_eq!(beside(&["r0"]).as_deref(), Some("r1"));
        assert_eq!(beside(&["r0", "r1"]), None);
    }

    #[test]
    fn one_predicate_alone_is_not_nearly_a_match() {
        let only = ("live", "{ current: urgent }");
        assert_eq!(closest(&[only]), ("r0".into(), false, "current".into()));
    }

    #[test]
    fn without_a_rule_that_may_run_nothing_is_near() {
        assert_eq!(
            why(&[("disabled", "{ current: high }")]),
            Some(WhyUnmatched::NoListener)
        );
        assert_eq!(why(&[("live", "{ current: high }")]), None);
    }
}
