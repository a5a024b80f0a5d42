//! `why`: explains what happened to an event or to the events of a ticket, with the rules of that time.
//! This version of the program evaluates the stored event again and reports a differing recorded outcome.
//! Needs no daemon and ignores the current rules.

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
use crate::cli::why::evaluated::{EvaluatedEvent, RevisionCache, reevaluate};
use crate::store::History;
use crate::store::history::{EventQuery, EventRow, EventSelector};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger why 90417                              the newest event of a ticket
  flowtrigger why 90417 --at 2026-01-07T09:02        the one nearest to that time
  flowtrigger why 90417 --rule page-urgent --all     one rule, for every event of the ticket
  flowtrigger why 01J9Z6V8Q0RM2T3K4N5P6Q7R8S         one event, by its id

Times are UTC. Exit codes: 0 the event was found, 1 it was not, or `--rule` did not listen to it.";

/// Explain what happened to an event and why, with the rules of that time
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The id of an event, or of a ticket.
    #[arg(value_name = "EVENT|TICKET")]
    subject: String,
    /// The event nearest to this time: 2026-01-07T09:02 in UTC, or -2h. Default: the newest.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// Explain only this rule.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Explain every event found, not only one.
    #[arg(long)]
    all: bool,
    /// Output format; json prints one line per explained event.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The maximum number of events of a ticket that are read.
const MAX_EVENTS: usize = 500;
/// The maximum number of events that are listed.
const MAX_LISTED: usize = 20;

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let history = global.history()?;
    let found = find(&args, &*history)?;
    if found.is_empty() {
        not_found::print(&args.subject, args.format, &*history, out)?;
        return Ok(Exit::Negative);
    }
    if args.format == Format::Text && found.len() > 1 {
        list(&found, &args, &*history, out)?;
    }
    let explained = match args.all {
        true => found.as_slice(),
        false => &found[..1],
    };
    let (mut exit, mut revisions) = (Exit::Negative, RevisionCache::default());
    for (number, head) in explained.iter().enumerate() {
        let Some(event) = reevaluate(head, &args.rule, &mut revisions, &*history)? else {
            // Retention deleted it meanwhile.
            continue;
        };
        if args.rule.is_empty() || !event.rules.is_empty() {
            exit = Exit::Fine;
        }
        if args.format == Format::Text && (number > 0 || found.len() > 1) {
            writeln!(out)?;
        }
        print_event(&event, &args, found.len(), out)?;
        if out.is_closed() {
            break;
        }
    }
    Ok(exit)
}

fn print_event(
    event: &EvaluatedEvent,
    args: &Args,
    found: usize,
    out: &mut Output,
) -> Result<(), CommandError> {
    match args.format {
        Format::Json => writeln!(out, "{}", report::json(event, found))?,
        Format::Text => report::text(event, &args.rule, out)?,
    }
    Ok(())
}

/// Finds events by id, or by ticket if no event has this id.
fn find(args: &Args, history: &dyn History) -> Result<Vec<EventRow>, CommandError> {
    let at = args.at.map(|at| at.from(Timestamp::now()));
    let subject = args.subject.trim().trim_start_matches('#');
    for subject in [
        EventSelector::Id(subject.into()),
        EventSelector::Key(subject.into()),
    ] {
        let query = EventQuery {
            subject,
            at,
            limit: MAX_EVENTS,
        };
        let found = history.events(&query)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Prints one line per event; the explained one is the first.
fn list(
    found: &[EventRow],
    args: &Args,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let mut table = Table::default();
    table.row(["RECEIVED", "EVENT", "RUNS", "ID"]);
    for head in found.iter().take(MAX_LISTED) {
        let runs: Vec<String> = history
            .runs_of(head.row)?
            .iter()
            .map(|run| format!("{} {}", run.rule, run.state.as_str()))
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
        MAX_EVENTS => format!("{MAX_EVENTS} and more"),
        count => count.to_string(),
    };
    let shown = match found.len() {
        0..=MAX_LISTED => String::new(),
        _ => format!(", {MAX_LISTED} shown; `--at TIME` selects older ones"),
    };
    let which = match (args.all, args.at) {
        (true, _) => "all of them",
        (false, None) => "the newest, with `--all` all of them",
        (false, Some(_)) => "the nearest to that time, with `--all` all of them",
    };
    writeln!(out, "\n{all} events{shown}. Explained: {which}")?;
    Ok(())
}
