//! `lsp`: serves an editor on standard input and output, until the editor ends the session.

use crate::cli::exit::Exit;
use crate::cli::options::{GlobalOptions, environment};
use crate::cli::schema;
use crate::lsp::{SessionEnd, WorkspaceLayout, serve};
use crate::report::error::CommandError;
use crate::report::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger lsp                       what an editor starts; docs/editors.md has the settings to copy
  flowtrigger --rules automation lsp    rules in another folder of the workspace

The paths of `--rules`, `--config` and `--data` start at the root of a workspace: the nearest folder above an
open file with a flowtrigger.yaml or a rules folder.";

/// Serve an editor: the Language Server Protocol on standard input and output.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Ignored: standard input and output are the only connection. Editors often add it.
    #[arg(long, hide = true)]
    stdio: bool,
}

pub fn run(_args: Args, global: &GlobalOptions, _out: &mut Output) -> Result<Exit, CommandError> {
    let layout = WorkspaceLayout {
        rules: global.rules.clone(),
        config: global.config.clone(),
        data: global.data.clone(),
        environment: environment(),
    };
    match serve(layout, schema::of_files()) {
        Ok(SessionEnd::Exit) => Ok(Exit::Fine),
        Ok(SessionEnd::Abandoned) => Ok(Exit::Negative),
        Err(error) => Err(CommandError::runtime(error.to_string())
            .help("`flowtrigger lsp` is started by an editor; see docs/editors.md")),
    }
}
