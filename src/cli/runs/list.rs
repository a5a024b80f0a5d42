//! `runs list`: one line a run, the newest first.
//! It never prints a page that silently is not all: what more there is, is said with how to see it.

use std::io::Write;

use jiff::Timestamp;

use super::List;
use crate::cli::exit::{Exit, Failure};
use crate::cli::global::{Format, Global};
use crate::cli::moment::seconds;
use crate::cli::output::Output;
use crate::cli::render::run::{about, row_json};
use crate::cli::render::table::Table;
use crate::core::run::RunId;
use crate::store::sqlite::journal::{Filter, Journal, Page, RunRow};

pub fn run(args: List, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let journal = global.journal()?;
    let filter = args.selection.filter(Timestamp::now());
    let limit = args.limit.get();
    let page = Page {
        limit: limit.saturating_add(1),
        before: args.before.map(RunId),
    };
    let mut runs = journal.runs(&filter, page)?;
    let more = runs.len() > limit;
    runs.truncate(limit);
    match args.format {
        Format::Json => runs
            .iter()
            .try_for_each(|run| writeln!(out, "{}", row_json(run)))?,
        Format::Text if runs.is_empty() => none(&filter, &journal, out)?,
        Format::Text => {
            table(&runs).write(out)?;
            if let Some(last) = runs.last().filter(|_| more) {
                let RunId(last) = last.id;
                writeln!(
                    out,
                    "\nolder ones: add `--before {last}`, or a larger `--limit`"
                )?;
            }
        }
    }
    Ok(match runs.is_empty() {
        true => Exit::Negative,
        false => Exit::Fine,
    })
}

/// Runs under the names of their columns.
pub fn table(runs: &[RunRow]) -> Table {
    let mut table = Table::default();
    table.row([
        "RUN", "STATE", "RULE", "TICKET", "EVENT", "PLANNED", "TRIES", "WHY",
    ]);
    for run in runs {
        table.row([
            run.id.0.to_string(),
            run.state.word().to_owned(),
            run.rule.clone(),
            run.key.clone().unwrap_or_default(),
            run.event_type.clone(),
            seconds(run.planned),
            run.attempts.to_string(),
            one_line(&about(run)),
        ]);
    }
    table
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

fn none(filter: &Filter, journal: &Journal, out: &mut Output) -> Result<(), Failure> {
    let counts = journal.counts()?;
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        writeln!(out, "no runs: no event has matched a rule yet")?;
        return Ok(());
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let which = match filter.is_empty() {
        true => "no older run",
        false => "no run like that",
    };
    writeln!(out, "{which}; there are {}", counts.join(", "))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_takes_one_line() {
        assert_eq!(one_line("a\n  b\tc"), "a b c");
    }
}
