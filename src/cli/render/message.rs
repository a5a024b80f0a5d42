//! A single message outside of any file: what went wrong and what to do about it.
//! It refuses to add words of its own.

use std::io::{self, Write};

use crate::cli::output::Output;

const RED: &str = "\u{1b}[1;31m";
const CYAN: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

/// `error: …` and, indented, its help.
pub fn error(out: &mut Output, message: &str, help: Option<&str>) -> io::Result<()> {
    headed(out, ("error", RED), message, help)
}

/// `note: …`: nothing is wrong.
pub fn note(out: &mut Output, message: &str, help: Option<&str>) -> io::Result<()> {
    headed(out, ("note", CYAN), message, help)
}

fn headed(
    out: &mut Output,
    (word, tone): (&str, &str),
    message: &str,
    help: Option<&str>,
) -> io::Result<()> {
    match out.color {
        true => writeln!(out, "{tone}{word}{PLAIN}: {message}")?,
        false => writeln!(out, "{word}: {message}")?,
    }
    match help {
        Some(help) => writeln!(out, "  help: {help}"),
        None => Ok(()),
    }
}
