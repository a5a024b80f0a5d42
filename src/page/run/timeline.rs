//! The log of a run as rows on a time line. Attempts of a step stand together, equal ones are folded, and long waits are
//! drawn short.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::report::render::attempts::RunLogLine;
use crate::store::history::RunDetail;
use flowtrigger_core::run::call_result::{CallFailure, Reply};
use flowtrigger_core::run::{Attempt, LogEntry, RunId, RunState};

/// Attempts that are shown; a run over a long list has more.
pub const MAX_ATTEMPTS: usize = 300;

/// One row.
#[derive(Debug)]
pub enum TimelineRow<'d> {
    Planned(Timestamp),
    /// A debounce collected events.
    Debounce(TimeSpan, u64),
    /// Waited for its lane or for the limits of the daemon before its first attempt.
    Queued(TimeSpan),
    Step(StepRow<'d>),
    /// At a `wait` step, or at a `wait_for` that nothing has decided.
    Wait(&'d str, TimeSpan),
    /// At a `wait_for`, with the entry of what decided it.
    Decided(&'d str, TimeSpan, &'d LogEntry),
    Caught(&'d str, Timestamp, &'d str),
    /// A command retried it.
    Retried(Timestamp),
    Started(&'d str, Timestamp),
    /// The command that was started last has no result, so the run is held.
    Interrupted(&'d str, Timestamp),
    /// This run reports on its death.
    OnDead(RunId, Timestamp),
    /// When it continues.
    Next(TimeSpan),
    /// So many attempts are not shown.
    Omitted(usize),
}

/// The attempts of a step that follow each other.
#[derive(Debug)]
pub struct StepRow<'d> {
    pub step: &'d str,
    pub groups: Vec<AttemptGroup<'d>>,
}

/// Attempts with equal outcomes that follow each other.
#[derive(Debug)]
pub struct AttemptGroup<'d> {
    pub outcome: AttemptOutcome<'d>,
    pub attempts: Vec<ShownAttempt<'d>>,
}

#[derive(Debug, Clone, Copy)]
pub struct ShownAttempt<'d> {
    /// Its number in the run, if its exchange is kept: that of its page.
    pub number: Option<usize>,
    /// Its number in the step.
    pub of_step: u32,
    pub span: TimeSpan,
    pub line: &'d RunLogLine<'d>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome<'d> {
    /// With the status of the reply, if it has one.
    Succeeded(Option<String>),
    Failed {
        status: Option<u16>,
        message: &'d str,
    },
    Interrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl TimeSpan {
    fn starting(from: Timestamp, took: Duration) -> Self {
        let took = SignedDuration::try_from(took).unwrap_or(SignedDuration::ZERO);
        let to = from.checked_add(took).unwrap_or(from);
        Self { from, to }
    }

    pub fn length(self) -> Duration {
        Duration::try_from(self.to.duration_since(self.from)).unwrap_or_default()
    }
}

impl StepRow<'_> {
    pub fn attempts(&self) -> usize {
        self.groups.iter().map(|group| group.attempts.len()).sum()
    }

    fn last(&self) -> Option<&ShownAttempt<'_>> {
        self.groups.last()?.attempts.last()
    }
}

/// The rows of a run, in order.
pub fn rows<'d>(detail: &'d RunDetail, lines: &'d [RunLogLine<'d>]) -> Vec<TimelineRow<'d>> {
    let row = &detail.row;
    let mut rows = vec![TimelineRow::Planned(row.planned)];
    let first = lines.iter().find_map(at);
    let mut waited_since = row.planned;
    if let Some(window) = &detail.window
        && window.run == row.id
    {
        let closes = row.state.due().filter(|_| window.is_open);
        let to = closes.or(first).unwrap_or(row.changed);
        let span = TimeSpan {
            from: window.opened.min(to),
            to,
        };
        rows.push(TimelineRow::Debounce(span, window.events));
        waited_since = to;
    }
    let queued = first.map(|to| TimeSpan {
        from: waited_since,
        to,
    });
    rows.extend(
        queued
            .filter(|span| span.length() >= Duration::from_secs(1))
            .map(TimelineRow::Queued),
    );
    let (mut shown, mut omitted) = (0, 0);
    for line in lines {
        let Some(attempt) = shown_attempt(line) else {
            if let RunLogLine::Other(entry) = line {
                let row = other(entry).map(|row| with_wait(&mut rows, row));
                rows.extend(row);
            }
            continue;
        };
        shown += 1;
        match shown > MAX_ATTEMPTS {
            true => omitted += 1,
            false => add(&mut rows, attempt),
        }
    }
    if omitted > 0 {
        rows.push(TimelineRow::Omitted(omitted));
    }
    if let Some(step) = unfinished_command(detail) {
        rows.push(TimelineRow::Interrupted(step, row.changed));
    }
    if let Some(to) = row.state.due().filter(|_| detail.window.is_none()) {
        let from = row.changed.min(to);
        rows.push(TimelineRow::Next(TimeSpan { from, to }));
    }
    if let Some(notice) = detail.told_by {
        rows.push(TimelineRow::OnDead(notice.run, row.changed));
    }
    rows
}

/// The step of a held run whose command was started and has no result: it may have done its work.
pub fn unfinished_command(detail: &RunDetail) -> Option<&str> {
    let is_held = matches!(detail.row.state, RunState::Held { .. });
    match detail.log.last().filter(|_| is_held) {
        Some(LogEntry::Started { step, .. }) => Some(step),
        Some(_) | None => None,
    }
}

/// Adds an attempt to the row of its step, or begins one.
fn add<'d>(rows: &mut Vec<TimelineRow<'d>>, attempt: ShownAttempt<'d>) {
    let (step, outcome) = (step(attempt.line), outcome(attempt.line));
    if let Some(TimelineRow::Step(last)) = rows.last_mut()
        && last.step == step
    {
        match last.groups.last_mut() {
            Some(group) if group.outcome == outcome => group.attempts.push(attempt),
            Some(_) | None => last.groups.push(AttemptGroup {
                outcome,
                attempts: vec![attempt],
            }),
        }
        return;
    }
    rows.push(TimelineRow::Step(StepRow {
        step,
        groups: vec![AttemptGroup {
            outcome,
            attempts: vec![attempt],
        }],
    }));
}

fn other(entry: &LogEntry) -> Option<TimelineRow<'_>> {
    Some(match entry {
        LogEntry::Waiting { step, at, until } => TimelineRow::Wait(
            step,
            TimeSpan {
                from: *at,
                to: *until,
            },
        ),
        LogEntry::Caught { step, at, error } => {
            TimelineRow::Caught(step, *at, error["message"].as_str().unwrap_or_default())
        }
        LogEntry::Revived { at } => TimelineRow::Retried(*at),
        LogEntry::Started { step, at, .. } => TimelineRow::Started(step, *at),
        // The end of an item of a list, and what is never stored.
        LogEntry::Attempt(_) | LogEntry::Claimed { .. } => return None,
        LogEntry::Arrived { step, at, .. }
        | LogEntry::Answered { step, at, .. }
        | LogEntry::Expired { step, at } => {
            TimelineRow::Decided(step, TimeSpan { from: *at, to: *at }, entry)
        }
    })
}

/// The row of what decided a `wait_for`, in place of the row of its wait. What came before the step has no wait.
fn with_wait<'d>(rows: &mut Vec<TimelineRow<'d>>, row: TimelineRow<'d>) -> TimelineRow<'d> {
    let TimelineRow::Decided(step, span, entry) = row else {
        return row;
    };
    let wait = rows
        .iter()
        .rposition(|row| matches!(row, TimelineRow::Wait(waiting, _) if *waiting == step));
    match wait.map(|index| rows.remove(index)) {
        Some(TimelineRow::Wait(_, wait)) => {
            let from = wait.from.min(span.to);
            TimelineRow::Decided(step, TimeSpan { from, ..span }, entry)
        }
        Some(_) | None => row,
    }
}

fn shown_attempt<'d>(line: &'d RunLogLine<'d>) -> Option<ShownAttempt<'d>> {
    let (of_step, span) = match line {
        RunLogLine::Attempt { attempt, .. } => (
            attempt.number,
            TimeSpan::starting(attempt.started, attempt.took),
        ),
        RunLogLine::Interrupted { exchange, .. } => (
            exchange.attempt,
            TimeSpan::starting(exchange.started, Duration::ZERO),
        ),
        RunLogLine::Other(_) => return None,
    };
    Some(ShownAttempt {
        number: line.number(),
        of_step,
        span,
        line,
    })
}

fn step<'d>(line: &'d RunLogLine<'d>) -> &'d str {
    match line {
        RunLogLine::Attempt { attempt, .. } => &attempt.step,
        RunLogLine::Interrupted { exchange, .. } => &exchange.step,
        RunLogLine::Other(_) => "",
    }
}

/// How an attempt ended.
pub fn outcome<'d>(line: &'d RunLogLine<'d>) -> AttemptOutcome<'d> {
    let RunLogLine::Attempt { attempt, .. } = line else {
        return AttemptOutcome::Interrupted;
    };
    let attempt: &Attempt = attempt;
    match &attempt.outcome {
        Ok(Reply { value }) => {
            let status = value.get("status").filter(|status| !status.is_null());
            AttemptOutcome::Succeeded(status.map(ToString::to_string))
        }
        Err(CallFailure {
            message, status, ..
        }) => AttemptOutcome::Failed {
            status: *status,
            message,
        },
    }
}

fn at(line: &RunLogLine<'_>) -> Option<Timestamp> {
    match line {
        RunLogLine::Attempt { attempt, .. } => Some(attempt.started),
        RunLogLine::Interrupted { exchange, .. } => Some(exchange.started),
        RunLogLine::Other(
            LogEntry::Waiting { at, .. }
            | LogEntry::Caught { at, .. }
            | LogEntry::Revived { at }
            | LogEntry::Started { at, .. }
            | LogEntry::Arrived { at, .. }
            | LogEntry::Answered { at, .. }
            | LogEntry::Expired { at, .. },
        ) => Some(*at),
        RunLogLine::Other(LogEntry::Attempt(_) | LogEntry::Claimed { .. }) => None,
    }
}

impl TimelineRow<'_> {
    /// The times between which the row has its bars.
    pub fn spans(&self) -> Vec<TimeSpan> {
        let point = |at: &Timestamp| TimeSpan { from: *at, to: *at };
        match self {
            TimelineRow::Planned(at)
            | TimelineRow::Caught(_, at, _)
            | TimelineRow::Retried(at)
            | TimelineRow::Started(_, at)
            | TimelineRow::Interrupted(_, at)
            | TimelineRow::OnDead(_, at) => vec![point(at)],
            TimelineRow::Debounce(span, _)
            | TimelineRow::Queued(span)
            | TimelineRow::Wait(_, span)
            | TimelineRow::Decided(_, span, _)
            | TimelineRow::Next(span) => vec![*span],
            TimelineRow::Step(step) => {
                let groups = step.groups.iter();
                let attempts = groups.flat_map(|group| &group.attempts);
                attempts.map(|attempt| attempt.span).collect()
            }
            TimelineRow::Omitted(_) => Vec::new(),
        }
    }
}

/// Steps of which the last attempt succeeded, in the order of the log.
pub fn done_steps<'r>(rows: &'r [TimelineRow<'r>]) -> Vec<&'r str> {
    let mut steps: Vec<&str> = Vec::new();
    for row in rows {
        if let TimelineRow::Step(step) = row
            && let Some(last) = step.last()
            && matches!(outcome(last.line), AttemptOutcome::Succeeded(_))
            && !steps.contains(&step.step)
        {
            steps.push(step.step);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::run::exchange::RecordedExchange;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn attempt(step: &str, number: u32, second: i64, message: Option<&str>) -> LogEntry {
        LogEntry::Attempt(Attempt {
            step: step.into(),
            number,
            started: at(second),
            took: Duration::from_millis(5),
            outcome: match message {
                None => Ok(Reply {
                    value: serde_json::json!({"status": 200}),
                }),
                Some(message) => Err(CallFailure::transient(message)),
            },
        })
    }

    fn step_rows(log: &[LogEntry]) -> Vec<String> {
        let none: Vec<RecordedExchange> = Vec::new();
        let lines = crate::report::render::attempts::log_lines(log, &none);
        let mut rows = Vec::new();
        for line in &lines {
            match shown_attempt(line) {
                Some(attempt) => add(&mut rows, attempt),
                None => {
                    if let RunLogLine::Other(entry) = line {
                        rows.extend(other(entry));
                    }
                }
            }
        }
        let described = rows.iter().map(|row| match row {
            TimelineRow::Step(step) => {
                let sizes = step.groups.iter().map(|group| group.attempts.len());
                format!("{} {:?}", step.step, sizes.collect::<Vec<_>>())
            }
            TimelineRow::Retried(_) => "retried".to_owned(),
            other => format!("{other:?}"),
        });
        let described = described.collect();
        assert_eq!(done_steps(&rows), ["team"]);
        described
    }

    #[test]
    fn equal_attempts_of_a_step_are_folded() {
        let failed = |number, second| attempt("page", number, second, Some("answered 503"));
        let log = [
            attempt("team", 1, 1, None),
            failed(1, 2),
            failed(2, 3),
            attempt("page", 3, 4, Some("no answer")),
            failed(4, 5),
            LogEntry::Revived { at: at(6) },
            failed(1, 7),
        ];
        assert_eq!(
            step_rows(&log),
            ["team [1]", "page [2, 1, 1]", "retried", "page [1]"]
        );
    }
}
