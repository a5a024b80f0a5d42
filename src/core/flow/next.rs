//! The one decision of a run: what follows from its flow, its event and its log.
//! It performs nothing and remembers nothing; with the same log it answers the same, so a run that
//! was cut off anywhere goes on where its log ends.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::core::flow::call::Call;
use crate::core::flow::step::Flow;
use crate::core::flow::walk::{Due, End, Halt, Memory, Walk};
use crate::core::matching::trace::Trace;
use crate::core::run::Line;

/// What a run is about and what it was told by its rule; the same from its first move to its last.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub event: &'a Event,
    /// `vars.…` of the rule.
    pub vars: &'a Value,
    /// `error.…`: what went wrong before, in a flow that runs for that reason. Null in any other.
    pub error: &'a Value,
    /// What was given a name before the flow began: the `events` that a gate gathered. An object, or
    /// null where there is none.
    pub locals: &'a Value,
    /// Spreads the waits of different runs; the same for every move of one run.
    pub seed: &'a str,
}

/// Something to do outside, and the place in the flow that wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The step's place in the flow.
    pub step: String,
    /// The step's name alone.
    pub name: String,
    /// Which try this is; counts from 1.
    pub number: u32,
    pub call: Call,
    /// It must not run twice: that it starts is to be in the log before it does.
    pub announce: bool,
}

impl Task {
    /// Whether it is meant by what an author calls a step: its name, or its place in the flow.
    pub fn is_called(&self, said: &str) -> bool {
        self.name == said || self.step == said
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Perform these, each at most once at a time, and append their attempts as they end. They may be
    /// under way together; what is under way already is among them.
    Perform {
        tasks: Vec<Task>,
        /// Ask again then, even if none has ended.
        wake: Option<Timestamp>,
    },
    /// Append this line: the step needs nothing from outside, or not yet.
    Record(Line),
    /// Ask again then: a failed step is tried again.
    Retry {
        until: Timestamp,
    },
    /// Ask again then: nothing is to be done before, and no other run need wait for this one.
    Wait {
        until: Timestamp,
    },
    /// A guard did not hold.
    Skipped {
        why: String,
        trace: Trace,
    },
    Done {
        message: Option<String>,
    },
    Dead {
        why: String,
    },
    /// A person must decide.
    Hold {
        why: String,
    },
}

pub fn next(flow: &Flow, subject: &Subject<'_>, log: &[Line], now: Timestamp) -> Move {
    let mut walk = Walk::new(*subject, log, now);
    match walk.run(flow) {
        Ok(End::Finished(_)) => Move::Done {
            message: caught(flow, log),
        },
        Ok(End::Succeeded { message }) => Move::Done { message },
        Ok(End::Skipped { why, trace }) => Move::Skipped { why, trace },
        Ok(End::Failed(fault)) => Move::Dead { why: fault.why },
        Err(Halt::Record(line)) => Move::Record(*line),
        Err(Halt::Hold { why }) => Move::Hold { why },
        Err(Halt::Exceeded { why }) => Move::Dead { why },
        Err(Halt::Stops | Halt::Asks(_)) => pending(walk.tasks, &walk.waits),
    }
}

/// What the run did not die of, because the catch of its flow saw to it.
fn caught(flow: &Flow, log: &[Line]) -> Option<String> {
    flow.catch.as_ref()?;
    log.iter().find_map(|line| match line {
        Line::Caught { step, error, .. } if step == "catch" => {
            let message = error["message"].as_str().unwrap_or_default();
            Some(format!("caught: {message}"))
        }
        Line::Caught { .. }
        | Line::Started { .. }
        | Line::Waiting { .. }
        | Line::Attempt(_)
        | Line::Revived { .. }
        | Line::Claimed { .. } => None,
    })
}

fn pending(tasks: Vec<Task>, waits: &[Due]) -> Move {
    let first = waits.iter().map(|due| due.at()).min();
    let retries = waits.iter().any(|due| matches!(due, Due::Retry(_)));
    match (tasks.is_empty(), first) {
        (true, Some(until)) if retries => Move::Retry { until },
        (true, Some(until)) => Move::Wait { until },
        (_, wake) => Move::Perform { tasks, wake },
    }
}

/// The line that whoever takes a run up adds to its log: what the run waited for is over, whatever the
/// clock says now.
pub fn taken_up(flow: &Flow, subject: &Subject<'_>, log: &[Line]) -> Line {
    let over = match next(flow, subject, log, Timestamp::MIN) {
        Move::Retry { until } | Move::Wait { until } => Some(until),
        Move::Perform { .. }
        | Move::Record(_)
        | Move::Skipped { .. }
        | Move::Done { .. }
        | Move::Dead { .. }
        | Move::Hold { .. } => None,
    };
    Line::Claimed { over }
}

impl<'a> Subject<'a> {
    /// What a flow knows at its beginning.
    pub(super) fn memory(&self, flow: &Flow) -> Memory<'a> {
        Memory {
            event: self.event,
            vars: Cow::Borrowed(self.vars),
            error: Cow::Borrowed(self.error),
            steps: Value::Object(Map::new()),
            locals: self.locals.clone(),
            document: match flow.is_of_bundle() {
                true => self.event.document(),
                false => Value::Null,
            },
            unknown: Vec::new(),
        }
    }
}
