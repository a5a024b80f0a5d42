//! `runs list`: prints one line per run, newest first.
//! If there are more runs, a last line says how to list them.

use std::collections::BTreeSet;
use std::io::Write;

use jiff::Timestamp;

use super::List;
use crate::cli::daemon_state::ask_daemon;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::replay::current_rules::rules_in_force;
use crate::engine::known_target;
use crate::report::daemon_state::DaemonState;
use crate::report::entry_argument::MissedEntry;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::next_step;
use crate::report::render::run::describe_run;
use crate::report::render::table::Table;
use crate::report::run::list::{describe_rule, listed_json};
use crate::report::run::successor::Successors;
use crate::report::suspended::sentences;
use crate::report::time_argument::seconds;
use crate::store::History;
use crate::store::history::{Page, RunComparison, RunFilter, RunRow, SuspendedTarget};
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::run::{RunId, RunState};
use flowtrigger_core::suspension::SuspensionTarget;

pub fn run(args: List, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let history = global.history()?;
    let filter = args.selection.filter(Timestamp::now());
    let limit = args.limit.get();
    let page = Page {
        limit: limit.saturating_add(1),
        before: args.before.map(RunId),
    };
    let mut runs = history.runs(&filter, page)?;
    let more = runs.len() > limit;
    runs.truncate(limit);
    let unfinished = runs.iter().filter(|run| !run.state.is_final()).count();
    let daemon = match unfinished {
        0 => DaemonState::Ready,
        _ => ask_daemon(&global.socket(), &*history),
    };
    let obstacle = next_step::obstacle(&daemon);
    let successors = Successors::of(&*history, &runs)?;
    match args.format {
        Format::Json => runs.iter().try_for_each(|run| {
            writeln!(
                out,
                "{}",
                versioned(listed_json(run, &successors, obstacle))
            )
        })?,
        Format::Text if runs.is_empty() => {
            no_runs(&filter, &*history, out)?;
            unknown_target(&filter, &*history, global, out)?;
        }
        Format::Text => {
            table(&runs, &successors).write(out)?;
            if let Some(obstacle) = obstacle {
                let runs = number(unfinished, "unfinished run");
                writeln!(out, "\n{runs} cannot continue now: {}", plain(obstacle))?;
            }
            suspended(&runs, &*history, out)?;
            if let Some(last) = runs.last().filter(|_| more) {
                let RunId(last) = last.id;
                writeln!(
                    out,
                    "\nolder runs: add `--before {last}`, or a larger `--limit`"
                )?;
            }
        }
    }
    Ok(match runs.is_empty() {
        true => Exit::Negative,
        false => Exit::Fine,
    })
}

/// What the listed runs wait for, once each.
fn suspended(runs: &[RunRow], history: &dyn History, out: &mut Output) -> Result<(), CommandError> {
    let awaited: BTreeSet<&str> = runs
        .iter()
        .filter_map(|run| run.state.parked_on())
        .collect();
    let is_queued = runs.iter().any(|run| run.state == RunState::Queued);
    if awaited.is_empty() && !is_queued {
        return Ok(());
    }
    let mut suspended = history.suspended()?;
    let stops_queued = SuspendedTarget::is_everything_paused(&suspended) && is_queued;
    suspended.retain(|found| {
        let is_everything = found.target == SuspensionTarget::Everything;
        awaited.contains(found.target.key().as_str()) || is_everything && stops_queued
    });
    if !suspended.is_empty() {
        writeln!(out)?;
    }
    for sentence in suspended.iter().flat_map(|found| sentences(found, None)) {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}

/// The runs as a table with column names.
pub fn table(runs: &[RunRow], successors: &Successors) -> Table {
    let mut table = Table::default();
    table.row([
        "RUN", "STATE", "RULE", "TICKET", "EVENT", "PLANNED", "ATTEMPTS", "WHY",
    ]);
    for run in runs {
        table.row([
            run.id.0.to_string(),
            run.state.as_str().to_owned(),
            describe_rule(run),
            run.key.clone().unwrap_or_default(),
            describe_event(run),
            seconds(run.planned),
            run.attempts.to_string(),
            match successors.get(run.id) {
                Some(successor) => match describe_run(run) {
                    why if why.is_empty() => successor.describe(),
                    why => format!("{}; {why}", successor.describe()),
                },
                None => describe_run(run),
            },
        ]);
    }
    table
}

/// The type of the event, and the entry that received it if that is not the one with the name of the source.
fn describe_event(run: &RunRow) -> String {
    match run.endpoint == run.source {
        true => run.event_type.clone(),
        false => format!("{} at {}", run.event_type, run.endpoint),
    }
}

fn no_runs(
    filter: &RunFilter,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let counts = history.counts()?;
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        writeln!(out, "no runs are stored")?;
        return Ok(());
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let which = match filter.is_empty() {
        true => "no older run",
        false => "no such run",
    };
    writeln!(out, "{which}; there are {}", counts.join(", "))?;
    if filter.comparison.is_some() {
        let any = RunFilter {
            comparison: Some(RunComparison::Same),
            ..RunFilter::default()
        };
        let is_compared = !history.runs(&any, Page::first(1))?.is_empty();
        let known = match is_compared {
            true => "rules and their shadow versions started the same runs",
            false => {
                "no rule was compared with a shadow version: a rule with the same name and `mode: shadow`"
            }
        };
        writeln!(out, "{known}")?;
    }
    if let Some(entry) = &filter.endpoint {
        let entry = missed_entry(entry, filter, history)?;
        if let Some(unknown) = entry.describe_unknown() {
            writeln!(out, "{unknown}")?;
        }
        if let Some(others) = entry.describe_stored() {
            writeln!(out, "such runs are stored at {others}")?;
        }
    }
    if let Some(near) = near_rule(filter, history)? {
        writeln!(out, "did you mean `--rule {near}`?")?;
    }
    Ok(())
}

/// Says if nothing has the name of what the runs should wait for.
fn unknown_target(
    filter: &RunFilter,
    history: &dyn History,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<(), CommandError> {
    let Some(target) = &filter.waiting_for else {
        return Ok(());
    };
    // What is no longer configured can still be paused.
    let mut suspended = history.suspended()?.into_iter();
    if suspended.any(|found| found.target == *target) {
        return Ok(());
    }
    let Some(book) = rules_in_force(history, global) else {
        return Ok(());
    };
    if let Err(unknown) = known_target(&book, target.clone()) {
        writeln!(out, "{}", plain(&unknown.to_string()))?;
    }
    Ok(())
}

/// The entries that have runs like the ones that were asked for, of the newest.
pub fn missed_entry(
    entry: &str,
    filter: &RunFilter,
    history: &dyn History,
) -> Result<MissedEntry, CommandError> {
    const MAX_READ: usize = 1_000;
    let elsewhere = RunFilter {
        endpoint: None,
        ..filter.clone()
    };
    let page = Page {
        limit: MAX_READ,
        before: None,
    };
    let runs = history.runs(&elsewhere, page)?;
    let stored_at: BTreeSet<String> = runs.into_iter().map(|run| run.endpoint).collect();
    MissedEntry::new(entry, stored_at.into_iter().collect(), history)
}

/// The rule with the most similar name, if no run has the requested rule.
pub fn near_rule(
    filter: &RunFilter,
    history: &dyn History,
) -> Result<Option<String>, CommandError> {
    let Some(requested) = &filter.rule else {
        return Ok(None);
    };
    let names = history.rules_with_runs()?;
    if names.contains(requested) {
        return Ok(None);
    }
    Ok(nearest(requested, names.iter().map(String::as_str)).map(str::to_owned))
}
