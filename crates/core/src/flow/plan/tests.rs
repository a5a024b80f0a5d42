//! Tests of plans: which values are known before any step has run.

use serde_json::Value;

use super::*;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::sample::sample;
use crate::event::format::decode;
use crate::event::json::parse::parse;
use crate::matching::rule_set::RuleSet;
use crate::run::answer_link::AnswerLinks;

/// The kind of each entry of a plan.
fn kinds(steps: &str) -> Vec<&'static str> {
    let text = format!(
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n{steps}"
    );
    let set = RuleSet::of_text(&text);
    let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
    let value = parse(sample.text.as_bytes()).expect("JSON").value;
    let event = decode(value, Catalogue::built_in()).expect("an event");
    let subject = RunInput {
        event: &event,
        vars: &set.rules[0].vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let at = Timestamp::UNIX_EPOCH;
    let planned = plan(&set.rules[0].flow, &subject, at, &mut |_| None);
    let word = |planned: &PlanStep<'_>| match planned.what {
        PlanStepKind::Call(..) => "call",
        PlanStepKind::Guard { .. } => "guard",
        PlanStepKind::Set(_) => "set",
        PlanStepKind::End(_) => "end",
        PlanStepKind::Later => "later",
        PlanStepKind::Fails(_) => "fails",
        PlanStepKind::Choice { .. } => "choice",
        PlanStepKind::Undecided(_) => "undecided",
        PlanStepKind::Items(_) => "items",
        PlanStepKind::More => "more",
        PlanStepKind::Wait { .. } => "wait",
        PlanStepKind::WaitFor { .. } => "wait_for",
        PlanStepKind::Otherwise => "otherwise",
        PlanStepKind::Decided(_) => "decided",
        PlanStepKind::Enters(_) => "enters",
        PlanStepKind::Caught(_) => "caught",
        PlanStepKind::Stops(_) => "stops",
    };
    planned.iter().map(word).collect()
}

const ORG: &str = "- { name: org, http: { url: 'https://a.example' } }\n";

#[test]
fn steps_that_read_a_result_are_not_known_yet() {
    for step in [
        "- { when: { steps.org.status: 200 } }",
        "- { when: { current: { path: steps.org.body.priority } } }",
        "- { when: { current: { not: { contains: [{ path: steps.org.body.priority }] } } } }",
        "- { set: '{{ steps.org.body.name }}' }",
        "- { set: '{{ steps.org.body.name | default(7) }}' }",
        "- { exec: [page, '{{ steps.org.body.name | default(7) }} x'] }",
        "- { set: { jq: '.steps.org.body.items[] | .id' } }",
        "- { set: { jq: '[.ticket.id, .steps.org.status]' } }",
        "- { set: { jq: '.steps | keys' } }",
        "- { set: { jq: '.a', input: '{{ steps.org.body }}' } }",
    ] {
        let steps = format!("{ORG}{step}\n- {{ succeed: done }}\n");
        assert_eq!(kinds(&steps), ["call", "later", "end"], "{step}");
    }
    // A program that reads only the event can be run.
    let steps = format!("{ORG}- {{ set: {{ jq: .ticket.id }} }}\n- {{ succeed: done }}\n");
    assert_eq!(kinds(&steps), ["call", "call", "end"]);
}

#[test]
fn set_values_are_known_and_a_guard_ends_the_plan() {
    let steps = "- { name: v, set: { a: 1 } }\n- { when: { steps.v.a: 1 } }\n- { when: { steps.v.a: 2 } }\n- { exec: [a] }\n";
    assert_eq!(kinds(steps), ["set", "guard", "guard"]);
}
