//! What a run calls next: decided from its stored rule, event and log as a worker does, and rendered without its secrets.

use jiff::Timestamp;

use crate::store::history::RunDetail;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::decide::{Decision, RunInput, StepCall, decide};
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::{EventIdentity, LogEntry, RunState, idempotency_key};

/// What a retry of a run does first.
#[derive(Debug, Clone, PartialEq)]
pub enum NextCall {
    /// It makes these calls.
    Calls(Vec<StepCall>),
    /// It waits first, until this time.
    Waits(Timestamp),
    /// It has nothing left to call: it ends in this way.
    Ends(String),
    /// The stored rule is not valid for this version of the program.
    Unknown,
}

impl NextCall {
    /// What the run does after `retry`: earlier attempts of its steps no longer count.
    pub fn after_retry(detail: &RunDetail, now: Timestamp) -> Self {
        let (Ok(rule), Some(flow)) = (&detail.rule.rule, detail.flow()) else {
            return NextCall::Unknown;
        };
        let input = RunInput {
            event: &detail.arrived.event,
            vars: &rule.vars,
            error: &detail.error,
            locals: &rule.locals_of(&detail.arrived.event),
            seed: "",
            links: AnswerLinks::Hidden,
        };
        let mut log = detail.log.clone();
        if detail.row.state.can_revive() {
            log.push(LogEntry::Revived { at: now });
        }
        match decide(flow, &input, &log, now) {
            Decision::Perform { tasks, .. } => NextCall::Calls(tasks),
            Decision::Retry { until }
            | Decision::Wait { until }
            | Decision::Await { until, .. } => NextCall::Waits(until),
            Decision::Record(LogEntry::Waiting { until, .. }) => NextCall::Waits(until),
            Decision::Record(
                LogEntry::Started { .. }
                | LogEntry::Attempt(_)
                | LogEntry::Arrived { .. }
                | LogEntry::Answered { .. }
                | LogEntry::Expired { .. }
                | LogEntry::Caught { .. }
                | LogEntry::Revived { .. }
                | LogEntry::Claimed { .. },
            ) => NextCall::Unknown,
            Decision::Skipped { why, .. } => NextCall::Ends(format!("skipped: {why}")),
            Decision::Done { .. } => NextCall::Ends("done".to_owned()),
            Decision::Dead { why } => NextCall::Ends(format!("dead: {why}")),
            Decision::Hold { why } => NextCall::Ends(format!("held: {why}")),
        }
    }

    pub fn calls(&self) -> &[StepCall] {
        match self {
            NextCall::Calls(calls) => calls,
            NextCall::Waits(_) | NextCall::Ends(_) | NextCall::Unknown => &[],
        }
    }
}

/// The idempotency key of a step's request.
pub fn key_of_step(detail: &RunDetail, step: &str) -> String {
    let event = EventIdentity::of(&detail.arrived.event);
    idempotency_key(event, &detail.row.rule, step, detail.generation)
}

/// The keys of the requests of a run that has not done its work, by step.
pub fn keys_of_failed(detail: &RunDetail, next: &NextCall) -> Vec<StepKey> {
    let is_open = !matches!(detail.row.state, RunState::Done | RunState::Shadow);
    let calls = next.calls().iter().filter(|_| is_open);
    calls
        .filter(|call| matches!(call.call, Call::Http(_)))
        .map(|call| StepKey {
            step: call.step.clone(),
            key: key_of_step(detail, &call.step),
        })
        .collect()
}

/// The idempotency key of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepKey {
    pub step: String,
    pub key: String,
}
