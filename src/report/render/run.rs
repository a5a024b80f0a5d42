//! Formats a run as text and as JSON: state, gates, chain, attempts and possible commands.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::answerer::answerer;
use crate::report::render::attempts::RunLogLine;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::comparison;
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::exchange;
use crate::report::render::notice::{describe_death_notice, describe_report};
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::history::{EventRecord, EventRow, RunDetail, RunRow};
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
        | RunState::Parked { .. }
        | RunState::Waiting { .. }
        | RunState::Awaiting { .. } => Tone::Cyan,
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
        RunState::Parked { why, .. }
        | RunState::Skipped { why }
        | RunState::Dead { why }
        | RunState::Held { why } => plain(why).into_owned(),
        RunState::Waiting { until } => format!("until {}", seconds(*until)),
        RunState::Awaiting { step, until } => {
            format!("in {step}, until {} at the latest", seconds(*until))
        }
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

/// Describes why a run is in its state, which failures it reports, and which run reports that it is dead.
pub fn describe_run(row: &RunRow) -> String {
    let why = why(row);
    let described = match (&row.told_by, describe_report(row)) {
        (_, Some(report)) if why.is_empty() => report,
        (Some(notice), _) if !why.is_empty() => format!("{why}; {}", describe_death_notice(notice)),
        (_, _) => why,
    };
    match comparison::describe_difference(row) {
        None => described,
        Some(difference) if described.is_empty() => difference,
        Some(difference) => format!("{described}; {difference}"),
    }
}

/// Describes when an event was received, and how often again.
pub fn describe_received(arrived: &EventRecord) -> String {
    let first = seconds(arrived.head.received);
    match describe_redelivered(&arrived.head) {
        None => format!("received {first}"),
        Some(again) => format!("received {first}; redelivered {again}"),
    }
}

/// Describes how often an event was received again; `None` if it was not.
pub fn describe_redelivered(head: &EventRow) -> Option<String> {
    match (head.redelivered, head.last_came) {
        (0, _) => None,
        (again, Some(last)) => Some(format!(
            "{}, last {}: no repeat started a run{}",
            number(usize::try_from(again).unwrap_or(usize::MAX), "time"),
            seconds(last),
            describe_differing(head.differed)
        )),
        (again, None) => Some(format!("{again} times")),
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

/// Prints the run log, with the exchange of each attempt below it.
pub fn log(out: &mut Output, lines: &[RunLogLine<'_>]) -> io::Result<()> {
    let mut table = Table::default();
    for line in lines {
        add_line(&mut table, line);
        if let (Some(number), Some(recorded)) = (line.number(), line.exchange()) {
            table.note(&format!("      {number}  {}", exchange::summary(recorded)));
        }
    }
    let paint = Paint::new(out);
    match lines.is_empty() {
        true => writeln!(out, "  {}  none yet", paint.tone(Tone::Bold, "attempts")),
        false => {
            writeln!(out, "  {}", paint.tone(Tone::Bold, "attempts"))?;
            table.write(out)
        }
    }
}

/// One line of the log without its exchange.
pub fn line_table(line: &RunLogLine<'_>) -> Table {
    let mut table = Table::default();
    add_line(&mut table, line);
    table
}

fn add_line(table: &mut Table, line: &RunLogLine<'_>) {
    match line {
        RunLogLine::Attempt { attempt, .. } => table.row(attempt_cells(attempt)),
        RunLogLine::Interrupted { exchange, .. } => table.row([
            format!("  {}", exchange.step),
            format!("attempt {}", exchange.attempt),
            millis(exchange.started),
            String::new(),
            "interrupted".to_owned(),
        ]),
        RunLogLine::Other(LogEntry::Attempt(attempt)) => table.row(attempt_cells(attempt)),
        RunLogLine::Other(LogEntry::Started { step, number, at }) => table.row([
            format!("  {step}"),
            format!("attempt {number}"),
            at.to_string(),
            String::new(),
            "started".to_owned(),
        ]),
        RunLogLine::Other(LogEntry::Revived { at }) => table.row([
            "  (command)".to_owned(),
            String::new(),
            at.to_string(),
            String::new(),
            "retried by command: the steps have all their attempts again".to_owned(),
        ]),
        RunLogLine::Other(LogEntry::Waiting { step, at, until }) => table.row([
            format!("  {step}"),
            String::new(),
            at.to_string(),
            String::new(),
            format!("waits until {}", seconds(*until)),
        ]),
        RunLogLine::Other(LogEntry::Caught { step, at, error }) => table.row([
            format!("  {step}"),
            String::new(),
            at.to_string(),
            String::new(),
            format!(
                "caught: {}; continues with `catch`",
                plain(error["message"].as_str().unwrap_or_default())
            ),
        ]),
        RunLogLine::Other(LogEntry::Arrived {
            step,
            at,
            number,
            event,
        }) => table.row([
            format!("  {step}"),
            String::new(),
            at.to_string(),
            String::new(),
            format!(
                "event {number} of the step came: {} {}",
                plain(event["event"]["type"].as_str().unwrap_or_default()),
                plain(event["event"]["id"].as_str().unwrap_or_default())
            ),
        ]),
        RunLogLine::Other(LogEntry::Answered {
            step,
            at,
            answer,
            by,
        }) => table.row([
            format!("  {step}"),
            String::new(),
            at.to_string(),
            String::new(),
            format!("answered: {}, {}", plain(answer), answerer(by)),
        ]),
        RunLogLine::Other(LogEntry::Expired { step, at }) => table.row([
            format!("  {step}"),
            String::new(),
            at.to_string(),
            String::new(),
            "nothing came in time".to_owned(),
        ]),
        RunLogLine::Other(LogEntry::Claimed { .. }) => {}
    }
}

fn attempt_cells(attempt: &Attempt) -> [String; 5] {
    [
        format!("  {}", attempt.step),
        format!("attempt {}", attempt.number),
        millis(attempt.started),
        format_duration(attempt.took),
        outcome(&attempt.outcome),
    ]
}

fn millis(at: Timestamp) -> String {
    Timestamp::from_millisecond(at.as_millisecond())
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
            during_outage,
        }) => {
            let note = if *retryable {
                ""
            } else {
                " (no further attempt)"
            };
            let requested = retry_after
                .map(|after| format!(" (asked to wait {})", format_duration(after)))
                .unwrap_or_default();
            let outage = match during_outage {
                true => " (the receiver was down: not counted)",
                false => "",
            };
            format!("failed: {message}{note}{requested}{outage}")
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
        "reports_count": row.tells_of.map(|_| row.reports.count.max(1)),
        "reports_receiver": row.reports.receiver,
        "reported_by": row.told_by.map(|notice| notice.run.0),
        "reported_with": row.told_by.map(|notice| notice.others),
        "replay": row.replay.map(|replay| replay.to_string()),
        "depth": row.lineage.depth,
        "caused_by": row.lineage.cause.map(|run| run.0),
        "counterpart": comparison::json(row),
    })
}
