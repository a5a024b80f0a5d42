//! The options that select runs: rule, state, ticket, event, receiving entry, time, replay, address, error text, and what
//! they wait for.

use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use crate::report::time_argument::TimeArgument;
use crate::store::ReplayId;
use crate::store::history::{RunComparison, RunFilter};
use flowtrigger_core::run::STATES;
use flowtrigger_core::suspension::SuspensionTarget;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Which runs")]
pub struct Selection {
    /// Runs of this rule.
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Runs in this state, or in one of several: dead,held.
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = PossibleValuesParser::new(STATES), hide_possible_values = true)]
    pub state: Vec<String>,
    /// Runs for events of this ticket.
    #[arg(long, value_name = "ID")]
    pub ticket: Option<String>,
    /// Runs for this event.
    #[arg(long, value_name = "ID")]
    pub event: Option<String>,
    /// Runs for events that this entry of `sources` received: tickets of two accounts can have the same id.
    #[arg(long, value_name = "ENTRY")]
    pub endpoint: Option<String>,
    /// Runs planned at this time or later: 2026-01-07T09:02 in UTC, or -2h.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    pub since: Option<TimeArgument>,
    /// Runs planned before this time.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    pub until: Option<TimeArgument>,
    /// Runs with a request to an address with this text: part of a host or a path.
    #[arg(long, value_name = "TEXT")]
    pub sent_to: Option<String>,
    /// Runs that wait for this, paused or down: connection:chat, host:api.example:443, rule:NAME, everything.
    #[arg(long, value_name = "WHAT", value_parser = awaited)]
    pub waiting_for: Option<SuspensionTarget>,
    /// Runs of a rule or of its shadow version that the other one would not start.
    #[arg(long)]
    pub shadow_differs: bool,
    /// Runs that this replay started.
    #[arg(long, value_name = "ID")]
    pub replay: Option<ReplayId>,
    /// Runs with this text in the reason of their state or in the error of an attempt.
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
}

impl Selection {
    pub fn filter(&self, now: Timestamp) -> RunFilter {
        RunFilter {
            rule: self.rule.clone(),
            states: self.state.clone(),
            key: self.ticket.clone(),
            event: self.event.clone(),
            endpoint: self.endpoint.clone(),
            since: self.since.map(|since| since.from(now)),
            until: self.until.map(|until| until.from(now)),
            error: self.error.clone(),
            sent_to: self.sent_to.clone(),
            replay: self.replay,
            waiting_for: self.waiting_for.clone(),
            comparison: self.shadow_differs.then_some(RunComparison::Different),
            ..RunFilter::default()
        }
    }
}

/// `connection:chat`
fn awaited(text: &str) -> Result<SuspensionTarget, String> {
    let key = match text.split_once(':') {
        Some((kind, name)) => format!("{kind} {name}"),
        None => text.to_owned(),
    };
    let help = "write connection:NAME, host:NAME:PORT, rule:NAME or everything";
    key.parse().map_err(|_| help.to_owned())
}
