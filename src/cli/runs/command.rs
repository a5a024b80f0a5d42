//! `runs retry`, `replay` and `cancel`: which runs are meant, and what became of the order to each.
//! It refuses to take every run there is for want of a filter.

use std::collections::HashSet;
use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::output::Output;
use crate::cli::render::diagnostics::number;
use crate::cli::render::message;
use crate::cli::render::run::row_json;
use crate::cli::runs::admin_client::AdminClient;
use crate::cli::runs::{RunCommandArgs, list, offline};
use crate::store::History;
use crate::store::history::{Page, RunFilter, RunRow};
use flowtrigger_core::run::{RunId, STATES};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCommand {
    Retry,
    Replay(ReplayRules),
    Cancel,
}

/// What a replay plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayRules {
    ItsRule,
    /// All that match today.
    EveryRule,
}

/// What became of the order to one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommandResult {
    pub run: RunId,
    pub result: Result<Vec<RunStatusRow>, String>,
}

/// Where a run stands after an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStatusRow {
    pub id: u64,
    pub rule: String,
    pub state: String,
}

impl RunCommandResult {
    /// A replay that plans nothing did not do what was asked.
    pub fn new(run: &RunRow, result: Result<Vec<RunStatusRow>, String>) -> Self {
        let result = result.and_then(|placed| match placed.is_empty() {
            true => Err(format!(
                "run {}: `{}` does not match its event now, so nothing runs; `flowtrigger dry-run --explain` shows why",
                run.id.0, run.rule
            )),
            false => Ok(placed),
        });
        let run = run.id;
        Self { run, result }
    }
}

/// Runs that are picked in one question.
const PAGE: usize = 1_000;

impl RunCommand {
    pub fn word(self) -> &'static str {
        match self {
            RunCommand::Retry => "retry",
            RunCommand::Replay(_) => "replay",
            RunCommand::Cancel => "cancel",
        }
    }

    fn done(self) -> &'static str {
        match self {
            RunCommand::Retry => "retried",
            RunCommand::Replay(_) => "replayed",
            RunCommand::Cancel => "cancelled",
        }
    }

    /// The states in which it can be carried out.
    fn takes(self) -> &'static [&'static str] {
        match self {
            RunCommand::Retry => &["dead", "held", "cancelled"],
            RunCommand::Replay(_) => &STATES,
            RunCommand::Cancel => &CANCELLED,
        }
    }

    /// What `--all` takes where no state is named: what the order makes sense for. Nobody's own
    /// cancelling is undone in passing.
    fn states(self) -> &'static [&'static str] {
        match self {
            RunCommand::Retry => &["dead", "held"],
            RunCommand::Replay(_) => &[],
            RunCommand::Cancel => &CANCELLED,
        }
    }
}

/// What a person can give up.
const CANCELLED: [&str; 6] = [
    "queued",
    "debouncing",
    "running",
    "retrying",
    "waiting",
    "held",
];

pub fn run(
    order: RunCommand,
    args: RunCommandArgs,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let runs = in_order(order, meant(order, &args, global)?, &args.ids);
    if runs.is_empty() {
        if args.format == Format::Text {
            writeln!(out, "no such run to {}", order.word())?;
        }
        return Ok(Exit::Negative);
    }
    if args.dry_run {
        return would(order, &runs, args.format, out);
    }
    let answers = match AdminClient::connect(&global.socket())? {
        Some(admin) => admin.carry_out(order, &runs)?,
        None => offline::carry_out(order, &runs, global)?,
    };
    tell(order, &answers, args.format, global, out)
}

/// As they were named; else in the order in which they came, since each goes to the end of its lane.
fn in_order(order: RunCommand, mut runs: Vec<RunRow>, ids: &[u64]) -> Vec<RunRow> {
    if !ids.is_empty() {
        runs.sort_by_key(|run| ids.iter().position(|id| *id == run.id.0));
        return runs;
    }
    // A run and its replays are one event and one rule: that is acted on once.
    if let RunCommand::Replay(which) = order {
        let mut known = HashSet::new();
        runs.retain(|run| {
            let rule = (which == ReplayRules::ItsRule).then(|| run.rule.clone());
            known.insert((run.source.clone(), run.event.clone(), rule))
        });
    }
    runs.reverse();
    runs
}

/// The runs that are meant, the newest first.
fn meant(
    order: RunCommand,
    args: &RunCommandArgs,
    global: &GlobalOptions,
) -> Result<Vec<RunRow>, CommandError> {
    let mut filter = args.selection.filter(Timestamp::now());
    let word = order.word();
    match (args.all, filter.is_empty()) {
        (false, false) => {
            let failure = CommandError::usage("ids and filters cannot be combined");
            return Err(failure.help(format!(
                "name the runs, or write `flowtrigger runs {word} --all` with the filters"
            )));
        }
        (true, true) => {
            let failure =
                CommandError::usage(format!("`--all` without a filter would {word} every run"));
            return Err(failure.help(format!(
                "add a filter: `flowtrigger runs {word} --all --state {}`",
                order.states().first().unwrap_or(&"dead")
            )));
        }
        (true, false) | (false, true) => {}
    }
    refuse_states(order, &filter)?;
    filter.ids = args.ids.iter().copied().map(RunId).collect();
    if args.all && filter.states.is_empty() {
        filter.states = order.states().iter().copied().map(str::to_owned).collect();
    }
    let history = global.history()?;
    let runs = every(&*history, &filter)?;
    match args.all || runs.len() == filter.ids.len() {
        true => Ok(runs),
        false => Err(unknown(&filter.ids, &runs)),
    }
}

/// States whose runs would all be refused one by one.
fn refuse_states(order: RunCommand, filter: &RunFilter) -> Result<(), CommandError> {
    let takes = order.takes();
    let wrong = filter
        .states
        .iter()
        .find(|state| !takes.contains(&state.as_str()));
    let Some(wrong) = wrong else { return Ok(()) };
    let failure = CommandError::usage(format!("a run that is {wrong} cannot be {}", order.done()));
    Err(failure.help(format!("these can: {}", takes.join(", "))))
}

fn every(history: &dyn History, filter: &RunFilter) -> Result<Vec<RunRow>, CommandError> {
    let mut runs: Vec<RunRow> = Vec::new();
    loop {
        let page = Page {
            limit: PAGE,
            before: runs.last().map(|run| run.id),
        };
        let found = history.runs(filter, page)?;
        let last = found.len() < PAGE;
        runs.extend(found);
        if last {
            return Ok(runs);
        }
    }
}

fn unknown(ids: &[RunId], found: &[RunRow]) -> CommandError {
    let unknown = ids
        .iter()
        .filter(|id| found.iter().all(|run| run.id != **id));
    let unknown: Vec<String> = unknown.map(|RunId(id)| id.to_string()).collect();
    CommandError::nothing(format!("there is no run {}", unknown.join(", ")))
        .help("nothing was done; `flowtrigger runs list` lists the stored runs")
}

fn would(
    order: RunCommand,
    runs: &[RunRow],
    format: Format,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    match format {
        Format::Json => runs
            .iter()
            .try_for_each(|run| writeln!(out, "{}", row_json(run)))?,
        Format::Text => {
            list::table(runs).write(out)?;
            let count = number(runs.len(), "run");
            writeln!(out, "\n{count} to {}; nothing was done", order.word())?;
        }
    }
    Ok(Exit::Fine)
}

fn tell(
    order: RunCommand,
    answers: &[RunCommandResult],
    format: Format,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let mut refused = 0;
    for RunCommandResult { run, result } in answers {
        match (result, format) {
            (Ok(placed), Format::Json) => placed.iter().try_for_each(|placed| {
                let RunStatusRow { id, rule, state } = placed;
                writeln!(
                    out,
                    "{}",
                    json!({"id": id, "rule": rule, "state": state, "of": run.0})
                )
            })?,
            (Ok(placed), Format::Text) => placed.iter().try_for_each(|placed| {
                let RunStatusRow { id, rule, state } = placed;
                writeln!(out, "  run {id}  {state}  {rule}")
            })?,
            (Err(why), Format::Json) => {
                writeln!(out, "{}", json!({"id": run.0, "error": why}))?;
            }
            (Err(why), Format::Text) => {
                out.flush()?;
                let mut stderr = Output::stderr(global.color);
                message::error(&mut stderr, why, None)?;
                stderr.finish()?;
            }
        }
        refused += usize::from(result.is_err());
    }
    if format == Format::Text {
        let done = answers.len() - refused;
        let refused = match refused {
            0 => String::new(),
            refused => format!(", {refused} rejected"),
        };
        writeln!(out, "{} {}{refused}", number(done, "run"), order.done())?;
    }
    Ok(match refused {
        0 => Exit::Fine,
        _ => Exit::Negative,
    })
}
