//! `events`: the catalogue of what can happen, one type in full, or its sample.
//! It refuses a name that no type has, with the nearest one that a type has.

mod listing;
mod page;

use std::io::Write;

use clap::ArgAction;

use super::exit::{Exit, Failure};
use super::global::{Format, Global};
use super::output::Output;
use crate::core::event::catalogue::{Catalogue, EventType};
use crate::core::event::sample::sample;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger events
  flowtrigger events ticket.PriorityChanged
  flowtrigger events \"Client posted ticket message\"
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger dry-run --explain -";

/// Show the types of event, their fields and a sample of each.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// One type, by its tag, display name, webhook name or hook code; all unless given.
    #[arg(value_name = "TYPE")]
    event_type: Option<String>,
    /// Print the sample event alone, as the help desk sends it.
    #[arg(long, requires = "event_type", action = ArgAction::SetTrue)]
    sample: bool,
    /// How the answer is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "sample")]
    format: Format,
}
