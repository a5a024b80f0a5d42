//! Finds the predicates that alone keep a rule from matching an event. Cheaper than an explanation: it looks for no value
//! with which the rule would match, so that thousands of events can be searched.

use crate::event::Event;
use crate::language::condition::evaluate::Truth;
use crate::language::condition::trace::TraceLine;
use crate::language::operator::Verdict;
use crate::matching::explain::{trace, would_match};
use crate::rule::Rule;

/// The outcome of a rule's condition for one event.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionOutcome {
    pub truth: Truth,
    /// Each of these predicates alone keeps the rule from matching. Empty if the rule matches or if more than one
    /// predicate is in the way.
    pub obstacles: Vec<Obstacle>,
}

/// A failing predicate without which the rule would match.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    /// Its number among the predicates of the rule, from 0.
    pub number: usize,
    pub line: TraceLine,
}

/// Evaluates a rule's condition, and returns the predicates that alone are in the way.
pub fn condition_outcome(rule: &Rule, event: &Event) -> ConditionOutcome {
    let (truth, trace) = trace(rule, event);
    let mut obstacles = Vec::new();
    if truth != Truth::True {
        for (number, line) in trace.lines.iter().enumerate() {
            if line.verdict != Verdict::Match && would_match(rule, event, &trace, number) {
                obstacles.push(Obstacle {
                    number,
                    line: line.clone(),
                });
            }
        }
    }
    ConditionOutcome { truth, obstacles }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::format::decode;
    use crate::matching::rule_set::RuleSet;

    /// The paths of the predicates in the way of a rule, for an event whose priority is high.
    fn obstacles(when: &str) -> Vec<String> {
        let rules = RuleSet::of_text(&format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        ));
        let value = json!({"account_id": 1, "input": {"ticket_event": {
            "type": "Priority Changed",
            "meta": {"occurred_at": "2026-03-01T09:00:00Z", "sequence": {"id": "A", "position": 1, "total": 1}},
            "previous": "low", "current": "high",
            "ticket": {"id": 7, "tags": ["vip"], "status": "open"},
        }}});
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let outcome = condition_outcome(&rules.rules[0], &event);
        let obstacles = outcome.obstacles.into_iter();
        obstacles.map(|obstacle| obstacle.line.path).collect()
    }

    #[test]
    fn only_a_predicate_that_alone_is_in_the_way_is_an_obstacle() {
        for (when, expected) in [
            ("{ current: high }", &[][..]),
            ("{ current: urgent, previous: low }", &["current"]),
            ("{ current: urgent, previous: high }", &[]),
            ("{ ticket.subject: VIP }", &["ticket.subject"]),
            (
                "{ any: [{ current: urgent }, { ticket.status: solved }] }",
                &["current", "ticket.status"],
            ),
            ("{ current: { not: high } }", &["current"]),
        ] {
            assert_eq!(obstacles(when), expected, "{when}");
        }
    }
}
