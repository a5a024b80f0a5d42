//! `dry-run`: which rules an event would fire, why, and the exact requests and commands.
//! It refuses to send, start or store anything.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::global::{Format, Global};
use super::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger dry-run event.json
  flowtrigger dry-run --explain --set ticket.priority=urgent event.json
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger dry-run --explain -
  flowtrigger dry-run --format json events.ndjson | jq .matched";

/// Tell what events would do, without any effect.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event a line; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Tell of every rule of the event's type why it matches or not.
    #[arg(long)]
    explain: bool,
    /// Change a field of the events first; may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Read the input as this configured source instead of telling it by its content.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How the answer is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(_args: Args, _global: &Global, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("`dry-run` is not built yet"))
}
