//! Decides what a run does next, from its flow, its event and its log.
//! A pure function of these: after an interruption at any point, a run continues where its log ends.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::event::Event;
use crate::flow::call::Call;
use crate::flow::step::Flow;
use crate::flow::walk::{Due, End, Halt, Walk};
use crate::flow::walk::variables::Memory;
use crate::language::condition::trace::Trace;
use crate::run::Line;

/// The input of a run. It does not change during the run.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub event: &'a Event,
    /// `vars.…` of the rule.
    pub vars: &'a Value,
    /// `error.…`: the failure that an `on_dead` flow handles. Null in any other flow.
    pub error: &'a Value,
    /// Names defined before the flow starts: the `events` that a debounce collected. An object, or null.
    pub locals: &'a Value,
    /// The seed of the retry jitter. Different for each run, the same for all decisions of one run.
    pub seed: &'a str,
}

/// A call to execute, with the step that makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The step's path in the flow.
    pub step: String,
    /// The step's name.
    pub name: String,
    /// The number of the attempt, from 1.
    pub number: u32,
    pub call: Call,
    /// The call must not run twice: its start must be in the log before it starts.
    pub announce: bool,
}

impl Task {
    /// Whether a rule test means this call: by the step's name or by its path in the flow.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.step == name
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Execute these calls, each at most once at a time, and append their attempts when they end. They
    /// may run concurrently. Calls that are already running are included.
    Perform {
        tasks: Vec<Task>,
        /// Decide again at this time, even if no call has ended.
        wake: Option<Timestamp>,
    },
    /// Append this log entry, then decide again.
    Record(Line),
    /// Decide again at this time: a failed step is due for another attempt.
    Retry {
        until: Timestamp,
    },
    /// Decide again at this time. Other runs of the lane need not wait.
    Wait {
        until: Timestamp,
    },
    /// The condition of a guard was not true.
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
    /// An operator must decide.
    Hold {
        why: String,
    },
}

pub fn next(flow: &Flow, subject: &Subject<'_>, log: &[Line], now: Timestamp) -> Move {
    let mut walk = Walk::new(*subject, log, now);
    match walk.run(flow) {
        Ok(End::Finished(_)) => Move::Done {
            message: caught_message(flow, log),
        },
        Ok(End::Succeeded { message }) => Move::Done { message },
        Ok(End::Skipped { why, trace }) => Move::Skipped { why, trace },
        Ok(End::Failed(failure)) => Move::Dead { why: failure.why },
        Err(Halt::Record(line)) => Move::Record(*line),
        Err(Halt::Hold { why }) => Move::Hold { why },
        Err(Halt::Exceeded { why }) => Move::Dead { why },
        Err(Halt::Stops | Halt::Asks(_)) => pending(walk.tasks, &walk.waits),
    }
}

/// The failure that the flow's `catch` handled, if any.
fn caught_message(flow: &Flow, log: &[Line]) -> Option<String> {
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

/// The log entry that a worker adds when it claims a run: what the run waited for is over, whatever the
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
    /// The variables at the start of a flow.
    pub(super) fn variables(&self, flow: &Flow) -> Memory<'a> {
        Memory {
            event: self.event,
            vars: Cow::Borrowed(self.vars),
            error: Cow::Borrowed(self.error),
            steps: Value::Object(Map::new()),
            locals: self.locals.clone(),
            document: match flow.is_from_bundle() {
                true => self.event.document(),
                false => Value::Null,
            },
            unknown: Vec::new(),
        }
    }
}
