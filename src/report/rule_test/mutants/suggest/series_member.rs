//! Finds the events of a test with several: one for each step of a sequence, and one that ends a wait. Those for which the rule
//! and the mutant differ come first.

use std::sync::Arc;

use serde_json::Value;

use crate::report::rule_test::mutants::suggest::base_event::{BaseEvent, of_pattern};
use crate::report::rule_test::run_test::TestRunner;
use flowtrigger_core::flow::simulate::Mock;
use flowtrigger_core::flow::wait_for::{AwaitedEvent, WaitFor};
use flowtrigger_core::gate::GateKind;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::mutation::difference::FieldDifference;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::{Path, Resolved};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::sequence_step::SequenceStep;

/// Events that are tried as the only one that starts a run.
const MAX_TRIGGERS: usize = 2;

/// The events of one test.
pub struct SeriesEvents {
    /// Those that start the run.
    pub triggering: Vec<BaseEvent>,
    /// The one that comes while the run waits.
    pub awaited: Option<BaseEvent>,
}

/// What events are searched for.
pub struct MemberSearch<'s> {
    pub runner: &'s TestRunner<'s>,
    pub rule: &'s Arc<Rule>,
    pub mutant: &'s Arc<Rule>,
    pub bases: &'s [BaseEvent],
}

impl MemberSearch<'_> {
    /// The events of the tests to try.
    pub fn series(&self) -> Vec<SeriesEvents> {
        let triggers = match (&self.rule.sequence, &self.mutant.sequence) {
            (Some(steps), Some(changed)) => self.sequences(steps, changed),
            _ => {
                let matching = self.bases.iter().filter(|base| base.matches(self.rule));
                let matching = matching.take(MAX_TRIGGERS);
                matching.map(|base| vec![without_arrivals(base)]).collect()
            }
        };
        let alone = triggers.iter().map(|triggering| SeriesEvents {
            triggering: triggering.clone(),
            awaited: None,
        });
        let mut all: Vec<SeriesEvents> = alone.collect();
        for triggering in triggers {
            let awaited = triggering.last().map(|last| self.awaited(last));
            all.extend(awaited.unwrap_or_default().into_iter().map(|awaited| {
                let triggering = triggering.clone();
                SeriesEvents {
                    triggering,
                    awaited: Some(awaited),
                }
            }));
        }
        all
    }

    /// An event for each step of a sequence: with one that only the rule or only the mutant takes for its step, of all steps,
    /// and without one of them.
    fn sequences(&self, steps: &[SequenceStep], changed: &[SequenceStep]) -> Vec<Vec<BaseEvent>> {
        let plain: Option<Vec<BaseEvent>> =
            steps.iter().map(|step| self.of_step(step, None)).collect();
        let Some(plain) = plain else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if steps.len() == changed.len() {
            for (number, (step, changed)) in steps.iter().zip(changed).enumerate() {
                if let Some(different) = self.of_step(step, Some(changed)) {
                    let mut events = plain.clone();
                    events[number] = different;
                    all.push(events);
                }
            }
        }
        all.push(plain.clone());
        for number in (0..plain.len()).filter(|_| plain.len() > 1) {
            let mut events = plain.clone();
            events.remove(number);
            all.push(events);
        }
        let aligned = all.into_iter().map(|events| self.with_same_value(events));
        aligned.collect()
    }

    /// An event that one of the steps takes, and the other one does not.
    fn of_step(&self, step: &SequenceStep, other: Option<&SequenceStep>) -> Option<BaseEvent> {
        let condition = |step: Option<&SequenceStep>, base: &BaseEvent| {
            let mut types = step.iter().flat_map(|step| step.types.iter());
            let is_of_type = types.any(|of| of.covers(&base.event.event_type));
            let when = step.filter(|_| is_of_type).map(|step| step.when.clone());
            when.unwrap_or(Condition::Any(Vec::new()))
        };
        self.bases.iter().find_map(|base| {
            let (one, other) = (condition(Some(step), base), condition(other, base));
            self.changed(base, &one, &other, &self.rule.vars)
        })
    }

    /// The events with the same value at the path by which a sequence groups them.
    fn with_same_value(&self, events: Vec<BaseEvent>) -> Vec<BaseEvent> {
        let mut gates = self.rule.gates.iter();
        let series = gates.find(|gate| matches!(gate.kind, GateKind::Series(_)));
        let Some(path) = series.and_then(|gate| gate.per.as_ref()) else {
            return events;
        };
        let Some(value) = events.first().and_then(|first| value_at(path, first)) else {
            return events;
        };
        let events = events.into_iter();
        let same = events.map(|event| self.with_value(&event, path, &value).unwrap_or(event));
        same.collect()
    }

    fn with_value(&self, base: &BaseEvent, path: &Arc<Path>, value: &Value) -> Option<BaseEvent> {
        if value_at(path, base).as_ref() == Some(value) {
            return Some(base.clone());
        }
        let change = FieldDifference {
            path: Arc::clone(path),
            value: value.clone(),
        };
        base.with(&[change], self.runner)
    }

    /// Events that a run waits for, those that only the rule or only the mutant takes first.
    fn awaited(&self, trigger: &BaseEvent) -> Vec<BaseEvent> {
        let changed = self.mutant.flow.waits_for();
        let (mut differing, mut plain) = (Vec::new(), Vec::new());
        for located in self.rule.flow.waits_for() {
            let mut same = changed.iter();
            let other = same.find(|other| other.step_path == located.step_path);
            let other = other.map(|other| other.wait);
            for base in self.possible(located.wait, other, trigger) {
                let vars = located.wait.events().first().map(|awaited| &awaited.vars);
                let vars = vars.unwrap_or(&self.rule.vars);
                let one = ends_wait(Some(located.wait), &base);
                let changed = ends_wait(other, &base);
                differing.extend(self.changed(&base, &one, &changed, vars));
                let never = Condition::Any(Vec::new());
                plain.extend(self.changed(&base, &one, &never, vars));
            }
        }
        differing.extend(plain);
        differing
    }

    /// Samples of the awaited types, with the value that the event of the run has.
    fn possible(
        &self,
        wait: &WaitFor,
        other: Option<&WaitFor>,
        trigger: &BaseEvent,
    ) -> Vec<BaseEvent> {
        let others = other.map(WaitFor::events).unwrap_or_default();
        let awaited = wait.events().iter().chain(others);
        let own = awaited.filter(|awaited| awaited.event_source == self.rule.event_source);
        let mut found: Vec<BaseEvent> = Vec::new();
        for awaited in own {
            let samples = awaited.event_types.iter();
            let samples = samples.flat_map(|of| of_pattern(of, self.rule, self.runner));
            for sample in samples {
                let is_known = |known: &BaseEvent| known.written == sample.written;
                let Some(value) = value_at(&awaited.same.run, trigger) else {
                    continue;
                };
                let same = self.with_value(&sample, &awaited.same.this, &value);
                found.extend(same.filter(|_| !found.iter().any(is_known)));
            }
        }
        found
    }

    fn changed(
        &self,
        base: &BaseEvent,
        one: &Condition,
        other: &Condition,
        vars: &Value,
    ) -> Option<BaseEvent> {
        let changes = base.difference(one, other, vars, self.runner)?;
        base.with(&changes, self.runner)
    }
}

/// The event without the mocks of what comes: here, events come.
fn without_arrivals(base: &BaseEvent) -> BaseEvent {
    let mut base = base.clone();
    base.mocks.retain(|_, replies| {
        let mut replies = replies.iter();
        !replies.any(|reply| matches!(reply, Mock::Arrives { .. }))
    });
    base
}

/// Holds for the events of this type that end a wait.
fn ends_wait(wait: Option<&WaitFor>, base: &BaseEvent) -> Condition {
    let awaited = wait.map(WaitFor::events).unwrap_or_default().iter();
    let of_type = awaited.filter(|awaited: &&AwaitedEvent| awaited.covers(&base.event));
    Condition::Any(of_type.map(|awaited| awaited.when.clone()).collect())
}

fn value_at(path: &Path, base: &BaseEvent) -> Option<Value> {
    match path.resolve(&Scope::new(&base.event, &Value::Null)) {
        Resolved::One(value) if !value.is_null() => Some(value.clone()),
        Resolved::One(_) | Resolved::Many(_) | Resolved::Absent => None,
    }
}
