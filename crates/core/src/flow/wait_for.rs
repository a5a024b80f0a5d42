//! The step `wait_for`: the events or the answer that it waits for, and how an event is compared with it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::diagnostic::Span;
use crate::event::Event;
use crate::event::type_pattern::TypePattern;
use crate::flow::step::Flow;
use crate::language::condition::Condition;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::Trace;
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};
use crate::schedule::ScheduledDuration;

/// Waits for the first of several events, or for the answer of a person.
#[derive(Debug, Clone)]
pub struct WaitFor {
    pub awaited: Awaited,
    /// How long it waits, counted from when the step begins.
    pub within: ScheduledDuration,
    /// How much longer late events are accepted that happened in time. Zero for answers.
    pub grace: Duration,
    /// The steps that run if nothing came.
    pub otherwise: Option<Flow>,
}

#[derive(Debug, Clone)]
pub enum Awaited {
    Events(Vec<AwaitedEvent>),
    Answer(AnswerChoices),
}

/// The answers that a person can give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerChoices {
    pub answers: Vec<String>,
    /// What the page of the link asks.
    pub question: Option<String>,
}

/// An event that a `wait_for` waits for.
#[derive(Debug, Clone)]
pub struct AwaitedEvent {
    pub at: Span,
    pub event_source: String,
    pub event_types: Arc<[TypePattern]>,
    pub same: SameValue,
    /// The condition on the awaited event.
    pub when: Condition,
    /// `vars.…` of the condition.
    pub vars: Arc<Value>,
}

/// The value that the event of the run and the awaited event have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct SameValue {
    /// Its path in the awaited event.
    pub this: Arc<Path>,
    /// Its path in the event of the run.
    pub run: Arc<Path>,
}

/// What decided a `wait_for`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwaitedOutcome {
    /// The awaited event with this number, from 1.
    Arrived(u32),
    Answered(String),
    Expired,
}

/// The times by which an event is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalTimes {
    /// When the event happened; when it was received, if it does not say so.
    pub happened: Timestamp,
    /// When the event of the run happened.
    pub since: Timestamp,
    /// The end of the wait, without the grace. `None` if the step has not begun.
    pub deadline: Option<Timestamp>,
}

/// Whether an event is the one that a run waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrivalVerdict {
    Match,
    /// It happened before the event of the run.
    TooEarly,
    /// It happened after the end of the wait.
    TooLate,
    /// Its condition is not true.
    NoMatch(Trace),
}

impl WaitFor {
    /// The events that it waits for; none if it waits for an answer.
    pub fn events(&self) -> &[AwaitedEvent] {
        match &self.awaited {
            Awaited::Events(events) => events,
            Awaited::Answer(_) => &[],
        }
    }

    /// The answer that it waits for.
    pub fn answer(&self) -> Option<&AnswerChoices> {
        match &self.awaited {
            Awaited::Events(_) => None,
            Awaited::Answer(choices) => Some(choices),
        }
    }
}

impl AwaitedEvent {
    /// Whether the event has the awaited source and type.
    pub fn covers(&self, event: &Event) -> bool {
        let mut types = self.event_types.iter();
        self.event_source == event.source && types.any(|known| known.covers(&event.event_type))
    }

    /// Compares an event with the same value; its source and type are those that are awaited.
    pub fn compare(&self, event: &Event, times: ArrivalTimes) -> ArrivalVerdict {
        if times.happened < times.since {
            return ArrivalVerdict::TooEarly;
        }
        if times
            .deadline
            .is_some_and(|deadline| times.happened > deadline)
        {
            return ArrivalVerdict::TooLate;
        }
        let mut trace = Trace::default();
        match evaluate(&self.when, &Scope::new(event, &self.vars), &mut trace) {
            Truth::True => ArrivalVerdict::Match,
            Truth::False | Truth::Unknown => ArrivalVerdict::NoMatch(trace),
        }
    }

    /// What the value must be in an awaited event, given the event of the run. `None` if it has none: then no event
    /// ever matches.
    pub fn value_of_run(&self, event: &Event) -> Option<String> {
        let value = value_at(&self.same.run, event)?;
        Some(match self.event_source == event.source {
            true => event.scoped(value),
            false => at_any_endpoint(&value),
        })
    }
}

/// The values under which runs may wait for an event: as one of its endpoint, and of any endpoint. None if the path has
/// no value.
pub fn awaited_values(this: &Path, event: &Event) -> Vec<String> {
    let value = value_at(this, event);
    value.map_or_else(Vec::new, |value| {
        let any = at_any_endpoint(&value);
        vec![event.scoped(value), any]
    })
}

/// A value that is compared with events of another source, whose endpoints have other names.
fn at_any_endpoint(value: &str) -> String {
    format!("{value} at *")
}

/// The value at a path as text. Null is no value.
fn value_at(path: &Path, event: &Event) -> Option<String> {
    match path.resolve(&Scope::new(event, &Value::Null)) {
        Resolved::Absent | Resolved::One(Value::Null) => None,
        Resolved::One(value) => Some(value.to_string()),
        Resolved::Many(values) if values.is_empty() => None,
        Resolved::Many(values) => Some(Value::Array(values).to_string()),
    }
}
