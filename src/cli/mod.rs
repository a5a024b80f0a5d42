//! The command line: parses the arguments, runs one command and returns its exit code.
//! Evaluation and execution are in the core and in `engine`; commands print their results.

mod backtest;
mod backup;
mod check;
mod completions;
mod convert;
mod daemon;
mod daemon_state;
mod deliveries;
mod diff;
mod dry_run;
mod events;
mod exit;
mod init;
mod log_writer;
mod logging;
mod lsp;
mod man;
mod move_store;
mod options;
mod page;
mod pause;
mod progress;
mod push;
mod reload;
mod replay;
mod restore;
mod run;
mod runs;
mod schedule;
mod schema;
mod send;
mod sign;
mod signer;
mod status;
mod test;
mod why;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::action::command::sandbox::launcher::become_command;
use crate::action::jq::serve_jq;

use crate::cli::options::{GlobalOptions, LogFormat};
use crate::report::error::CommandError;
use crate::report::output::{Color, Output};
use exit::Exit;

const AFTER_HELP: &str = "\
Start here:
  flowtrigger init desk                               a configuration, a rule, its test and an event
  flowtrigger events                                  the event types of a help desk
  flowtrigger check                                   every mistake in the rules at once
  flowtrigger dry-run --explain examples/events/zis/priority-changed.json
                                                      why each rule matches or not
  flowtrigger why 90417                               why something happened to a ticket, or nothing

Exit codes: 0 fine, 1 a negative answer, 2 usage, 3 invalid rules or configuration,
4 bad input event, 5 runtime.";

/// A rules engine for help-desk events that can say why nothing happened.
#[derive(Debug, Parser)]
#[command(name = "flowtrigger", version, about, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Daemon(daemon::Args),
    Run(run::Args),
    DryRun(dry_run::Args),
    Check(check::Args),
    Diff(diff::Args),
    Test(test::Args),
    Backtest(backtest::Args),
    Events(events::Args),
    Schedule(schedule::Args),
    Convert(convert::Args),
    Why(why::Args),
    Runs(runs::Args),
    Replay(replay::Args),
    Deliveries(deliveries::Args),
    Page(page::Args),
    Pause(pause::Args),
    Resume(pause::resume::Args),
    Status(status::Args),
    Reload(reload::Args),
    Push(push::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Move(move_store::Args),
    Send(send::Args),
    Sign(sign::Args),
    Schema(schema::Args),
    Lsp(lsp::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let other = become_command(std::env::args_os()).or_else(|| serve_jq(std::env::args_os()));
    if let Some(exit) = other {
        return exit;
    }
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => match options::empty_variable(&error) {
            Some(failure) => {
                failure.print(&mut Output::stderr(Color::Auto));
                return Exit::from(&failure).into();
            }
            None => return print_usage(&error),
        },
    };
    let mut out = Output::stdout(cli.global.color);
    let is_daemon = matches!(cli.command, Command::Daemon(_));
    let mut logs_json = false;
    let result = logging::start(&cli.global, cli.command.log_level()).and_then(|format| {
        logs_json = is_daemon && format == LogFormat::Json;
        cli.command.run(&cli.global, &mut out)
    });
    let result = result.and_then(|exit| out.finish().map(|()| exit));
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // The log of a daemon has one format from its start to its end.
            match logs_json && tracing::enabled!(tracing::Level::ERROR) {
                true => logging::failure(&failure),
                false => failure.print(&mut Output::stderr(cli.global.color)),
            }
            Exit::from(&failure).into()
        }
    }
}

/// Prints the help, or what is wrong with the arguments, which may contain any character.
fn print_usage(error: &clap::Error) -> ExitCode {
    let mut out = match error.use_stderr() {
        true => Output::stderr(Color::Auto),
        false => Output::stdout(Color::Auto),
    };
    let text = error.render();
    // A closed output needs no help text.
    let _ = match out.color {
        true => write!(out, "{}", text.ansi()),
        false => write!(out, "{text}"),
    };
    let _ = out.finish();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

impl Command {
    fn run(self, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
        match self {
            Command::Init(args) => init::run(args, global, out),
            Command::Daemon(args) => daemon::run(args, global, out),
            Command::Run(args) => run::run(args, global, out),
            Command::DryRun(args) => dry_run::run(args, global, out),
            Command::Check(args) => check::run(args, global, out),
            Command::Diff(args) => diff::run(args, global, out),
            Command::Test(args) => test::run(args, global, out),
            Command::Backtest(args) => backtest::run(args, global, out),
            Command::Events(args) => events::run(args, global, out),
            Command::Schedule(args) => schedule::run(args, global, out),
            Command::Convert(args) => convert::run(args, global, out),
            Command::Why(args) => why::run(args, global, out),
            Command::Runs(args) => runs::run(args, global, out),
            Command::Replay(args) => replay::run(args, global, out),
            Command::Deliveries(args) => deliveries::run(args, global, out),
            Command::Status(args) => status::run(args, global, out),
            Command::Pause(args) => pause::run(args, global, out),
            Command::Resume(args) => pause::resume::run(args, global, out),
            Command::Page(args) => page::run(args, global, out),
            Command::Reload(args) => reload::run(args, global, out),
            Command::Push(args) => push::run(args, global, out),
            Command::Backup(args) => backup::run(args, global, out),
            Command::Restore(args) => restore::run(args, global, out),
            Command::Move(args) => move_store::run(args, global, out),
            Command::Send(args) => send::run(args, global, out),
            Command::Sign(args) => sign::run(args, global, out),
            Command::Schema(args) => schema::run(args, global, out),
            Command::Lsp(args) => lsp::run(args, global, out),
            Command::Completions(args) => completions::run(args, global, out),
            Command::Man(args) => man::run(args, global, out),
        }
    }

    /// The default log level: a daemon logs its operation, a command only problems.
    fn log_level(&self) -> &'static str {
        match self {
            Command::Daemon(_) => "info",
            // Its report has everything, in the order of the events.
            Command::Run(_) => "off",
            Command::Init(_)
            | Command::DryRun(_)
            | Command::Check(_)
            | Command::Diff(_)
            | Command::Test(_)
            | Command::Backtest(_)
            | Command::Events(_)
            | Command::Schedule(_)
            | Command::Convert(_)
            | Command::Why(_)
            | Command::Runs(_)
            | Command::Replay(_)
            | Command::Deliveries(_)
            | Command::Status(_)
            | Command::Page(_)
            | Command::Pause(_)
            | Command::Resume(_)
            | Command::Reload(_)
            | Command::Push(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Move(_)
            | Command::Send(_)
            | Command::Sign(_)
            | Command::Schema(_)
            | Command::Lsp(_)
            | Command::Completions(_)
            | Command::Man(_) => "warn",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_of_all_commands_are_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_summary_and_examples() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} has no summary");
            assert!(command.get_after_help().is_some(), "{name} has no examples");
        }
    }

    #[test]
    fn every_option_has_one_line_of_help() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string);
                let at = format!("{} {}", command.get_name(), argument.get_id());
                let help = help.unwrap_or_else(|| panic!("{at} has no help"));
                assert!(!help.contains('\n'), "{at}");
            }
        }
    }
}
