//! `completions`: prints a script that completes commands and options in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;
use crate::cli::options::GlobalOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger completions bash > ~/.local/share/bash-completion/completions/flowtrigger
  flowtrigger completions zsh > ~/.zfunc/_flowtrigger
  flowtrigger completions fish > ~/.config/fish/completions/flowtrigger.fish";

/// Print the completion script of a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The shell to print it for.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub fn run(args: Args, _global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    out.write_unchanged(&script(args.shell))?;
    Ok(Exit::Fine)
}

/// Writes to memory, because the generator panics if it cannot write.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "flowtrigger", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            assert!(script.contains("dry-run"), "{shell}");
            assert!(script.contains("explain"), "{shell}");
        }
    }
}
