//! The options that select the events of a replay.

use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use crate::report::error::CommandError;
use crate::report::replay::scope::{DELETED, EarlierStates, EventScope, NONE};
use crate::report::time_argument::{TimeArgument, seconds};
use flowtrigger_core::run::STATES;

/// The ids of all options that select events.
pub const SELECTION: [&str; 9] = [
    "since",
    "until",
    "rule",
    "ticket",
    "source",
    "endpoint",
    "unmatched",
    "include_done",
    "earlier",
];

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which events")]
pub struct EventSelection {
    /// Events received at this time or later: 2026-01-07T09:02 in UTC, or -2h.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    since: Option<TimeArgument>,
    /// Events received before this time. Default: now.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    until: Option<TimeArgument>,
    /// Plan only runs of this rule. Repeat it for several rules.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// Events of this ticket.
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Events of this source, as rules name it.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Events that this entry under `sources` received.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Only events that matched no rule.
    #[arg(long)]
    unmatched: bool,
    /// Also where the newest earlier run of the event and rule is done.
    #[arg(long, conflicts_with = "earlier")]
    include_done: bool,
    /// Only where the newest earlier run is in one of these states; none: there is no run.
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = earlier_states(), hide_possible_values = true)]
    earlier: Vec<String>,
}

fn earlier_states() -> PossibleValuesParser {
    PossibleValuesParser::new(STATES.into_iter().chain([NONE, DELETED]))
}

impl EventSelection {
    /// The scope of a replay that begins now.
    pub fn scope(&self, now: Timestamp) -> Result<EventScope, CommandError> {
        if self.since.is_none() && self.ticket.is_none() {
            let failure = CommandError::usage("a replay needs `--since`, `--ticket` or `--resume`");
            return Err(failure.help(
                "name the time from which events are replayed: `flowtrigger replay --since -1h --dry-run`",
            ));
        }
        let since = self.since.map(|since| since.from(now));
        let until = self.until.map_or(now, |until| until.from(now));
        if let Some(since) = since.filter(|since| *since >= until) {
            let end = match self.until {
                Some(_) => "`--until`",
                None => "now",
            };
            return Err(CommandError::usage(format!(
                "`--since` ({}) is not before {end} ({}): no event can be selected",
                seconds(since),
                seconds(until)
            )));
        }
        Ok(EventScope {
            since,
            until,
            rules: self.rule.clone(),
            ticket: self.ticket.clone(),
            source: self.source.clone(),
            endpoint: self.endpoint.clone(),
            unmatched: self.unmatched,
            earlier: match (self.earlier.is_empty(), self.include_done) {
                (false, _) => EarlierStates::Only(self.earlier.clone()),
                (true, true) => EarlierStates::WithDone,
                (true, false) => EarlierStates::WithoutResult,
            },
            row: None,
        })
    }
}
