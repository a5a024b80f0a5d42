//! Formats the log of a run as JSON.

use serde_json::{Value, json};

use crate::report::render::attempts::RunLogLine;
use crate::report::render::exchange;
use flowtrigger_core::run::call_result::{CallFailure, Reply};
use flowtrigger_core::run::{Attempt, LogEntry};

/// The run log as JSON.
pub fn log_json(lines: &[RunLogLine<'_>]) -> Value {
    lines.iter().filter_map(line_json).collect()
}

/// One line of the log; `None` for an entry that is never stored.
pub fn line_json(line: &RunLogLine<'_>) -> Option<Value> {
    match line {
        RunLogLine::Attempt {
            number,
            attempt,
            exchange,
        } => {
            let mut value = attempt_json(attempt);
            if let Some(number) = number {
                value["number"] = json!(number);
            }
            value["exchange"] = json!(exchange.map(exchange::json));
            Some(value)
        }
        RunLogLine::Interrupted { number, exchange } => Some(json!({
            "step": exchange.step,
            "attempt": exchange.attempt,
            "at": exchange.started.to_string(),
            "outcome": "interrupted",
            "number": number,
            "exchange": exchange::json(exchange),
        })),
        RunLogLine::Other(LogEntry::Attempt(attempt)) => Some(attempt_json(attempt)),
        RunLogLine::Other(LogEntry::Started { step, number, at }) => Some(
            json!({"step": step, "attempt": number, "at": at.to_string(), "outcome": "started"}),
        ),
        RunLogLine::Other(LogEntry::Revived { at }) => {
            Some(json!({"at": at.to_string(), "outcome": "retried"}))
        }
        RunLogLine::Other(LogEntry::Arrived {
            step,
            at,
            number,
            event,
        }) => Some(json!({
            "step": step,
            "at": at.to_string(),
            "outcome": "arrived",
            "awaited": number,
            "event": event,
        })),
        RunLogLine::Other(LogEntry::Answered {
            step,
            at,
            answer,
            by,
        }) => Some(json!({
            "step": step,
            "at": at.to_string(),
            "outcome": "answered",
            "answer": answer,
            "by": by,
        })),
        RunLogLine::Other(LogEntry::Expired { step, at }) => {
            Some(json!({"step": step, "at": at.to_string(), "outcome": "expired"}))
        }
        RunLogLine::Other(LogEntry::Waiting { step, at, until }) => Some(json!({
            "step": step,
            "at": at.to_string(),
            "outcome": "waits",
            "until": until.to_string(),
        })),
        RunLogLine::Other(LogEntry::Caught { step, at, error }) => Some(json!({
            "step": step,
            "at": at.to_string(),
            "outcome": "caught",
            "error": error["message"],
        })),
        RunLogLine::Other(LogEntry::Claimed { .. }) => None,
    }
}

fn attempt_json(attempt: &Attempt) -> Value {
    let (outcome, status, error) = match &attempt.outcome {
        Ok(Reply { value: result }) => ("succeeded", result["status"].clone(), None),
        Err(CallFailure {
            message, status, ..
        }) => ("failed", json!(status), Some(message)),
    };
    let mut value = json!({
        "step": attempt.step,
        "attempt": attempt.number,
        "at": attempt.started.to_string(),
        "seconds": attempt.took.as_secs_f64(),
        "outcome": outcome,
        "status": status,
        "error": error,
    });
    if attempt
        .outcome
        .as_ref()
        .is_err_and(|failure| failure.during_outage)
    {
        value["during_outage"] = true.into();
    }
    value
}
