//! Runs a flow with replies that a test gives instead of the world's, on a clock that jumps over waits.
//! It performs nothing; what happens next is decided by the same `next` that decides for real runs.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::core::flow::call::{Call, Keep, is_passing};
use crate::core::flow::next::{Move, Subject, next};
use crate::core::flow::step::Flow;
use crate::core::rule::ruletest::Mock;
use crate::core::run::{Attempt, Outcome, State};

/// What a rehearsed run did.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    /// Every call in order, with its step's name.
    pub calls: Vec<(String, Call)>,
    pub log: Vec<Attempt>,
    pub state: State,
}

/// Rehearses from `now` on. A step without a mock succeeds with an empty reply.
pub fn rehearse(
    flow: &Flow,
    subject: &Subject<'_>,
    mocks: &BTreeMap<String, Vec<Mock>>,
    mut now: Timestamp,
) -> Rehearsal {
    let (mut calls, mut log) = (Vec::new(), Vec::new());
    let state = loop {
        match next(flow, subject, &log, now) {
            Move::Perform { step, number, call } => {
                let name = &flow.steps[step].name;
                let mock = mock(mocks.get(name), number);
                log.push(Attempt {
                    step: name.clone(),
                    number,
                    started: now,
                    took: Duration::ZERO,
                    outcome: outcome(&call, mock),
                });
                calls.push((name.clone(), call));
            }
            Move::Record(attempt) => log.push(attempt),
            Move::Wait { until } => now = until,
            Move::Skipped { why, .. } => break State::Skipped { why },
            Move::Done { .. } => break State::Done,
            Move::Dead { why } => break State::Dead { why },
        }
    };
    Rehearsal { calls, log, state }
}

/// The reply to one try; the last one stands for all that follow.
fn mock(mocks: Option<&Vec<Mock>>, number: u32) -> Mock {
    let index = usize::try_from(number).unwrap_or(1).saturating_sub(1);
    mocks
        .and_then(|mocks| mocks.get(index).or(mocks.last()))
        .cloned()
        .unwrap_or(Mock::Reply(json!({})))
}

fn outcome(call: &Call, mock: Mock) -> Outcome {
    let reply = match mock {
        Mock::Reply(reply) => reply,
        Mock::Fails(message) => return failed(message, true),
    };
    match call {
        Call::Http(http) => {
            let status = status(&reply, 200);
            if !http.expect.accepts(status) {
                let message = format!("{} {} answered {status}", http.method, http.url);
                return failed(message, is_passing(status));
            }
            let empty = json!({"status": status, "headers": {}, "body": null});
            succeeded(http.keep, empty, &reply)
        }
        Call::Exec(exec) => {
            let status = status(&reply, 0);
            if status != 0 {
                return failed(format!("the command ended with {status}"), true);
            }
            let empty = json!({"status": 0, "stdout": "", "stderr": ""});
            succeeded(exec.keep, empty, &reply)
        }
    }
}

fn status(reply: &Value, usual: u16) -> u16 {
    let status = reply.get("status").and_then(Value::as_u64);
    status.and_then(|status| u16::try_from(status).ok()).unwrap_or(usual)
}

fn succeeded(keep: Keep, mut result: Value, reply: &Value) -> Outcome {
    for (key, value) in reply.as_object().into_iter().flatten() {
        result[key] = value.clone();
    }
    let result = match keep {
        Keep::Body => result,
        Keep::Status => json!({"status": result["status"]}),
        Keep::None => json!({}),
    };
    Outcome::Succeeded { result }
}

fn failed(message: String, retryable: bool) -> Outcome {
    Outcome::Failed {
        message,
        retryable,
        retry_after: None,
    }
}
