//! Lists what a run waits for from its start on: one waiter for each awaited event of its flow.

use std::sync::Arc;

use crate::diagnostic::Span;
use crate::event::Event;
use crate::event::type_pattern::TypePattern;
use crate::flow::step::Flow;
use crate::flow::wait_for::{AwaitedEvent, WaitFor};

/// An awaited event with its location in the flow.
#[derive(Debug, Clone, Copy)]
pub struct LocatedAwaitedEvent<'f> {
    /// Its number in the step, from 1.
    pub number: u32,
    pub awaited: &'f AwaitedEvent,
}

/// A `wait_for` with its path in the flow.
#[derive(Debug, Clone)]
pub struct LocatedWaitFor<'f> {
    pub step_path: String,
    pub at: Span,
    pub wait: &'f WaitFor,
}

/// An event that a run waits for, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWaiter {
    /// The step's path in the flow.
    pub step: String,
    /// The number of the awaited event in the step, from 1.
    pub number: u32,
    pub event_source: String,
    pub event_types: Arc<[TypePattern]>,
    /// The path in the awaited event whose value is compared.
    pub path: String,
    /// The value that it must have, one of [`awaited_values`](crate::flow::wait_for::awaited_values).
    pub value: String,
}

impl WaitFor {
    /// The awaited events with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = LocatedAwaitedEvent<'_>> {
        let events = self.events().iter().zip(1..);
        events.map(|(awaited, number)| LocatedAwaitedEvent { number, awaited })
    }
}

impl Flow {
    /// All steps that wait for events or an answer, nested ones included.
    pub fn waits_for(&self) -> Vec<LocatedWaitFor<'_>> {
        let steps = self.steps_with_paths().into_iter();
        let waits = steps.filter_map(|located| {
            Some(LocatedWaitFor {
                step_path: located.path,
                at: located.step.at,
                wait: located.step.action.wait_for()?,
            })
        });
        waits.collect()
    }

    /// Whether a run of it may wait for events or an answer.
    pub fn has_wait_for(&self) -> bool {
        let steps = self.all_steps();
        steps.iter().any(|step| step.action.wait_for().is_some())
    }

    /// The awaited event of a step by its number, from 1.
    pub fn awaited_event(&self, step_path: &str, number: u32) -> Option<&AwaitedEvent> {
        let mut waits = self.waits_for().into_iter();
        let wait = waits.find(|wait| wait.step_path == step_path)?;
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        wait.wait.events().get(index)
    }

    /// What a run for the event waits for. An awaited event is left out if the event of the run has no value to compare.
    pub fn waiters_of(&self, event: &Event) -> Vec<PlannedWaiter> {
        let mut planned = Vec::new();
        for located in self.waits_for() {
            for LocatedAwaitedEvent { number, awaited } in located.wait.numbered() {
                let Some(value) = awaited.value_of_run(event) else {
                    continue;
                };
                planned.push(PlannedWaiter {
                    step: located.step_path.clone(),
                    number,
                    event_source: awaited.event_source.clone(),
                    event_types: Arc::clone(&awaited.event_types),
                    path: awaited.same.this.text.clone(),
                    value,
                });
            }
        }
        planned
    }
}
