//! `runs`: lists runs, shows one in full, and retries, replays, cancels or answers runs.
//! Reading uses only the database. A command goes to the daemon, or changes the data folder if no daemon runs.

pub mod admin_client;
mod answer;
mod attempt;
pub mod command;
pub mod confirm;
mod list;
pub mod offline;
mod selection;
mod show;

use std::num::NonZeroUsize;

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::replay;
use crate::cli::replay::ReplayOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::replay::rate::ReplayRate;
use crate::report::replay::scope::{ReplayRules, ReplayScope, SelectedRuns, SupersededRuns};
use crate::report::run::command::RunCommand;
use answer::AnswerArgs;
use confirm::Consent;
use selection::Selection;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger runs list --state dead,held --since -1d
  flowtrigger runs list --ticket 90417
  flowtrigger runs list --sent-to tickets/90388
  flowtrigger runs show 4711
  flowtrigger runs show 4711 --attempt 2 --curl
  flowtrigger runs retry 4711
  flowtrigger runs retry --all --rule page-urgent --error 'answered 503' --dry-run
  flowtrigger runs replay --all --state skipped --since 2026-01-07T09:00 --yes
  flowtrigger runs cancel --rule page-urgent
  flowtrigger runs answer 4711 approval approve
  flowtrigger runs list --waiting-for connection:chat

States: queued, debouncing, running, retrying, waiting, done, skipped, shadow, suppressed, held,
dead, cancelled.
Times are UTC. Exit codes: 0 success, 1 nothing was found or a command was rejected.";

/// List runs, show one in full, retry, replay, cancel or answer runs
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RunsCommand {
    /// List runs, newest first, one per line
    List(List),
    /// Show runs in full: event, rule, why it matched, every attempt, what is next
    Show(Show),
    /// Continue dead, held or cancelled runs where they stopped, at the end of their lane
    #[command(
        override_usage = "flowtrigger runs retry [OPTIONS] <ID>...\n       flowtrigger runs retry [OPTIONS] --all <WHICH RUNS>"
    )]
    Retry(RunCommandArgs),
    /// Run the event of a run again, with the current version of its rule and without gates
    #[command(
        override_usage = "flowtrigger runs replay [OPTIONS] <ID>...\n       flowtrigger runs replay [OPTIONS] --all <WHICH RUNS>"
    )]
    Replay(Replay),
    /// Cancel unfinished runs: named ones, all of a rule after a question, or all that are selected
    #[command(
        override_usage = "flowtrigger runs cancel [OPTIONS] <ID>...\n       flowtrigger runs cancel [OPTIONS] --rule <NAME>\n       flowtrigger runs cancel [OPTIONS] --all <WHICH RUNS>"
    )]
    Cancel(Cancel),
    /// Answer a question of a run, as its link does
    Answer(AnswerArgs),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Maximum number of runs.
    #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
    limit: NonZeroUsize,
    /// Only runs older than this one, for the next page.
    #[arg(long, value_name = "ID", value_parser = id)]
    before: Option<u64>,
    /// Output format; json prints one line per run.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Ids of runs.
    #[arg(required = true, value_name = "ID", value_parser = id)]
    ids: Vec<u64>,
    /// Show one attempt with all that was sent and received, by its number in the run.
    #[arg(long, value_name = "N", value_parser = count)]
    attempt: Option<NonZeroUsize>,
    /// Print the command that repeats an attempt by hand, by default the last one. Secrets are shell variables.
    #[arg(long, conflicts_with = "format")]
    curl: bool,
    /// Output format; json prints one line per run.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub struct RunCommandArgs {
    /// Ids of runs.
    #[arg(value_name = "ID", required_unless_present_any = ["all", "rule"], value_parser = id)]
    ids: Vec<u64>,
    /// All runs that the filters select.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Only show the selected runs.
    #[arg(long)]
    dry_run: bool,
    /// Output format; json prints one line per run.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, clap::Args)]
struct Cancel {
    /// Do not ask before the runs of `--rule` are cancelled.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    command: RunCommandArgs,
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// Plan every rule that matches the event now, not only the rule of the run.
    #[arg(long)]
    every_rule: bool,
    /// Do not ask before runs that `--all` selects are replayed.
    #[arg(long, requires = "all")]
    yes: bool,
    /// Runs to start in a time, at most, of those that `--all` selects: 10/s, 600/m or 3600/h.
    /// [default: 10/s, or that of the replay that continues]
    #[arg(long, value_name = "RATE")]
    rate: Option<ReplayRate>,
    /// Also where a newer run of the event and rule is done or unfinished.
    #[arg(long, requires = "all")]
    include_done: bool,
    /// Begin a new replay, even if the same command was interrupted before or another replay is in progress.
    #[arg(long, requires = "all")]
    new: bool,
    #[command(flatten)]
    command: RunCommandArgs,
}

fn id(text: &str) -> Result<u64, String> {
    let help = "ids of runs are numbers; `flowtrigger runs list` shows them";
    text.parse().map_err(|_| help.to_owned())
}

pub fn count(text: &str) -> Result<NonZeroUsize, String> {
    let help = "write a number from 1";
    text.parse().map_err(|_| help.to_owned())
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    match args.command {
        RunsCommand::List(list) => list::run(list, global, out),
        RunsCommand::Show(show) => show::run(show, global, out),
        RunsCommand::Retry(args) => {
            command::run(RunCommand::Retry, args, Consent::Yes, global, out)
        }
        RunsCommand::Replay(args) => replay_runs(args, global, out),
        RunsCommand::Cancel(args) => cancel(args, global, out),
        RunsCommand::Answer(args) => answer::run(args, global, out),
    }
}

/// `--rule` alone selects all unfinished runs of the rule; then somebody has to agree.
fn cancel(args: Cancel, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let mut command = args.command;
    let selects = command.ids.is_empty() && !command.all;
    command.all |= selects;
    let consent = match selects && !args.yes {
        true => Consent::No,
        false => Consent::Yes,
    };
    command::run(RunCommand::Cancel, command, consent, global, out)
}

/// Named runs are replayed at once. For all others `replay` shows what it would do and asks.
fn replay_runs(
    args: Replay,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let rules = match args.every_rule {
        true => ReplayRules::EveryRule,
        false => ReplayRules::ItsRule,
    };
    if !args.command.all && !args.command.dry_run {
        let command = RunCommand::Replay(rules);
        return command::run(command, args.command, Consent::Yes, global, out);
    }
    let superseded = match args.include_done || !args.command.all {
        true => SupersededRuns::Include,
        false => SupersededRuns::LeaveOut,
    };
    let RunCommandArgs { ids, selection, .. } = &args.command;
    let options = ReplayOptions {
        rate: args.rate,
        yes: args.yes,
        new: args.new,
        dry_run: args.command.dry_run,
        format: args.command.format,
    };
    let command = format!("runs replay {rules:?} {superseded:?} {ids:?} {selection:?}");
    replay::begin(
        command,
        || {
            let runs = command::select_replay(rules, &args.command, global)?;
            let runs = runs.into_iter().map(|run| run.id.0).collect();
            Ok(ReplayScope::Runs(SelectedRuns {
                runs,
                rules,
                superseded,
            }))
        },
        &options,
        global,
        out,
    )
}
