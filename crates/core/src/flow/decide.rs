//! Decides what a run does next, from its flow, its event and its log.
//! A pure function of these: after an interruption at any point, a run continues where its log ends.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::event::Event;
use crate::flow::call::Call;
use crate::flow::step::Flow;
use crate::flow::walk::variables::Variables;
use crate::flow::walk::{FlowEnd, Interrupt, Timer, Walk};
use crate::language::condition::trace::Trace;
use crate::run::LogEntry;
use crate::run::answer_link::AnswerLinks;
use crate::run::call_result::{CallFailure, CallResult};
use crate::run::step_retry::MAX_ATTEMPTS_WITHOUT_WAITING;

/// The input of a run. It does not change during the run.
#[derive(Debug, Clone, Copy)]
pub struct RunInput<'a> {
    pub event: &'a Event,
    /// `vars.…` of the rule.
    pub vars: &'a Value,
    /// `error.…`: the failure that an `on_dead` flow handles. Null in any other flow.
    pub error: &'a Value,
    /// Names defined before the flow starts: the `events` that a debounce collected. An object, or null.
    pub locals: &'a Value,
    /// The seed of the retry jitter. Different for each run, the same for all decisions of one run.
    pub seed: &'a str,
    /// Where the links of the steps come from that wait for an answer.
    pub links: AnswerLinks<'a>,
}

/// A call to execute, with the step that makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCall {
    /// The step's path in the flow.
    pub step: String,
    /// The step's name.
    pub name: String,
    /// The number of the attempt, from 1.
    pub number: u32,
    pub call: Call,
    /// The call must not run twice: its start must be in the log before it starts.
    pub announce: bool,
    /// Whether the run waits while the receiver counts as down. Otherwise the attempt is made and counted.
    pub waits_for_receiver: bool,
    /// Whether only the time limits the attempts of the step, after failures of some kind.
    pub only_time_limits: bool,
}

impl StepCall {
    /// Whether a rule test means this call: by the step's name or by its path in the flow.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.step == name
    }

    /// The outcome of the attempt where nobody waits for hours, in a rule test and in `run`: if only the time would limit
    /// further attempts, a failure is final after some attempts.
    pub fn outcome_without_waiting(&self, outcome: CallResult) -> CallResult {
        let is_last = self.only_time_limits && self.number >= MAX_ATTEMPTS_WITHOUT_WAITING;
        outcome.map_err(|failure| CallFailure {
            retryable: failure.retryable && !is_last,
            ..failure
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Execute these calls, each at most once at a time, and append their attempts when they end. They
    /// may run concurrently. Calls that are already running are included.
    Perform {
        tasks: Vec<StepCall>,
        /// Decide again at this time, even if no call has ended.
        wake: Option<Timestamp>,
    },
    /// Append this log entry, then decide again.
    Record(LogEntry),
    /// Decide again at this time: a failed step is due for another attempt.
    Retry {
        until: Timestamp,
    },
    /// Decide again at this time. Other runs of the lane need not wait.
    Wait {
        until: Timestamp,
    },
    /// Decide again when an event or an answer has come for the step, or at this time. Other runs of the lane need not
    /// wait.
    Await {
        /// The step's path in the flow.
        step: String,
        until: Timestamp,
    },
    /// The condition of a guard was not true.
    Skipped {
        /// The path of the guard.
        guard: String,
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

pub fn decide(flow: &Flow, subject: &RunInput<'_>, log: &[LogEntry], now: Timestamp) -> Decision {
    let mut walk = Walk::new(*subject, log, now);
    match walk.run(flow) {
        Ok(FlowEnd::Finished(_)) => Decision::Done {
            message: caught_message(flow, log),
        },
        Ok(FlowEnd::Succeeded { message }) => Decision::Done { message },
        Ok(FlowEnd::Skipped { guard, why, trace }) => Decision::Skipped { guard, why, trace },
        Ok(FlowEnd::Failed(failure)) => Decision::Dead { why: failure.why },
        Err(Interrupt::Record(line)) => Decision::Record(*line),
        Err(Interrupt::Hold { why }) => Decision::Hold { why },
        Err(Interrupt::Exceeded { why }) => Decision::Dead { why },
        Err(Interrupt::Stops | Interrupt::Asks(_)) => pending(walk.tasks, &walk.waits),
    }
}

/// The failure that the flow's `catch` handled, if any.
fn caught_message(flow: &Flow, log: &[LogEntry]) -> Option<String> {
    flow.catch.as_ref()?;
    log.iter().find_map(|line| {
        let LogEntry::Caught { step, error, .. } = line else {
            return None;
        };
        let message = error["message"].as_str().unwrap_or_default();
        (step == "catch").then(|| format!("caught: {message}"))
    })
}

fn pending(tasks: Vec<StepCall>, waits: &[Timer]) -> Decision {
    let first = waits.iter().map(Timer::at).min();
    let retries = waits.iter().any(|due| matches!(due, Timer::Retry(_)));
    // A `wait_for` is not in a `for_each`: nothing else of the run waits beside it.
    if let (true, [Timer::Await { step, until }]) = (tasks.is_empty(), waits) {
        let (step, until) = (step.clone(), *until);
        return Decision::Await { step, until };
    }
    match (tasks.is_empty(), first) {
        (true, Some(until)) if retries => Decision::Retry { until },
        (true, Some(until)) => Decision::Wait { until },
        (_, wake) => Decision::Perform { tasks, wake },
    }
}

/// The log entry that a worker adds when it claims a run: what the run waited for is over, whatever the
/// clock says now.
pub fn claimed_entry(flow: &Flow, subject: &RunInput<'_>, log: &[LogEntry]) -> LogEntry {
    if log.is_empty() {
        // A wait or a retry begins with an entry.
        return LogEntry::Claimed { over: None };
    }
    let over = match decide(flow, subject, log, Timestamp::MIN) {
        Decision::Retry { until } | Decision::Wait { until } => Some(until),
        // What decides such a step is in the log.
        Decision::Await { .. }
        | Decision::Perform { .. }
        | Decision::Record(_)
        | Decision::Skipped { .. }
        | Decision::Done { .. }
        | Decision::Dead { .. }
        | Decision::Hold { .. } => None,
    };
    LogEntry::Claimed { over }
}

impl<'a> RunInput<'a> {
    /// The variables at the start of a flow.
    pub(super) fn variables(&self, flow: &Flow) -> Variables<'a> {
        Variables {
            event: self.event,
            vars: Cow::Borrowed(self.vars),
            error: Cow::Borrowed(self.error),
            steps: Value::Object(Map::new()),
            locals: self.locals.clone(),
            document: match &flow.bundle {
                Some(origin) => origin.document(self.event),
                None => Value::Null,
            },
            now: None,
            unknown: Vec::new(),
        }
    }
}
