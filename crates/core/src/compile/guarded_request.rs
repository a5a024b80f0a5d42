//! Finds the requests of a rule, each with the conditions that hold when it is sent.

use crate::flow::call::HttpTemplate;
use crate::flow::step::{Action, Flow, Step};
use crate::language::condition::Condition;
use crate::rule::Rule;

/// A request of a rule.
#[derive(Debug)]
pub struct GuardedRequest<'f> {
    pub step: &'f Step,
    pub http: &'f HttpTemplate,
    /// The condition of the rule, of guards before the step, and of the branches around it.
    pub guards: Vec<&'f Condition>,
}

/// Returns the requests of a rule's flow. None for a bundle: the order of its states does not show which conditions
/// hold at a state.
pub fn guarded_requests(rule: &Rule) -> Vec<GuardedRequest<'_>> {
    let mut requests = Vec::new();
    if !rule.flow.is_from_bundle() {
        visit_flow(&rule.flow, vec![&rule.when], &mut requests);
    }
    requests
}

fn visit_flow<'f>(
    flow: &'f Flow,
    mut guards: Vec<&'f Condition>,
    requests: &mut Vec<GuardedRequest<'f>>,
) {
    for step in &flow.steps {
        visit_step(step, &mut guards, requests);
    }
    if let Some(caught) = &flow.catch {
        visit_flow(caught, guards, requests);
    }
}

fn visit_step<'f>(
    step: &'f Step,
    guards: &mut Vec<&'f Condition>,
    requests: &mut Vec<GuardedRequest<'f>>,
) {
    if let Action::When(guard) = &step.action {
        guards.push(guard);
    }
    if let Some(http) = step.action.request() {
        requests.push(GuardedRequest {
            step,
            http,
            guards: guards.clone(),
        });
    }
    for inner in step.action.inner_flows() {
        if !inner.flow.is_from_bundle() {
            let mut guards = guards.clone();
            guards.extend(inner.when);
            visit_flow(inner.flow, guards, requests);
        }
    }
    // The target of a bundle's catcher is a step of the flow and is visited there.
    if let Some(caught) = step.catch.as_ref().and_then(|catch| catch.then.flow()) {
        visit_flow(caught, guards.clone(), requests);
    }
}
