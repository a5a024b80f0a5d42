//! `resume`: ends a pause. The runs that waited continue in order, at a limited rate.

use super::answer::{PauseReport, PauseResult, without_pause};
use super::execute;
use super::target::TargetArgs;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::suspended::unfinished;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger resume --rule page-urgent
  flowtrigger resume --connection chat
  flowtrigger resume --all

`--all` ends the pause of everything, and no pause of a rule, connection or host. The runs that waited
continue in order: at most 100 a second, or at the rate `breaker.resume` of the connection.
Exit codes: 0 it continues, 1 it was not paused.";

/// End a pause: the runs that waited continue in order
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Why, for the log of commands.
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
    let before = match global.history_if_any()? {
        Some(history) => unfinished(&target, &*history)?,
        None => 0,
    };
    match execute::resume(&target, &args.note, global)? {
        Ok(executed) => {
            let report =
                PauseReport::read(PauseResult::Resumed, executed.target, executed.by, global)?;
            report.with_unfinished(before).write(args.format, out)?;
            Ok(Exit::Fine)
        }
        Err(why) => Err(CommandError::nothing(why).help(without_pause(global)?)),
    }
}
