//! `why`: what happened to an event or to a ticket's events, from the archive, with the rules of that time.
//! This version of the program evaluates them again; where the recorded outcome differs, it says so. No daemon
//! and no current rule is asked.

mod evaluated;
mod not_found;
mod report;

use std::io::Write;

use jiff::Timestamp;

use super::exit::{CommandError, Exit};
use super::output::Output;
use super::render::table::Table;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::time_argument::{TimeArgument, seconds};
use crate::cli::why::evaluated::{EvaluatedEvent, RevisionCache, judge};
use crate::store::History;
use crate::store::history::{EventQuery, EventRow, EventSelector};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger why 90417                              the newest event of a ticket
  flowtrigger why 90417 --at 2026-01-07T09:02        the one nearest to that time
  flowtrigger why 90417 --rule page-urgent --all     one rule, for every event of the ticket
  flowtrigger why 01J9Z6V8Q0RM2T3K4N5P6Q7R8S         one event, by its id

Times are UTC. Exit code: 0 when the event was found, 1 when it was not or `--rule` was not evaluated.";

/// Say what became of an event and why, with the rules as they were then
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The id of an event, or of a ticket.
    #[arg(value_name = "EVENT|TICKET")]
    subject: String,
    /// The event nearest to this time: 2026-01-07T09:02 in UTC, or -2h; the newest unless given.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// Explain this rule alone.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Explain every event that is found, not one alone.
    #[arg(long)]
    all: bool,
    /// How the answer is printed: text for people, json with one line for each event explained.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Events of one ticket that are looked at.
const MOST: usize = 500;
/// Of them, those that are listed.
const LISTED: usize = 20;

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let journal = global.history()?;
    let found = find(&args, &*journal)?;
    if found.is_empty() {
        not_found::tell(&args.subject, args.format, &*journal, out)?;
        return Ok(Exit::Negative);
    }
    if args.format == Format::Text && found.len() > 1 {
        list(&found, &args, &*journal, out)?;
    }
    let explained = match args.all {
        true => found.as_slice(),
        false => &found[..1],
    };
    let (mut exit, mut editions) = (Exit::Negative, RevisionCache::default());
    for (number, head) in explained.iter().enumerate() {
        let Some(judged) = judge(head, &args.rule, &mut editions, &*journal)? else {
            // Retention took it while we looked.
            continue;
        };
        if args.rule.is_empty() || !judged.rules.is_empty() {
            exit = Exit::Fine;
        }
        if args.format == Format::Text && (number > 0 || found.len() > 1) {
            writeln!(out)?;
        }
        tell(&judged, &args, found.len(), out)?;
        if out.is_closed() {
            break;
        }
    }
    Ok(exit)
}

fn tell(
    judged: &EvaluatedEvent,
    args: &Args,
    found: usize,
    out: &mut Output,
) -> Result<(), CommandError> {
    match args.format {
        Format::Json => writeln!(out, "{}", report::json(judged, found))?,
        Format::Text => report::text(judged, &args.rule, out)?,
    }
    Ok(())
}

/// By id, and where no event has it by ticket.
fn find(args: &Args, journal: &dyn History) -> Result<Vec<EventRow>, CommandError> {
    let at = args.at.map(|at| at.from(Timestamp::now()));
    let subject = args.subject.trim().trim_start_matches('#');
    for subject in [
        EventSelector::Id(subject.into()),
        EventSelector::Key(subject.into()),
    ] {
        let query = EventQuery {
            subject,
            at,
            limit: MOST,
        };
        let found = journal.events(&query)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// One line an event; which of them is explained comes first.
fn list(
    found: &[EventRow],
    args: &Args,
    journal: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let mut table = Table::default();
    table.row(["RECEIVED", "EVENT", "RUNS", "ID"]);
    for head in found.iter().take(LISTED) {
        let runs: Vec<String> = journal
            .runs_of(head.row)?
            .iter()
            .map(|run| format!("{} {}", run.rule, run.state.word()))
            .collect();
        let runs = match runs.is_empty() {
            true => "none".to_owned(),
            false => runs.join(", "),
        };
        table.row([
            seconds(head.received),
            head.event_type.clone(),
            runs,
            head.id.clone(),
        ]);
    }
    table.write(out)?;
    let all = match found.len() {
        MOST => format!("{MOST} and more"),
        count => count.to_string(),
    };
    let shown = match found.len() {
        0..=LISTED => String::new(),
        _ => format!(", {LISTED} shown; `--at TIME` goes further back"),
    };
    let which = match (args.all, args.at) {
        (true, _) => "all of them",
        (false, None) => "the newest, with `--all` all of them",
        (false, Some(_)) => "the nearest to that time, with `--all` all of them",
    };
    writeln!(out, "\n{all} events{shown}. Explained: {which}")?;
    Ok(())
}
