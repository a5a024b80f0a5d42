//! The commands to runs: in which states each is possible, which runs a filter selects for it, in which order, and its
//! result for one run.

use std::collections::HashSet;

use crate::report::error::CommandError;
use crate::report::replay::scope::{ENDED_WITHOUT_RESULT, ReplayRules};
use crate::source::AcceptedRun;
use crate::store::history::{Page, RunFilter, RunRow};
use crate::store::{History, RunStatus};
use flowtrigger_core::run::{RunId, STATES};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCommand {
    Retry,
    Replay(ReplayRules),
    Cancel,
}

/// The result of a command for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommandResult {
    pub run: RunId,
    pub result: Result<Vec<RunStatusRow>, String>,
}

/// The state of a run after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStatusRow {
    pub id: u64,
    pub rule: String,
    pub state: String,
}

impl RunCommandResult {
    /// A replay that plans no run is an error.
    pub fn new(run: &RunRow, result: Result<Vec<RunStatusRow>, String>) -> Self {
        let result = result.and_then(|placed| match placed.is_empty() {
            true => Err(format!(
                "run {}: no enabled rule `{}` matches its event now, so nothing runs; `flowtrigger dry-run --explain` shows why",
                run.id.0, run.rule
            )),
            false => Ok(placed),
        });
        let run = run.id;
        Self { run, result }
    }
}

impl RunStatusRow {
    pub fn new(placed: RunStatus) -> Self {
        Self {
            id: placed.id.0,
            rule: placed.rule.to_string(),
            state: placed.state.as_str().to_owned(),
        }
    }
}

impl From<AcceptedRun> for RunStatusRow {
    fn from(run: AcceptedRun) -> Self {
        Self {
            id: run.id,
            rule: run.rule,
            state: run.state.to_owned(),
        }
    }
}

/// Runs per page when all are selected.
const PAGE: usize = 1_000;

impl RunCommand {
    pub fn as_str(self) -> &'static str {
        match self {
            RunCommand::Retry => "retry",
            RunCommand::Replay(_) => "replay",
            RunCommand::Cancel => "cancel",
        }
    }

    pub fn participle(self) -> &'static str {
        match self {
            RunCommand::Retry => "retried",
            RunCommand::Replay(_) => "replayed",
            RunCommand::Cancel => "cancelled",
        }
    }

    /// The states in which the command is possible.
    pub fn allowed_states(self) -> &'static [&'static str] {
        match self {
            RunCommand::Retry => &["dead", "held", "cancelled"],
            RunCommand::Replay(_) => &STATES,
            RunCommand::Cancel => &CANCELLABLE,
        }
    }

    /// The states that are selected by default if no run is named. `retry` leaves out cancelled runs, because they
    /// were cancelled on purpose.
    pub fn default_states(self) -> &'static [&'static str] {
        match self {
            RunCommand::Retry => &["dead", "held"],
            RunCommand::Replay(_) => &ENDED_WITHOUT_RESULT,
            RunCommand::Cancel => &CANCELLABLE,
        }
    }
}

/// The states that can be cancelled.
const CANCELLABLE: [&str; 6] = [
    "queued",
    "debouncing",
    "running",
    "retrying",
    "waiting",
    "held",
];

/// Sorts the runs: as named, or oldest first, because each goes to the end of its lane.
pub fn sort(command: RunCommand, mut runs: Vec<RunRow>, ids: &[u64]) -> Vec<RunRow> {
    if !ids.is_empty() {
        runs.sort_by_key(|run| ids.iter().position(|id| *id == run.id.0));
        return runs;
    }
    // A run and its replays have the same event and rule: only one of them is replayed.
    if let RunCommand::Replay(which) = command {
        let mut seen = HashSet::new();
        runs.retain(|run| {
            let rule = (which == ReplayRules::ItsRule).then(|| run.rule.clone());
            seen.insert((run.endpoint.clone(), run.event.clone(), rule))
        });
    }
    runs.reverse();
    runs
}

/// The newest run of each event and rule, if it ended without its result: a run whose replay is done needs none.
pub fn newest_without_result(mut runs: Vec<RunRow>) -> Vec<RunRow> {
    let mut seen = HashSet::new();
    // A run that reports on a dead one has the same event and rule, and cannot be replayed.
    runs.retain(|run| run.tells_of.is_none());
    runs.retain(|run| seen.insert((run.source.clone(), run.event.clone(), run.rule.clone())));
    runs.retain(|run| ENDED_WITHOUT_RESULT.contains(&run.state.as_str()));
    runs
}

/// All runs that a filter takes, newest first.
pub fn all_runs(history: &dyn History, filter: &RunFilter) -> Result<Vec<RunRow>, CommandError> {
    runs_before(history, filter, None, usize::MAX)
}

/// The runs that a filter takes of those before one, newest first, at most `limit`.
pub fn runs_before(
    history: &dyn History,
    filter: &RunFilter,
    before: Option<RunId>,
    limit: usize,
) -> Result<Vec<RunRow>, CommandError> {
    let mut runs: Vec<RunRow> = Vec::new();
    while runs.len() < limit {
        let page = Page {
            limit: PAGE.min(limit - runs.len()),
            before: runs.last().map(|run| run.id).or(before),
        };
        let found = history.runs(filter, page)?;
        let last = found.len() < page.limit;
        runs.extend(found);
        if last {
            break;
        }
    }
    Ok(runs)
}
