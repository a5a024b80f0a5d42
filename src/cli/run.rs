//! `run`: reads events, acts for real, waits for the end of every run and reports.
//! It refuses an input that is no event, after the events before it.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::global::{Format, Global};
use super::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger run event.json
  flowtrigger run --format json events.ndjson
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger run -";

/// Read events, act for real, wait for the end and report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event a line; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read the input as this configured source instead of telling it by its content.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How the report is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(_args: Args, _global: &Global, _out: &mut Output) -> Result<Exit, Failure> {
    Err(Failure::usage("`run` is not built yet"))
}
