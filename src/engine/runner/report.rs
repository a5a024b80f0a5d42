//! The report of a finished run: its state and its steps, from the run log. Results of steps are left out.

use jiff::Timestamp;
use serde_json::Value;

use crate::store::{RunRecord, RunStatus};
use flowtrigger_core::flow::decide::{Decision, RunInput, decide};
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::call_result::{CallFailure, Reply};
use flowtrigger_core::run::{LogEntry, RunState};

#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    pub id: u64,
    pub rule: String,
    pub state: RunState,
    /// The reason of its state, or the message of `succeed`.
    pub message: Option<String>,
    /// The steps that were attempted, in order.
    pub steps: Vec<StepReport>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    pub name: String,
    pub attempts: u32,
    /// `succeeded` or `failed`.
    pub outcome: &'static str,
    /// The error of the last attempt.
    pub error: Option<String>,
    /// The file that an outbox wrote the request to.
    pub note: Option<String>,
}

impl RunReport {
    pub fn from_record(record: &RunRecord) -> Self {
        Self {
            id: record.id.0,
            rule: record.rule.name.clone(),
            state: record.state.clone(),
            message: message(record),
            steps: steps(record),
        }
    }

    pub(in crate::engine) fn without_log(placed: &RunStatus) -> Self {
        Self {
            id: placed.id.0,
            rule: placed.rule.to_string(),
            state: placed.state.clone(),
            message: placed.state.why().map(str::to_owned),
            steps: Vec::new(),
        }
    }
}

/// The message of `succeed` is not stored: it follows from the log.
fn message(record: &RunRecord) -> Option<String> {
    match &record.state {
        RunState::Done => {
            let subject = RunInput {
                event: &record.event,
                vars: &record.rule.vars,
                error: &record.error,
                locals: &record.locals(),
                seed: "",
                links: AnswerLinks::Hidden,
            };
            let decision = decide(record.flow(), &subject, &record.log, Timestamp::MAX);
            let Decision::Done { message } = decision else {
                return None;
            };
            message
        }
        state => state.why().map(str::to_owned),
    }
}

fn steps(record: &RunRecord) -> Vec<StepReport> {
    let mut steps: Vec<StepReport> = Vec::new();
    for attempt in record.log.iter().filter_map(LogEntry::attempt) {
        let (outcome, error, note) = match &attempt.outcome {
            Ok(Reply { value: result }) => ("succeeded", None, outbox(result)),
            Err(CallFailure { message, .. }) => ("failed", Some(message.clone()), None),
        };
        let report = StepReport {
            name: attempt.step.clone(),
            attempts: attempt.number,
            outcome,
            error,
            note,
        };
        match steps.iter_mut().find(|step| step.name == attempt.step) {
            Some(known) => *known = report,
            None => steps.push(report),
        }
    }
    steps
}

fn outbox(result: &Value) -> Option<String> {
    let path = result.get("body")?.get("outbox")?.as_str()?;
    Some(format!("written to {path}"))
}
