//! `why`: explains what happened to an event or to the events of a ticket, with the rules of that time.
//! This version of the program evaluates the stored event again and reports a differing recorded outcome.
//! Needs no daemon and ignores the current rules.

mod evaluated;
mod not_found;
mod rejected;
mod repeats;
mod report;
mod verdict;

use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::exit::{CommandError, Exit};
use super::output::Output;
use super::render::table::Table;
use crate::cli::daemon_state::ArchiveState;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::time_argument::{TimeArgument, seconds};
use crate::cli::why::evaluated::{EvaluatedEvent, RevisionCache, has_listener, reevaluate};
use crate::cli::why::rejected::{RejectedRequests, rejected_since};
use crate::store::History;
use crate::store::history::{EventQuery, EventRow, EventSelector};
use flowtrigger_core::gate::format_duration;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger why 90417                              the newest event of a ticket
  flowtrigger why 90417 --at 2026-01-07T09:02        the one nearest to that time
  flowtrigger why 90417 --rule page-urgent           one rule, for its newest event
  flowtrigger why 90417 --rule page-urgent --all     one rule, for every event of the ticket
  flowtrigger why 01J9Z6V8Q0RM2T3K4N5P6Q7R8S         one event, by its id

Times are UTC. Exit codes: 0 the event was found, 1 it was not, `--rule` did not listen to it, or
the nearest to `--at` is more than an hour away.";

/// Explain what happened to an event and why, with the rules of that time
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The id of an event, or of a ticket.
    #[arg(value_name = "EVENT|TICKET")]
    subject: String,
    /// The event received nearest to this time: 2026-01-07T09:02 in UTC, or -2h. Default: the newest.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// Only events that this entry of `sources` received: tickets of two accounts can have the same id.
    #[arg(long, value_name = "ENTRY")]
    endpoint: Option<String>,
    /// Explain only this rule, for the newest event that it listened to.
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
    // An event of the last moment is not in the database before the daemon writes it.
    let archive = ArchiveState::flush(&global.socket());
    let at = args.at.map(|at| at.from(Timestamp::now()));
    let found = find(&args, at, &*history)?;
    if found.is_empty() {
        not_found::print(&args.subject, at, args.format, &archive, &*history, out)?;
        return Ok(Exit::Negative);
    }
    let mut revisions = RevisionCache::default();
    let choice = choose(&found, &args.rule, &mut revisions, &*history)?;
    let chosen = choice.event;
    let nearest = at.map(|at| Distance::new(at, chosen.received));
    if args.format == Format::Text && found.len() > 1 {
        list(&found, &args, &choice, &*history, out)?;
    }
    if let (Format::Text, Some(nearest)) = (args.format, &nearest) {
        writeln!(out, "{}", nearest.describe())?;
    }
    // The event that was meant may have been rejected.
    let rejected = match &nearest {
        Some(nearest) if !nearest.is_near() => {
            RejectedRequests::read(&*history, Some(&chosen.source), at).map(Some)?
        }
        Some(_) | None => None,
    };
    if let (Format::Text, Some(rejected)) = (args.format, &rejected)
        && !rejected.is_empty()
    {
        writeln!(out, "{}", rejected.describe())?;
        rejected.write("  ", out)?;
    }
    let explained = match args.all {
        true => found.as_slice(),
        false => std::slice::from_ref(chosen),
    };
    let types = types_of(&found, chosen, &args);
    let mut exit = Exit::Negative;
    for (number, head) in explained.iter().enumerate() {
        let Some(event) = reevaluate(head, &args.rule, &mut revisions, &*history)? else {
            // Retention deleted it meanwhile.
            continue;
        };
        let is_near = nearest.as_ref().is_none_or(Distance::is_near);
        if is_near && (args.rule.is_empty() || listened(&event)) {
            exit = Exit::Fine;
        }
        if args.format == Format::Text && (number > 0 || found.len() > 1 || nearest.is_some()) {
            writeln!(out)?;
        }
        let types = match args.all {
            true => vec![head.event_type.clone()],
            false => types.clone(),
        };
        match args.format {
            Format::Json => {
                let mut answer = report::json(&event, &args.rule, &types, found.len());
                answer["seconds_from_asked_time"] = json!(nearest.as_ref().map(Distance::seconds));
                answer["rejected"] = json!(rejected.as_ref().map(RejectedRequests::json));
                answer["archive_behind"] = json!(archive.behind());
                writeln!(out, "{answer}")?;
            }
            Format::Text => report::text(&event, &args.rule, &types, out)?,
        }
        if out.is_closed() {
            break;
        }
    }
    // The newest event of a ticket: a later one may have been rejected.
    if args.format == Format::Text
        && at.is_none()
        && !args.all
        && chosen.id != args.subject
        && let Some(later) = rejected_since(&*history, &chosen.source, chosen.received)?
    {
        writeln!(out, "\n{later}")?;
    }
    if let (Format::Text, Some(note)) = (args.format, archive.note()) {
        writeln!(out, "\n{note}")?;
    }
    Ok(exit)
}

/// The event that is explained.
struct Choice<'a> {
    event: &'a EventRow,
    /// Whether one of the rules that were asked about listened to it.
    listened: bool,
}

/// The first event that one of the rules listened to, or the first one of all.
fn choose<'a>(
    found: &'a [EventRow],
    rules: &[String],
    revisions: &mut RevisionCache,
    history: &dyn History,
) -> Result<Choice<'a>, CommandError> {
    if !rules.is_empty() {
        for head in found {
            if has_listener(head, rules, revisions, history)? {
                return Ok(Choice {
                    event: head,
                    listened: true,
                });
            }
        }
    }
    Ok(Choice {
        event: &found[0],
        listened: false,
    })
}

/// Whether one of the rules that were asked about listened, or has a run.
fn listened(event: &EvaluatedEvent) -> bool {
    !event.rules.is_empty() || !event.others.is_empty()
}

/// The types of the events that were looked through, each once; the explained one first.
fn types_of(found: &[EventRow], chosen: &EventRow, args: &Args) -> Vec<String> {
    let mut types = vec![chosen.event_type.clone()];
    let others = found.iter().filter(|_| !args.rule.is_empty());
    for event in others {
        if !types.contains(&event.event_type) {
            types.push(event.event_type.clone());
        }
    }
    types
}

/// How far the nearest event is from the time that was asked for.
struct Distance {
    at: Timestamp,
    received: Timestamp,
}

/// Farther than this, the event is probably not the one that was meant.
const MAX_DISTANCE: SignedDuration = SignedDuration::from_hours(1);

impl Distance {
    fn new(at: Timestamp, received: Timestamp) -> Self {
        Self { at, received }
    }

    fn between(&self) -> SignedDuration {
        self.received.duration_since(self.at)
    }

    /// Negative for an event before the time.
    fn seconds(&self) -> i64 {
        self.between().as_secs()
    }

    fn is_near(&self) -> bool {
        self.between().abs() <= MAX_DISTANCE
    }

    fn describe(&self) -> String {
        let at = seconds(self.at);
        let between = self.between();
        let side = if between.is_negative() {
            "before"
        } else {
            "after"
        };
        let length = format_duration(between.unsigned_abs());
        match (self.is_near(), between.as_secs()) {
            (true, 0) => format!("the nearest stored event was received at {at}"),
            (true, _) => format!("the nearest stored event was received {length} {side} {at}"),
            (false, _) => format!(
                "no stored event was received within an hour of {at}; the nearest is {length} {side} it"
            ),
        }
    }
}

/// Finds events by id, or by ticket if no event has this id.
fn find(
    args: &Args,
    at: Option<Timestamp>,
    history: &dyn History,
) -> Result<Vec<EventRow>, CommandError> {
    let subject = args.subject.trim().trim_start_matches('#');
    for subject in [
        EventSelector::Id(subject.into()),
        EventSelector::Key(subject.into()),
    ] {
        let query = EventQuery {
            subject,
            endpoint: args.endpoint.clone(),
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
    choice: &Choice<'_>,
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
    let which = match (args.all, args.at, choice.listened) {
        (true, _, _) => "all of them",
        (false, None, false) => "the newest, with `--all` all of them",
        (false, None, true) => "the newest that the rule listened to, with `--all` all of them",
        (false, Some(_), false) => "the nearest to that time, with `--all` all of them",
        (false, Some(_), true) => {
            "the nearest to that time that the rule listened to, with `--all` all of them"
        }
    };
    writeln!(out, "\n{all} events{shown}. Explained: {which}")?;
    Ok(())
}
