//! `why`: explains what happened to an event, to the events of a ticket, or to a rule, with the rules of that time.
//! This version of the program evaluates the stored event again and reports a differing recorded outcome.
//! Needs no daemon and ignores the current rules.

mod lookup;
mod not_found;
mod rule;

use std::io::Write;

use jiff::Timestamp;

use super::exit::Exit;
use crate::cli::daemon_state::flush_archive;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::why::lookup::{listened, types_of};
use crate::report::daemon_state::ArchiveState;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::message;
use crate::report::time_argument::TimeArgument;
use crate::report::why::evaluated::{RevisionCache, reevaluate};
use crate::report::why::export::{self, Export};
use crate::report::why::find::{Choice, Distance, choose, find, missed_entry};
use crate::report::why::missed::MissedEvent;
use crate::report::why::rejected::{RejectedRequests, rejected_since};
use crate::report::why::report::{self, Question};
use crate::store::History;
use crate::store::history::EventRow;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger why 90417                              the newest event of a ticket
  flowtrigger why 90417 --at 2026-01-07T09:02        the one nearest to that time
  flowtrigger why 90417 --rule page-urgent           one rule, for its newest event
  flowtrigger why 90417 --rule page-urgent --all     one rule, for every event of the ticket
  flowtrigger why 01J9Z6V8Q0RM2T3K4N5P6Q7R8S         one event, by its id
  flowtrigger why page-urgent                        a rule: its runs and its near misses
  flowtrigger why 90417 --event | flowtrigger dry-run -
                                                     the event as received, with the rules of now
  flowtrigger why 90417 --rule page-urgent --as-test >> rules/page-urgent.test.yaml
                                                     the event as a test of the rule

Times are UTC. Exit codes: 0 the event or the rule was found, 1 it was not, `--rule` did not listen
to it, or the nearest to `--at` is more than an hour away.";

/// Explain what happened to an event and why, with the rules of that time
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The id of an event or of a ticket, or the name of a rule.
    #[arg(value_name = "EVENT|TICKET|RULE", required_unless_present = "rule")]
    subject: Option<String>,
    /// The event received nearest to this time: 2026-01-07T09:02 in UTC, or -2h. Default: the newest.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true, requires = "subject")]
    at: Option<TimeArgument>,
    /// Only events that this entry of `sources` received: tickets of two accounts can have the same id.
    #[arg(long, value_name = "ENTRY", requires = "subject")]
    endpoint: Option<String>,
    /// Explain only this rule, for the newest event that it listened to. Without an event: the rule.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Explain every event found, not only one.
    #[arg(long, requires = "subject")]
    all: bool,
    /// Output format; json prints one line per explained event.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    export: ExportOptions,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false, requires = "subject", conflicts_with_all = ["all", "format"])]
struct ExportOptions {
    /// Print the event as received, which `run -`, `dry-run -` and `send -` read.
    #[arg(long)]
    event: bool,
    /// Print the event as rules read it: header, envelope and body.
    #[arg(long, visible_alias = "normalized")]
    normalised: bool,
    /// Print the event as a rule test that passes with the rules of that time.
    #[arg(long)]
    as_test: bool,
}

impl ExportOptions {
    fn selected(&self) -> Option<Export> {
        match (self.event, self.normalised, self.as_test) {
            (true, _, _) => Some(Export::AsReceived),
            (_, true, _) => Some(Export::Normalised),
            (_, _, true) => Some(Export::Test),
            (false, false, false) => None,
        }
    }
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let history = global.history()?;
    // An event of the last moment is not in the database before the daemon writes it.
    let archive = flush_archive(&global.socket());
    let Some(subject) = &args.subject else {
        return rule::explain_all(&args.rule, args.format, &archive, &*history, out);
    };
    let at = args.at.map(|at| at.from(Timestamp::now()));
    let found = find(subject, args.endpoint.as_deref(), at, &*history)?;
    if found.is_empty() {
        let export = args.export.selected();
        if export.is_none() && rule::explain(subject, args.format, &archive, &*history, out)? {
            return Ok(Exit::Fine);
        }
        let entry = match args.endpoint.as_deref() {
            None => None,
            Some(entry) => Some(missed_entry(subject, entry, &*history)?),
        };
        let missed = MissedEvent::read(subject, at, entry, &*history)?;
        not_found::print(&missed, args.format, &archive, out)?;
        return Ok(Exit::Negative);
    }
    let mut revisions = RevisionCache::default();
    let choice = choose(&found, &args.rule, &mut revisions, &*history)?;
    let nearest = at.map(|at| Distance::new(at, choice.event.received));
    let asked = Asked {
        args: &args,
        subject,
        at,
        found: &found,
        choice,
        nearest,
        archive,
    };
    match args.export.selected() {
        None => asked.explain(&mut revisions, &*history, out),
        Some(export) => asked.export(export, global, &mut revisions, &*history, out),
    }
}

/// A question about events, and the events that were found.
struct Asked<'a> {
    args: &'a Args,
    subject: &'a str,
    at: Option<Timestamp>,
    found: &'a [EventRow],
    choice: Choice<'a>,
    /// How far the chosen event is from the time that was asked for.
    nearest: Option<Distance>,
    archive: ArchiveState,
}

impl Asked<'_> {
    fn is_near(&self) -> bool {
        self.nearest.as_ref().is_none_or(Distance::is_near)
    }

    fn explain(
        &self,
        revisions: &mut RevisionCache,
        history: &dyn History,
        out: &mut Output,
    ) -> Result<Exit, CommandError> {
        let (args, found) = (self.args, self.found);
        let is_rule = rule::is_known(self.subject, history)?;
        let rejected = self.rejected(history)?;
        if args.format == Format::Text {
            self.introduce(is_rule, history, out)?;
            if let Some(rejected) = rejected.as_ref().filter(|rejected| !rejected.is_empty()) {
                writeln!(out, "{}", rejected.describe())?;
                rejected.write("  ", out)?;
            }
        }
        let explained = match args.all {
            true => found,
            false => std::slice::from_ref(self.choice.event),
        };
        let types = types_of(found, self.choice.event, args);
        let has_heading = found.len() > 1 || self.nearest.is_some() || is_rule;
        let mut exit = Exit::Negative;
        for (number, head) in explained.iter().enumerate() {
            let Some(event) = reevaluate(head, &args.rule, revisions, history)? else {
                // Retention deleted it meanwhile.
                continue;
            };
            if self.is_near() && (args.rule.is_empty() || listened(&event)) {
                exit = Exit::Fine;
            }
            if args.format == Format::Text && (number > 0 || has_heading) {
                writeln!(out)?;
            }
            let types = match args.all {
                true => vec![head.event_type.clone()],
                false => types.clone(),
            };
            match args.format {
                Format::Json => {
                    let question = Question {
                        rules: &args.rule,
                        types: &types,
                        found: found.len(),
                        nearest: self.nearest.as_ref(),
                        rejected: rejected.as_ref(),
                        archive: &self.archive,
                        is_rule,
                    };
                    writeln!(out, "{}", versioned(report::json(&event, &question)))?;
                }
                Format::Text => report::text(&event, &args.rule, &types, out)?,
            }
            if out.is_closed() {
                break;
            }
        }
        // The newest event of a ticket: a later one may have been rejected.
        let chosen = self.choice.event;
        if args.format == Format::Text
            && self.at.is_none()
            && !args.all
            && chosen.id != self.subject
            && let Some(later) = rejected_since(history, &chosen.source, chosen.received)?
        {
            writeln!(out, "\n{later}")?;
        }
        if let (Format::Text, Some(note)) = (args.format, self.archive.note()) {
            writeln!(out, "\n{note}")?;
        }
        Ok(exit)
    }

    /// The event that was meant may have been rejected: the requests near the time that was asked for.
    fn rejected(&self, history: &dyn History) -> Result<Option<RejectedRequests>, CommandError> {
        match self.is_near() {
            true => Ok(None),
            false => {
                let source = &self.choice.event.source;
                RejectedRequests::read(history, Some(source), self.at).map(Some)
            }
        }
    }

    /// Prints what was found, and what of it is explained.
    fn introduce(
        &self,
        is_rule: bool,
        history: &dyn History,
        out: &mut Output,
    ) -> Result<(), CommandError> {
        if is_rule {
            writeln!(
                out,
                "`{0}` is also the name of a rule: `flowtrigger why --rule {0}` explains it",
                self.subject
            )?;
        }
        if self.found.len() > 1 {
            lookup::list(self.found, self.args, &self.choice, history, out)?;
        }
        if let Some(nearest) = &self.nearest {
            writeln!(out, "{}", nearest.describe())?;
        }
        Ok(())
    }

    /// Prints the chosen event for another command. What a person should know goes to standard error.
    fn export(
        &self,
        export: Export,
        global: &GlobalOptions,
        revisions: &mut RevisionCache,
        history: &dyn History,
        out: &mut Output,
    ) -> Result<Exit, CommandError> {
        let Some(event) = reevaluate(self.choice.event, &self.args.rule, revisions, history)?
        else {
            return Err(CommandError::nothing("the event was deleted meanwhile"));
        };
        let mut notes = lookup::describe_choice(self.found, &self.choice, self.nearest.as_ref());
        let exported = export::export(export, &event, history)?;
        notes.extend(exported.notes);
        let mut stderr = Output::stderr(global.color);
        for note in notes {
            message::note(&mut stderr, &note, None)?;
        }
        stderr.finish()?;
        out.write_unchanged(exported.text.as_bytes())?;
        let did_listen = self.args.rule.is_empty() || listened(&event);
        Ok(match self.is_near() && did_listen {
            true => Exit::Fine,
            false => Exit::Negative,
        })
    }
}
