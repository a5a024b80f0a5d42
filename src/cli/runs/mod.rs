//! `runs`: what runs there are, all about one, and a person's orders to them.
//! Reading asks the database alone; an order goes to the daemon, or to the folder where none is alive.

mod admin_client;
mod command;
mod list;
mod offline;
mod selection;
mod show;

use std::num::NonZeroUsize;

use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::command::{ReplayRules, RunCommand};
use selection::Selection;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger runs list --state dead,held --since -1d
  flowtrigger runs list --ticket 90417
  flowtrigger runs show 4711
  flowtrigger runs retry 4711
  flowtrigger runs retry --all --rule page-urgent --error 'answered 503' --dry-run
  flowtrigger runs replay --all --state skipped --since 2026-01-07T09:00
  flowtrigger runs cancel --all --rule page-urgent --state queued

States: queued, debouncing, running, retrying, waiting, done, skipped, shadow, suppressed, held, dead,
cancelled.
Times are UTC. Exit code: 0 fine, 1 when nothing is found or a command is rejected.";

/// List runs, show all about one, retry, replay or cancel them
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RunsCommand {
    /// The newest runs first, one a line
    List(List),
    /// All about runs: event, rule, why it matched, every attempt, what comes next
    Show(Show),
    /// Go on with dead, held or cancelled runs where they stopped, last in their lane
    #[command(
        override_usage = "flowtrigger runs retry [OPTIONS] <ID>...\n       flowtrigger runs retry [OPTIONS] --all <WHICH RUNS>"
    )]
    Retry(RunCommandArgs),
    /// Act on the event of a run again, with its rule as it is today and past all gates
    #[command(
        override_usage = "flowtrigger runs replay [OPTIONS] <ID>...\n       flowtrigger runs replay [OPTIONS] --all <WHICH RUNS>"
    )]
    Replay(Replay),
    /// Give up runs that are not over
    #[command(
        override_usage = "flowtrigger runs cancel [OPTIONS] <ID>...\n       flowtrigger runs cancel [OPTIONS] --all <WHICH RUNS>"
    )]
    Cancel(RunCommandArgs),
}

#[derive(Debug, clap::Args)]
struct List {
    /// How many at most.
    #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
    limit: NonZeroUsize,
    /// Only runs older than this one: the next page.
    #[arg(long, value_name = "ID", value_parser = id)]
    before: Option<u64>,
    /// How runs are printed: text for people, json with one line for each.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Runs, by their ids.
    #[arg(required = true, value_name = "ID", value_parser = id)]
    ids: Vec<u64>,
    /// How runs are printed: text for people, json with one line for each.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct RunCommandArgs {
    /// Runs, by their ids.
    #[arg(value_name = "ID", required_unless_present = "all", value_parser = id)]
    ids: Vec<u64>,
    /// All runs that the filters take.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Show which runs are meant, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// How the answer is printed: text for people, json with one line for each run.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// Plan every rule that matches the event today, not the run's own rule alone.
    #[arg(long)]
    every_rule: bool,
    #[command(flatten)]
    orders: RunCommandArgs,
}

fn id(text: &str) -> Result<u64, String> {
    let help = "runs have numbers; `flowtrigger runs list` shows them";
    text.parse().map_err(|_| help.to_owned())
}

fn count(text: &str) -> Result<NonZeroUsize, String> {
    let help = "write a number from 1";
    text.parse().map_err(|_| help.to_owned())
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    match args.command {
        RunsCommand::List(list) => list::run(list, global, out),
        RunsCommand::Show(show) => show::run(show, global, out),
        RunsCommand::Retry(orders) => command::run(RunCommand::Retry, orders, global, out),
        RunsCommand::Replay(replay) => {
            let which = match replay.every_rule {
                true => ReplayRules::EveryRule,
                false => ReplayRules::ItsRule,
            };
            command::run(RunCommand::Replay(which), replay.orders, global, out)
        }
        RunsCommand::Cancel(orders) => command::run(RunCommand::Cancel, orders, global, out),
    }
}
