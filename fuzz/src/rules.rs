//! Fuzzes rule files with any text.
//! Rules that load are evaluated for every sample event, and those that match are planned and simulated. The
//! index and the evaluator must agree.

use std::collections::BTreeMap;

use flowtrigger_core::event::Event;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::plan::{MAX_PLANNED_STEPS, plan};
use flowtrigger_core::flow::simulate::simulate;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::answer_link::AnswerLinks;
use jiff::Timestamp;
use serde_json::Value;

use super::rulebook::{EVENTS, agree, load, text};

/// A file of rules.
pub fn rules(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let (set, _) = load(text);
    evaluate_samples(&set);
    for (_, _, event) in EVENTS.iter() {
        let mut scratch = MatchScratch::default();
        for rule in set.evaluate_event(event, &mut scratch).matched().take(4) {
            plan_and_simulate(rule, event);
        }
    }
}

/// Evaluates every sample event with these rules.
pub fn evaluate_samples(set: &RuleSet) {
    let mut scratch = MatchScratch::default();
    if set.rules.is_empty() {
        return;
    }
    for (bytes, hint, event) in EVENTS.iter() {
        agree(set, bytes, *hint, event, &mut scratch);
    }
}

/// Plans and simulates the flow of a rule that matched.
fn plan_and_simulate(rule: &Rule, event: &Event) {
    let subject = RunInput {
        event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let planned = plan(&rule.flow, &subject, Timestamp::UNIX_EPOCH, &mut |_| None);
    assert!(planned.len() <= MAX_PLANNED_STEPS);
    let now = event.time.unwrap_or_default();
    simulate(&rule.flow, &subject, &BTreeMap::new(), now, &mut |_| None);
}
