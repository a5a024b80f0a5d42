//! The schedules that a rule uses: in its conditions, its gates and its waits.

use std::sync::Arc;

use crate::flow::control::Wait;
use crate::flow::step::{Action, Flow, Step};
use crate::flow::wait_for::WaitFor;
use crate::gate::{Gate, GateKind};
use crate::language::condition::Condition;
use crate::language::operator::Operator;
use crate::rule::Rule;
use crate::schedule::{During, Schedule, ScheduledDuration};

impl Rule {
    /// The schedules that decide whether and when the rule acts, each once, by name.
    pub fn schedules(&self) -> Vec<&Arc<Schedule>> {
        let mut used = Vec::new();
        of_condition(&self.when, &mut used);
        for gate in &self.gates {
            of_gate(gate, &mut used);
        }
        of_flow(&self.flow, &mut used);
        used.sort_by(|a, b| a.name.cmp(&b.name));
        used.dedup_by(|a, b| a.name == b.name);
        used
    }
}

fn of_condition<'r>(condition: &'r Condition, used: &mut Vec<&'r Arc<Schedule>>) {
    for predicate in condition.predicates() {
        if let Operator::During(during) = &*predicate.operator {
            used.push(&during.during().schedule);
        }
    }
}

fn of_duration<'r>(time: &'r ScheduledDuration, used: &mut Vec<&'r Arc<Schedule>>) {
    used.extend(time.during.iter().map(|During { schedule, .. }| schedule));
}

fn of_gate<'r>(gate: &'r Gate, used: &mut Vec<&'r Arc<Schedule>>) {
    of_duration(&gate.window, used);
    match &gate.kind {
        GateKind::During(during) => used.push(&during.schedule),
        GateKind::Debounce { at_most, .. } => {
            if let Some(time) = at_most {
                of_duration(time, used);
            }
        }
        GateKind::Dedupe | GateKind::Throttle { .. } | GateKind::Series(_) => {}
    }
}

fn of_flow<'r>(flow: &'r Flow, used: &mut Vec<&'r Arc<Schedule>>) {
    for step in flow.all_steps() {
        of_step(step, used);
    }
}

fn of_step<'r>(step: &'r Step, used: &mut Vec<&'r Arc<Schedule>>) {
    for inner in step.action.inner_flows() {
        if let Some(condition) = inner.when {
            of_condition(condition, used);
        }
    }
    match &step.action {
        Action::When(condition) => of_condition(condition, used),
        Action::Wait(Wait::For(time)) => of_duration(time, used),
        Action::WaitFor(wait) => of_wait(wait, used),
        // The steps of inner flows are among those of the flow.
        Action::Wait(Wait::Until(_))
        | Action::Call(_)
        | Action::Set(_)
        | Action::Choose(_)
        | Action::Each(_)
        | Action::Flow(_)
        | Action::Succeed(_)
        | Action::Fail(_) => {}
    }
}

fn of_wait<'r>(wait: &'r WaitFor, used: &mut Vec<&'r Arc<Schedule>>) {
    of_duration(&wait.within, used);
    for awaited in wait.events() {
        of_condition(&awaited.when, used);
    }
}
