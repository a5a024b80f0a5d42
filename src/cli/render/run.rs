//! Formats a run as text and as JSON: state, gates, chain, attempts and possible commands.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::render::color::{Paint, Tone};
use crate::cli::render::diagnostics::number;
use crate::cli::render::escape::plain;
use crate::cli::render::table::Table;
use crate::cli::time_argument::seconds;
use crate::store::history::{EventRecord, RunDetail, RunRow};
use flowtrigger_core::gate::format_duration;
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};
use flowtrigger_core::run::{Attempt, LogEntry, RunId, RunState};

/// The colour of a state.
pub fn tone(state: &RunState) -> Tone {
    match state {
        RunState::Queued
        | RunState::Debouncing { .. }
        | RunState::Running
        | RunState::Retrying { .. }
        | RunState::Limited { .. }
        | RunState::Waiting { .. } => Tone::Cyan,
        RunState::Done => Tone::Green,
        RunState::Skipped { .. }
        | RunState::Shadow
        | RunState::Suppressed { .. }
        | RunState::Cancelled => Tone::Dim,
        RunState::Held { .. } => Tone::Yellow,
        RunState::Dead { .. } => Tone::Red,
    }
}

/// Describes why a run is in its state. Empty if the state needs no reason.
pub fn why(row: &RunRow) -> String {
    match &row.state {
        RunState::Retrying { until } => match row.error.as_deref() {
            Some(error) => format!("{}; again at {}", plain(error), seconds(*until)),
            None => format!("again at {}", seconds(*until)),
        },
        RunState::Limited { until, why } => format!("{} until {}", plain(why), seconds(*until)),
        RunState::Suppressed { gate, why } => format!("{gate}: {}", plain(why)),
        RunState::Skipped { why } | RunState::Dead { why } | RunState::Held { why } => {
            plain(why).into_owned()
        }
        RunState::Waiting { until } => format!("until {}", seconds(*until)),
        RunState::Debouncing { until } => {
            format!(
                "until {}, or later if another event arrives",
                seconds(*until)
            )
        }
        RunState::Queued
        | RunState::Running
        | RunState::Done
        | RunState::Shadow
        | RunState::Cancelled => String::new(),
    }
}

/// Describes why a run is in its state, or which dead run it reports on.
pub fn describe_run(row: &RunRow) -> String {
    match (why(row), row.tells_of) {
        (why, Some(RunId(dead))) if why.is_empty() => format!("reports that run {dead} is dead"),
        (why, _) => why,
    }
}

/// Describes when an event was received, and how often again.
pub fn describe_received(arrived: &EventRecord) -> String {
    let head = &arrived.head;
    let first = seconds(head.received);
    match (head.redelivered, head.last_came) {
        (0, _) => format!("received {first}"),
        (again, Some(last)) => format!(
            "received {first}; redelivered {}, last {}: no repeat started a run{}",
            number(usize::try_from(again).unwrap_or(usize::MAX), "time"),
            seconds(last),
            describe_differing(head.differed)
        ),
        (again, None) => format!("received {first}; redelivered {again} times"),
    }
}

/// A sender that names an object with its `id` loses events.
fn describe_differing(differed: u64) -> String {
    match differed {
        0 => String::new(),
        count => format!(
            "; {count} of them had the same id and a different body: if the id names an object and not an event, set another `id` for the source"
        ),
    }
}

/// Describes the cause of a run in a chain of our own actions. `None` if no run caused it.
pub fn describe_causation(row: &RunRow) -> Option<String> {
    let Causation { depth, cause } = row.lineage;
    match (depth, cause) {
        (0, None) => None,
        (0, Some(RunId(run))) => Some(format!(
            "may be caused by run {run}: the event names no actor"
        )),
        (depth, Some(RunId(run))) => Some(format!("caused by run {run}, depth {depth}")),
        (depth, None) => Some(format!("caused by us, depth {depth}; the run is unknown")),
    }
}

/// Prints the chain of a run that the loop guard stopped: each run with its event, which the run below it caused.
pub fn chain(out: &mut Output, story: &RunDetail) -> io::Result<()> {
    if story.chain.is_empty() {
        return Ok(());
    }
    let title_note = match story.row.lineage.depth {
        0 => "the event of each run arrived soon after the run below it and names no actor",
        _ => "the event of each run was caused by the run below it",
    };
    let title = Paint::new(out).tone(Tone::Bold, "chain").to_string();
    writeln!(out, "  {title}  {title_note}")?;
    let mut table = Table::default();
    for (number, row) in std::iter::once(&story.row).chain(&story.chain).enumerate() {
        let arrow = if number == 0 { " " } else { "←" };
        table.row([
            format!("    {arrow} run {}", row.id.0),
            row.state.as_str().to_owned(),
            row.rule.clone(),
            seconds(row.planned),
            format!("← event {} {}", plain(&row.event_type), plain(&row.event)),
        ]);
    }
    table.write(out)?;
    let last = story.chain.last().and_then(|last| last.lineage.cause);
    match last {
        Some(RunId(run)) => writeln!(out, "    ← run {run}, and earlier runs"),
        None => Ok(()),
    }
}

/// Prints the run log.
pub fn log(out: &mut Output, log: &[LogEntry]) -> io::Result<()> {
    let mut table = Table::default();
    for line in log {
        match line {
            LogEntry::Attempt(attempt) => table.row([
                format!("  {}", attempt.step),
                format!("attempt {}", attempt.number),
                millis(attempt),
                format_duration(attempt.took),
                outcome(&attempt.outcome),
            ]),
            LogEntry::Started { step, number, at } => table.row([
                format!("  {step}"),
                format!("attempt {number}"),
                at.to_string(),
                String::new(),
                "started".to_owned(),
            ]),
            LogEntry::Revived { at } => table.row([
                "  (command)".to_owned(),
                String::new(),
                at.to_string(),
                String::new(),
                "retried by command: attempts count from 1 again".to_owned(),
            ]),
            LogEntry::Waiting { step, at, until } => table.row([
                format!("  {step}"),
                String::new(),
                at.to_string(),
                String::new(),
                format!("waits until {}", seconds(*until)),
            ]),
            LogEntry::Caught { step, at, error } => table.row([
                format!("  {step}"),
                String::new(),
                at.to_string(),
                String::new(),
                format!(
                    "caught: {}; continues with `catch`",
                    plain(error["message"].as_str().unwrap_or_default())
                ),
            ]),
            LogEntry::Claimed { .. } => {}
        }
    }
    let paint = Paint::new(out);
    match log.is_empty() {
        true => writeln!(out, "  {}  none yet", paint.tone(Tone::Bold, "attempts")),
        false => {
            writeln!(out, "  {}", paint.tone(Tone::Bold, "attempts"))?;
            table.write(out)
        }
    }
}

fn millis(attempt: &Attempt) -> String {
    let at = attempt.started;
    jiff::Timestamp::from_millisecond(at.as_millisecond())
        .unwrap_or(at)
        .to_string()
}

fn outcome(outcome: &CallResult) -> String {
    match outcome {
        Ok(Reply { value: result }) => match &result["status"] {
            Value::Null => "ok".into(),
            status => format!("ok, status {status}"),
        },
        Err(CallFailure {
            message,
            retryable,
            retry_after,
            status: _,
            effect: _,
        }) => {
            let note = if *retryable {
                ""
            } else {
                " (no further attempt)"
            };
            let requested = retry_after
                .map(|after| format!(" (asked to wait {})", format_duration(after)))
                .unwrap_or_default();
            format!("failed: {message}{note}{requested}")
        }
    }
}

/// A run as JSON, the same for every command.
pub fn row_json(row: &RunRow) -> Value {
    let due = row.state.due().map(|due| due.to_string());
    json!({
        "id": row.id.0,
        "rule": row.rule,
        "state": row.state.as_str(),
        "why": row.state.why(),
        "gate": row.state.gate(),
        "event": {"source": row.source, "endpoint": row.endpoint, "type": row.event_type, "id": row.event, "key": row.key},
        "planned": row.planned.to_string(),
        "changed": row.changed.to_string(),
        "due": due,
        "attempts": row.attempts,
        "error": row.error,
        "reports_on": row.tells_of.map(|run| run.0),
        "depth": row.lineage.depth,
        "caused_by": row.lineage.cause.map(|run| run.0),
    })
}

/// The run log as JSON.
pub fn log_json(story: &RunDetail) -> Value {
    let line = |line: &LogEntry| match line {
        LogEntry::Attempt(attempt) => {
            let (outcome, status, error) = match &attempt.outcome {
                Ok(Reply { value: result }) => ("succeeded", result["status"].clone(), None),
                Err(CallFailure {
                    message, status, ..
                }) => ("failed", json!(status), Some(message)),
            };
            Some(json!({
                "step": attempt.step,
                "attempt": attempt.number,
                "at": attempt.started.to_string(),
                "seconds": attempt.took.as_secs_f64(),
                "outcome": outcome,
                "status": status,
                "error": error,
            }))
        }
        LogEntry::Started { step, number, at } => Some(
            json!({"step": step, "attempt": number, "at": at.to_string(), "outcome": "started"}),
        ),
        LogEntry::Revived { at } => Some(json!({"at": at.to_string(), "outcome": "retried"})),
        LogEntry::Waiting { step, at, until } => Some(json!({
            "step": step,
            "at": at.to_string(),
            "outcome": "waits",
            "until": until.to_string(),
        })),
        LogEntry::Caught { step, at, error } => Some(json!({
            "step": step,
            "at": at.to_string(),
            "outcome": "caught",
            "error": error["message"],
        })),
        LogEntry::Claimed { .. } => None,
    };
    story.log.iter().filter_map(line).collect()
}
