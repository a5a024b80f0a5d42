//! `pause`: stops a rule, a connection, a host or everything for a time. Events are still accepted, and runs wait. It goes
//! to the daemon, or into the store if none runs here.

mod answer;
mod execute;
mod host;
pub mod resume;
mod target;

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use answer::{PauseReport, PauseResult};
use target::TargetArgs;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger pause --rule page-urgent --note 'the pager is being replaced'
  flowtrigger pause --connection chat
  flowtrigger pause --host api.example.com:443
  flowtrigger pause --all --note 'upgrade of the help desk'
  flowtrigger resume --rule page-urgent

Events are still accepted, and start runs, which wait. An attempt in progress finishes; no further step
of a paused rule and no further request to a paused connection or host starts. A pause outlives a
restart and a crash. `flowtrigger status` shows what is paused.
Exit codes: 0 it is paused, 1 no rule or connection has the name.";

/// Pause a rule, a connection, a host or everything: events are accepted, and runs wait
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Why, for those who see the pause.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    note: String,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let target = args.target.target()?;
    let executed = execute::pause(&target, &args.note, global)?;
    let result = PauseResult::Paused(executed.outcome);
    PauseReport::read(result, executed.target, executed.by, global)?.write(args.format, out)?;
    Ok(Exit::Fine)
}
