//! What a test expects of a run so that another run fails it: only the parts in which the two differ.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::report::rule_test::mutants::suggest::flow::is_nothing;
use crate::report::rule_test::sent_calls::SentCalls;
use crate::report::rule_test::step_names::FlowSteps;
use flowtrigger_core::config::Config;
use flowtrigger_core::flow::simulate::Simulation;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunState;

/// The keys `steps`, `attempts`, `ends` and `guard` of a test that the first run passes and the second one fails; empty if
/// no test can see a difference.
pub fn difference(
    rule: &Rule,
    run: &Simulation,
    other: &Simulation,
    config: &Config,
) -> Map<String, Value> {
    let steps = FlowSteps::new(&rule.flow);
    let mut expected = Map::new();
    let (sent, sent_otherwise) = (sent(run, &steps, config), sent(other, &steps, config));
    let mut differing = Map::new();
    for (step, call) in &sent {
        match sent_otherwise.get(step) {
            Some(other) if other == call => {}
            Some(other) => drop(differing.insert(step.clone(), part(call, other))),
            None => drop(differing.insert(step.clone(), without_input(call))),
        }
    }
    for step in sent_otherwise
        .keys()
        .filter(|step| !sent.contains_key(*step))
    {
        differing.insert(step.clone(), "not sent".into());
    }
    if !differing.is_empty() {
        expected.insert("steps".into(), differing.into());
    } else {
        let attempts = attempts(run, other);
        if !attempts.is_empty() {
            expected.insert("attempts".into(), attempts.into());
        }
    }
    let (state, other_state) = (run.state.as_str(), other.state.as_str());
    let is_dead = matches!(run.state, RunState::Dead { .. });
    if state != other_state || is_dead && !expected.is_empty() {
        expected.insert("ends".into(), state.into());
    }
    if let Some(guard) = run.guard.as_ref().filter(|_| run.guard != other.guard) {
        expected.shift_remove("ends");
        expected.insert("guard".into(), guard.as_str().into());
    }
    expected
}

fn sent(run: &Simulation, steps: &FlowSteps<'_>, config: &Config) -> Map<String, Value> {
    let calls = SentCalls {
        calls: &run.calls,
        exchanges: &[],
        config,
        different: RefCell::default(),
    };
    let mut sent = calls.by_step(steps);
    for (key, written) in &mut sent {
        let mut named = run.calls.iter();
        let Some(call) = named.find(|call| call.name == *key || call.step == *key) else {
            continue;
        };
        let whole = call.call.to_json();
        for part in ["headers", "env"] {
            if let Some(value) = whole.get(part).filter(|value| !is_nothing(value)) {
                written[part] = value.clone();
            }
        }
    }
    sent
}

/// A call without headers, environment and standard input: of a step that is missing, less is enough.
fn without_input(call: &Value) -> Value {
    let mut call = call.clone();
    if let Some(entries) = call.as_object_mut().filter(|entries| entries.len() > 1) {
        for key in ["headers", "env", "stdin"] {
            entries.shift_remove(key);
        }
    }
    call
}

/// The parts of a call that differ in another one.
fn part(call: &Value, other: &Value) -> Value {
    let (Value::Object(entries), Value::Object(others)) = (call, other) else {
        return call.clone();
    };
    let mut differing = Map::new();
    for (key, value) in entries {
        let part = match others.get(key) {
            Some(other) if other == value => continue,
            Some(other) => part(value, other),
            None => value.clone(),
        };
        differing.insert(key.clone(), part);
    }
    let differing = Value::Object(differing);
    match is_nothing(&differing) {
        true => call.clone(),
        false => differing,
    }
}

/// The number of attempts of each step that differs.
fn attempts(run: &Simulation, other: &Simulation) -> Map<String, Value> {
    let count = |run: &Simulation| {
        let mut counts = BTreeMap::<String, u64>::new();
        for call in &run.calls {
            *counts.entry(call.name.clone()).or_default() += 1;
        }
        counts
    };
    let (own, other) = (count(run), count(other));
    let differing = own
        .iter()
        .filter(|(step, count)| other.get(*step) != Some(*count));
    differing
        .map(|(step, count)| (step.clone(), (*count).into()))
        .collect()
}
