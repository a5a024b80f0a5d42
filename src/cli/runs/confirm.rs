//! Asks before many runs are replayed, because every one of them can send again. Without a terminal there is nobody
//! to ask.

use std::io::{self, IsTerminal, Write};

use crate::cli::options::GlobalOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Yes,
    No,
}

/// Asks whether these runs are to be replayed, and reads the reply.
///
/// # Errors
/// If there is no terminal to ask on.
pub fn ask(summary: &str, global: &GlobalOptions) -> Result<Consent, CommandError> {
    if !io::stdin().is_terminal() {
        let failure = CommandError::usage(format!(
            "{summary} would be replayed, and there is no terminal to ask on; nothing was done"
        ));
        return Err(
            failure.help("add `--yes` to replay them, or `--dry-run` to see only the summary")
        );
    }
    let mut stderr = Output::stderr(global.color);
    write!(
        stderr,
        "replay {summary}? Their requests and commands are executed again. [y/N] "
    )?;
    stderr.flush()?;
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    read.map_err(|error| CommandError::runtime(format!("failed to read the reply: {error}")))?;
    Ok(parse(&line))
}

fn parse(line: &str) -> Consent {
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Consent::Yes,
        _ => Consent::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_agrees() {
        for yes in ["y\n", "Y", " yes \n"] {
            assert_eq!(parse(yes), Consent::Yes, "{yes}");
        }
        for no in ["", "\n", "n", "yess", "no"] {
            assert_eq!(parse(no), Consent::No, "{no}");
        }
    }
}
