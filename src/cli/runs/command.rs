//! `runs retry`, `replay` and `cancel`: selects the runs, executes the command and prints the results.
//! `--all` needs a filter, so that a slip does not change all runs.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::admin_client::AdminClient;
use crate::cli::runs::confirm::{self, Consent, ConsentQuestion};
use crate::cli::runs::{RunCommandArgs, list, offline};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::render::message;
use crate::report::render::run::row_json;
use crate::report::replay::scope::ReplayRules;
use crate::report::run::command::{
    RunCommand, RunCommandResult, RunStatusRow, all_runs, newest_without_result, sort,
};
use crate::report::run::successor::{Successor, Successors};
use crate::store::history::{RunFilter, RunRow};
use flowtrigger_core::run::RunId;

pub fn run(
    command: RunCommand,
    args: RunCommandArgs,
    given: Consent,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let mut runs = sort(command, select(command, &args, global)?, &args.ids);
    let history = global.history()?;
    let successors = Successors::of(&*history, &runs)?;
    if command == RunCommand::Retry {
        leave_out_replayed(&mut runs, &successors, args.all, global)?;
    }
    if runs.is_empty() {
        if args.format == Format::Text {
            writeln!(out, "no such run to {}", command.as_str())?;
            let filter = args.selection.filter(Timestamp::now());
            if let Some(near) = list::near_rule(&filter, &*history)? {
                writeln!(out, "did you mean `--rule {near}`?")?;
            }
        }
        return Ok(Exit::Negative);
    }
    if args.dry_run {
        return preview(command, (&runs, &successors), args.format, out);
    }
    if given == Consent::No && !agrees(command, &runs, global)? {
        writeln!(out, "nothing was done")?;
        return Ok(Exit::Negative);
    }
    let results = match AdminClient::connect(&global.socket())? {
        Some(admin) => admin.execute(command, &runs)?,
        None => offline::execute(command, &runs, global)?,
    };
    print_results(command, &results, args.format, global, out)
}

/// Shows how many runs a selection has, by state, and asks.
fn agrees(
    command: RunCommand,
    runs: &[RunRow],
    global: &GlobalOptions,
) -> Result<bool, CommandError> {
    let mut by_state: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        *by_state.entry(run.state.as_str()).or_default() += 1;
    }
    let by_state: Vec<String> = by_state
        .into_iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let summary = format!("{} ({})", number(runs.len(), "run"), by_state.join(", "));
    let question = ConsentQuestion {
        verb: command.as_str(),
        participle: command.participle(),
        summary: &summary,
        consequence: "Their attempts in progress are stopped, and their further steps are not executed.",
    };
    Ok(confirm::ask(&question, global)? == Consent::Yes)
}

/// Another run has done, or does, the work of a run that was replayed: `--all` leaves it out, and an id retries it.
fn leave_out_replayed(
    runs: &mut Vec<RunRow>,
    successors: &Successors,
    is_all: bool,
    global: &GlobalOptions,
) -> Result<(), CommandError> {
    let replaced = |run: &RunRow| successors.get(run.id).filter(|newer| newer.replaces());
    let replayed: Vec<String> = runs
        .iter()
        .filter_map(|run| {
            Some(format!(
                "run {} was {}",
                run.id.0,
                replaced(run)?.describe()
            ))
        })
        .collect();
    let Some(first) = replayed.first() else {
        return Ok(());
    };
    let count = number(replayed.len(), "replayed run");
    let mut stderr = Output::stderr(global.color);
    match is_all {
        true => {
            runs.retain(|run| replaced(run).is_none());
            let text = format!("left out {count}: {first}");
            message::note(&mut stderr, &text, Some("an id retries it all the same"))?;
        }
        false => {
            let text = format!("{}: the retry sends again", replayed.join("; "));
            message::note(&mut stderr, &text, None)?;
        }
    }
    stderr.finish()?;
    Ok(())
}

/// The runs that a replay takes, in its order.
pub fn select_replay(
    rules: ReplayRules,
    args: &RunCommandArgs,
    global: &GlobalOptions,
) -> Result<Vec<RunRow>, CommandError> {
    let command = RunCommand::Replay(rules);
    Ok(sort(command, select(command, args, global)?, &args.ids))
}

/// Returns the selected runs, newest first.
fn select(
    command: RunCommand,
    args: &RunCommandArgs,
    global: &GlobalOptions,
) -> Result<Vec<RunRow>, CommandError> {
    let mut filter = args.selection.filter(Timestamp::now());
    let word = command.as_str();
    if !args.all && args.ids.is_empty() {
        let failure = CommandError::usage("no run is named");
        return Err(failure.help(format!(
            "name the runs, or write `flowtrigger runs {word} --all` with the filters"
        )));
    }
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
                command.default_states().first().unwrap_or(&"dead")
            )));
        }
        (true, false) | (false, true) => {}
    }
    check_states(command, &filter)?;
    filter.ids = args.ids.iter().copied().map(RunId).collect();
    let history = global.history()?;
    if let (RunCommand::Replay(_), true, true) = (command, args.all, filter.states.is_empty()) {
        return Ok(newest_without_result(all_runs(&*history, &filter)?));
    }
    if args.all && filter.states.is_empty() {
        filter.states = command
            .default_states()
            .iter()
            .copied()
            .map(str::to_owned)
            .collect();
    }
    let runs = all_runs(&*history, &filter)?;
    if let (true, Some(entry)) = (runs.is_empty(), &filter.endpoint)
        && let Some(unknown) = list::missed_entry(entry, &filter, &*history)?.describe_unknown()
    {
        return Err(CommandError::nothing(unknown));
    }
    match args.all || runs.len() == filter.ids.len() {
        true => Ok(runs),
        false => Err(unknown(&filter.ids, &runs)),
    }
}

/// Rejects states in which the command is not possible.
fn check_states(command: RunCommand, filter: &RunFilter) -> Result<(), CommandError> {
    let allowed = command.allowed_states();
    let wrong = filter
        .states
        .iter()
        .find(|state| !allowed.contains(&state.as_str()));
    let Some(wrong) = wrong else { return Ok(()) };
    let failure = CommandError::usage(format!(
        "a run that is {wrong} cannot be {}",
        command.participle()
    ));
    Err(failure.help(format!("these can: {}", allowed.join(", "))))
}

fn unknown(ids: &[RunId], found: &[RunRow]) -> CommandError {
    let unknown = ids
        .iter()
        .filter(|id| found.iter().all(|run| run.id != **id));
    let unknown: Vec<String> = unknown.map(|RunId(id)| id.to_string()).collect();
    CommandError::nothing(format!("there is no run {}", unknown.join(", ")))
        .help("nothing was done; `flowtrigger runs list` lists the stored runs")
}

fn preview(
    command: RunCommand,
    (runs, successors): (&[RunRow], &Successors),
    format: Format,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    match format {
        Format::Json => runs.iter().try_for_each(|run| {
            let mut value = row_json(run);
            value["replayed_as"] = Successor::json(successors.get(run.id));
            writeln!(out, "{}", versioned(value))
        })?,
        Format::Text => {
            list::table(runs, successors).write(out)?;
            let count = number(runs.len(), "run");
            writeln!(out, "\n{count} to {}; nothing was done", command.as_str())?;
        }
    }
    Ok(Exit::Fine)
}

fn print_results(
    command: RunCommand,
    results: &[RunCommandResult],
    format: Format,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let mut rejected = 0;
    for RunCommandResult { run, result } in results {
        match (result, format) {
            (Ok(placed), Format::Json) => placed.iter().try_for_each(|placed| {
                let RunStatusRow { id, rule, state } = placed;
                writeln!(
                    out,
                    "{}",
                    versioned(json!({"id": id, "rule": rule, "state": state, "of": run.0}))
                )
            })?,
            (Ok(placed), Format::Text) => placed.iter().try_for_each(|placed| {
                let RunStatusRow { id, rule, state } = placed;
                writeln!(out, "  run {id}  {state}  {rule}")
            })?,
            (Err(why), Format::Json) => {
                writeln!(out, "{}", versioned(json!({"id": run.0, "error": why})))?;
            }
            (Err(why), Format::Text) => {
                out.flush()?;
                message::error_to_stderr(global.color, why, None)?;
            }
        }
        rejected += usize::from(result.is_err());
    }
    if format == Format::Text {
        let done = results.len() - rejected;
        let suffix = match rejected {
            0 => String::new(),
            rejected => format!(", {rejected} rejected"),
        };
        writeln!(
            out,
            "{} {}{suffix}",
            number(done, "run"),
            command.participle()
        )?;
    }
    Ok(match rejected {
        0 => Exit::Fine,
        _ => Exit::Negative,
    })
}
