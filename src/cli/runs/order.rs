//! `runs retry`, `replay` and `cancel`: which runs are meant, and what became of the order to each.
//! It refuses to take every run there is for want of a filter.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use super::admin::Admin;
use super::{Orders, list, offline};
use crate::cli::exit::{Exit, Failure};
use crate::cli::global::{Format, Global};
use crate::cli::output::Output;
use crate::cli::render::diagnostics::number;
use crate::cli::render::message;
use crate::cli::render::run::row_json;
use crate::core::run::RunId;
use crate::store::sqlite::journal::{Filter, Journal, Page, RunRow};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Retry,
    Replay,
    Cancel,
}

/// What became of the order to one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub run: RunId,
    pub result: Result<Vec<Placed>, String>,
}

/// Where a run stands after an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub id: u64,
    pub rule: String,
    pub state: String,
}

/// Runs that are picked in one question.
const PAGE: usize = 1_000;

impl Order {
    pub fn word(self) -> &'static str {
        match self {
            Order::Retry => "retry",
            Order::Replay => "replay",
            Order::Cancel => "cancel",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Order::Retry => "retried",
            Order::Replay => "replayed",
            Order::Cancel => "cancelled",
        }
    }

    /// What `--all` takes where no state is named: what the order makes sense for. Nobody's own
    /// cancelling is undone in passing.
    fn states(self) -> &'static [&'static str] {
        match self {
            Order::Retry => &["dead", "held"],
            Order::Replay => &[],
            Order::Cancel => &["queued", "running", "retrying", "held"],
        }
    }
}

pub fn run(order: Order, args: Orders, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let runs = meant(order, &args, global)?;
    if runs.is_empty() {
        if args.format == Format::Text {
            writeln!(out, "no run like that to {}", order.word())?;
        }
        return Ok(Exit::Negative);
    }
    if args.dry_run {
        return would(order, &runs, args.format, out);
    }
    let ids: Vec<RunId> = match args.all {
        // In the order in which they came, since each goes to the end of its lane.
        true => runs.iter().rev().map(|run| run.id).collect(),
        false => args.ids.iter().copied().map(RunId).collect(),
    };
    let answers = match Admin::connect(&global.socket())? {
        Some(admin) => admin.carry_out(order, &ids)?,
        None => offline::carry_out(order, &ids, global)?,
    };
    tell(order, &answers, args.format, global, out)
}

/// The runs that are meant, the newest first.
fn meant(order: Order, args: &Orders, global: &Global) -> Result<Vec<RunRow>, Failure> {
    let mut filter = args.selection.filter(Timestamp::now());
    let word = order.word();
    match (args.all, filter.is_empty()) {
        (false, false) => {
            let failure = Failure::usage("ids and filters do not go together");
            return Err(failure.help(format!(
                "name the runs, or write `flowtrigger runs {word} --all` with the filters"
            )));
        }
        (true, true) => {
            let failure = Failure::usage(format!("`--all` alone would {word} every run there is"));
            return Err(failure.help(format!(
                "say which: `flowtrigger runs {word} --all --state {}`",
                order.states().first().unwrap_or(&"dead")
            )));
        }
        (true, false) | (false, true) => {}
    }
    filter.ids = args.ids.iter().copied().map(RunId).collect();
    if args.all && filter.states.is_empty() {
        filter.states = order.states().iter().copied().map(str::to_owned).collect();
    }
    let journal = global.journal()?;
    let runs = every(&journal, &filter)?;
    match args.all || runs.len() == filter.ids.len() {
        true => Ok(runs),
        false => Err(unknown(&filter.ids, &runs)),
    }
}

fn every(journal: &Journal, filter: &Filter) -> Result<Vec<RunRow>, Failure> {
    let mut runs: Vec<RunRow> = Vec::new();
    loop {
        let page = Page {
            limit: PAGE,
            before: runs.last().map(|run| run.id),
        };
        let found = journal.runs(filter, page)?;
        let last = found.len() < PAGE;
        runs.extend(found);
        if last {
            return Ok(runs);
        }
    }
}

fn unknown(ids: &[RunId], found: &[RunRow]) -> Failure {
    let unknown = ids
        .iter()
        .filter(|id| found.iter().all(|run| run.id != **id));
    let unknown: Vec<String> = unknown.map(|RunId(id)| id.to_string()).collect();
    Failure::nothing(format!("there is no run {}", unknown.join(", ")))
        .help("nothing was done; `flowtrigger runs list` shows the runs there are")
}

fn would(order: Order, runs: &[RunRow], format: Format, out: &mut Output) -> Result<Exit, Failure> {
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
    order: Order,
    answers: &[Answer],
    format: Format,
    global: &Global,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut refused = 0;
    for Answer { run, result } in answers {
        match (result, format) {
            (Ok(placed), Format::Json) => placed.iter().try_for_each(|placed| {
                let Placed { id, rule, state } = placed;
                writeln!(
                    out,
                    "{}",
                    json!({"id": id, "rule": rule, "state": state, "of": run.0})
                )
            })?,
            (Ok(placed), Format::Text) => placed.iter().try_for_each(|placed| {
                let Placed { id, rule, state } = placed;
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
            refused => format!(", {refused} refused"),
        };
        writeln!(out, "{} {}{refused}", number(done, "run"), order.done())?;
    }
    Ok(match refused {
        0 => Exit::Fine,
        _ => Exit::Negative,
    })
}
