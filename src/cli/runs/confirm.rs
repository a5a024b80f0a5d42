//! Asks before many runs are replayed, because every one of them can send again, or cancelled, because none of them
//! continues. Without a terminal there is nobody to ask.

use std::io::{self, IsTerminal, Write};

use crate::cli::options::GlobalOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Yes,
    No,
}

/// What a person has to agree to.
pub struct ConsentQuestion<'a> {
    /// `replay`, and `replayed`.
    pub verb: &'a str,
    pub participle: &'a str,
    /// Which runs.
    pub summary: &'a str,
    /// What happens then, a sentence.
    pub consequence: &'a str,
}

/// Asks the question, and reads the reply.
///
/// # Errors
/// If there is no terminal to ask on.
pub fn ask(
    question: &ConsentQuestion<'_>,
    global: &GlobalOptions,
) -> Result<Consent, CommandError> {
    let ConsentQuestion {
        verb,
        participle,
        summary,
        consequence,
    } = question;
    if !io::stdin().is_terminal() {
        let failure = CommandError::usage(format!(
            "{summary} would be {participle}, and there is no terminal to ask on; nothing was done"
        ));
        return Err(failure.help(format!(
            "add `--yes` to {verb} them, or `--dry-run` to see only the summary"
        )));
    }
    let mut stderr = Output::stderr(global.color);
    write!(stderr, "{verb} {summary}? {consequence} [y/N] ")?;
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
