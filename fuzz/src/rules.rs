//! Rule files, for any text: what loads is judged, planned and rehearsed for every sample event, with the
//! index and the evaluator of one mind.

use std::collections::BTreeMap;

use flowtrigger_core::event::Event;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::plan::{MAX_PLANNED_STEPS, plan};
use flowtrigger_core::flow::simulate::rehearse;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::rule::Rule;
use jiff::Timestamp;
use serde_json::Value;

use super::house::{EVENTS, agree, load, text};

/// A file of rules.
pub fn rules(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let (set, _) = load(text);
    judged(&set);
    for (_, _, event) in EVENTS.iter() {
        let mut scratch = MatchScratch::default();
        for rule in set.evaluate_event(event, &mut scratch).matched().take(4) {
            rehearsed(rule, event);
        }
    }
}

/// Every sample event by these rules.
pub fn judged(set: &RuleSet) {
    let mut scratch = MatchScratch::default();
    if set.rules.is_empty() {
        return;
    }
    for (bytes, told, event) in EVENTS.iter() {
        agree(set, bytes, *told, event, &mut scratch);
    }
}

/// The flow of a rule that matched, as a plan and with every step answered.
fn rehearsed(rule: &Rule, event: &Event) {
    let subject = RunInput {
        event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "",
    };
    let planned = plan(&rule.flow, &subject, Timestamp::UNIX_EPOCH, &mut |_| None);
    assert!(planned.len() <= MAX_PLANNED_STEPS);
    let now = event.time.unwrap_or_default();
    rehearse(&rule.flow, &subject, &BTreeMap::new(), now, &mut |_| None);
}
