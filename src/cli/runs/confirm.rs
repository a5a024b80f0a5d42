//! Asks before many runs are replayed, because every one of them can send again. Without a terminal there is nobody
//! to ask.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use crate::cli::exit::CommandError;
use crate::cli::options::GlobalOptions;
use crate::cli::output::Output;
use crate::cli::render::diagnostics::number;
use crate::store::history::RunRow;
use flowtrigger_core::run::STATES;

/// Whether a person must agree before anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    Ask,
    NotNeeded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Yes,
    No,
}

/// Prints what would be replayed and reads the reply.
///
/// # Errors
/// If there is no terminal to ask on.
pub fn ask(runs: &[RunRow], global: &GlobalOptions) -> Result<Consent, CommandError> {
    let summary = summary(runs);
    if !io::stdin().is_terminal() {
        let failure = CommandError::usage(format!(
            "{summary} would be replayed, and there is no terminal to ask on; nothing was done"
        ));
        return Err(failure.help("add `--yes` to replay them, or `--dry-run` to list them"));
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

/// The number of runs in each state.
pub fn summary(runs: &[RunRow]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        *counts.entry(run.state.as_str()).or_default() += 1;
    }
    let counts = STATES.iter().filter_map(|state| {
        let count = counts.get(state)?;
        Some(format!("{count} {state}"))
    });
    let counts: Vec<String> = counts.collect();
    format!("{}: {}", number(runs.len(), "run"), counts.join(", "))
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
