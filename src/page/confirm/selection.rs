//! Selects the runs that a retry or a cancel takes, and says which of the runs that were asked for it leaves out, and why.

use std::collections::BTreeMap;

use super::request::CommandScope;
use crate::report::error::CommandError;
use crate::report::replay::summary::RunsDigest;
use crate::report::run::command::{RunCommand, newest_without_result, runs_before, sort};
use crate::report::run::successor::Successors;
use crate::store::History;
use crate::store::history::{RunFilter, RunRow};
use flowtrigger_core::run::RunId;

/// Runs that one command takes.
pub const MAX_SELECTED: usize = 10_000;
/// Runs that are counted to say how many are left out.
const MAX_COUNTED: usize = 10_000;

/// The runs that a command takes.
#[derive(Debug, Default)]
pub struct SelectedForCommand {
    /// In the order in which the command takes them.
    pub runs: Vec<RunRow>,
    pub left_out: Vec<LeftOutRuns>,
    /// Selected runs of which a newer run has done, or does, the work.
    pub replayed: Vec<RunId>,
    /// The newest run that a filter selected.
    pub newest: Option<RunId>,
}

/// Runs that a command does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutRuns {
    pub count: u64,
    pub why: String,
}

/// What a person has confirmed: so many runs, and which. A different set must be confirmed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedSet {
    pub count: usize,
    digest: String,
}

impl ConfirmedSet {
    pub fn new(count: usize, digest: &RunsDigest) -> Self {
        Self {
            count,
            digest: digest.text(),
        }
    }

    pub fn of(runs: &[RunRow]) -> Self {
        let mut digest = RunsDigest::default();
        for run in runs {
            digest.add(i64::try_from(run.id.0).unwrap_or(i64::MAX), "");
        }
        Self::new(runs.len(), &digest)
    }
}

impl std::fmt::Display for ConfirmedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.count, self.digest)
    }
}

/// The runs of a scope. `None` for scopes of events.
pub fn select(
    history: &dyn History,
    command: RunCommand,
    scope: &CommandScope,
) -> Result<Option<SelectedForCommand>, CommandError> {
    match scope {
        CommandScope::Runs(ids) => named(history, command, ids).map(Some),
        CommandScope::Matching { query, newest } => {
            matching(history, command, &query.filter, *newest).map(Some)
        }
        CommandScope::Event { .. } | CommandScope::Period(_) => Ok(None),
    }
}

fn named(
    history: &dyn History,
    command: RunCommand,
    ids: &[RunId],
) -> Result<SelectedForCommand, CommandError> {
    let filter = RunFilter {
        ids: ids.to_vec(),
        ..RunFilter::default()
    };
    let found = runs_before(history, &filter, None, ids.len())?;
    let mut selected = SelectedForCommand::default();
    selected.leave_out(ids.len() - found.len(), || {
        "they are not stored any more".to_owned()
    });
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    let mut runs = Vec::new();
    for run in found {
        match command.allowed_states().contains(&run.state.as_str()) {
            true => runs.push(run),
            false => *others.entry(run.state.as_str()).or_default() += 1,
        }
    }
    for (state, count) in others {
        selected.leave_out(count, || wrong_state(command, state));
    }
    let order: Vec<u64> = match ids {
        [] | [_] => ids.iter().map(|run| run.0).collect(),
        // Selected on a page: the oldest first, as they were planned.
        [_, _, ..] => {
            let mut ids: Vec<u64> = ids.iter().map(|run| run.0).collect();
            ids.sort_unstable();
            ids
        }
    };
    selected.runs = sort(command, runs, &order);
    if command == RunCommand::Retry {
        let successors = Successors::of(history, &selected.runs)?;
        let replaced = selected
            .runs
            .iter()
            .filter(|run| successors.get(run.id).is_some_and(|newer| newer.replaces()));
        selected.replayed = replaced.map(|run| run.id).collect();
    }
    Ok(selected)
}

fn matching(
    history: &dyn History,
    command: RunCommand,
    filter: &RunFilter,
    newest: Option<RunId>,
) -> Result<SelectedForCommand, CommandError> {
    let states: Vec<String> = match filter.states.as_slice() {
        [] => command
            .default_states()
            .iter()
            .map(ToString::to_string)
            .collect(),
        states => {
            let allowed = |state: &&String| command.allowed_states().contains(&state.as_str());
            states.iter().filter(allowed).cloned().collect()
        }
    };
    let mut selected = SelectedForCommand::default();
    let before = newest.map(|RunId(newest)| RunId(newest.saturating_add(1)));
    // A replay without named states looks at every run, to find the newest of each event and rule.
    let is_newest = matches!(command, RunCommand::Replay(_)) && filter.states.is_empty();
    let taken = RunFilter {
        states: if is_newest {
            Vec::new()
        } else {
            states.clone()
        },
        ..filter.clone()
    };
    let found = match states.is_empty() {
        true => Vec::new(),
        false => runs_before(history, &taken, before, MAX_SELECTED + 1)?,
    };
    if found.len() > MAX_SELECTED {
        let error = CommandError::usage(format!("more than {MAX_SELECTED} runs match"));
        return Err(error.help("narrow the filter, or use the command line"));
    }
    selected.newest = newest.or(found.first().map(|run| run.id));
    let totals = history.run_totals(filter, MAX_COUNTED)?;
    for (state, count) in &totals.by_state {
        if !states.iter().any(|taken| taken == state) {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            selected.leave_out(count, || {
                match command.allowed_states().contains(&state.as_str()) {
                    // Possible, and not meant by default.
                    true => format!("they are {state}; filter by that state to take them"),
                    false => wrong_state(command, state),
                }
            });
        }
    }
    let mut runs = match is_newest {
        true => newest_without_result(found),
        false => found,
    };
    if command == RunCommand::Retry {
        let successors = Successors::of(history, &runs)?;
        let all = runs.len();
        runs.retain(|run| successors.get(run.id).is_none_or(|newer| !newer.replaces()));
        selected.leave_out(all - runs.len(), || {
            "they were replayed, and the newer run is done or unfinished".to_owned()
        });
    }
    selected.runs = sort(command, runs, &[]);
    Ok(selected)
}

impl SelectedForCommand {
    fn leave_out(&mut self, count: usize, why: impl FnOnce() -> String) {
        if count > 0 {
            self.left_out.push(LeftOutRuns {
                count: count as u64,
                why: why(),
            });
        }
    }
}

fn wrong_state(command: RunCommand, state: &str) -> String {
    format!("they are {state}, and cannot be {}", command.participle())
}
