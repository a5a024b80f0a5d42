//! Prints an error or a note that has no location in a file, with its help line. Both may contain text from outside,
//! so that each is one line.

use std::io::{self, Write};

use crate::report::output::{Color, Output};
use crate::report::render::escape::plain;

const RED: &str = "\u{1b}[1;31m";
const CYAN: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

/// `error: …` and the indented help line.
pub fn error(out: &mut Output, message: &str, help: Option<&str>) -> io::Result<()> {
    labelled(out, ("error", RED), message, help)
}

/// The same on standard error.
pub fn error_to_stderr(color: Color, message: &str, help: Option<&str>) -> io::Result<()> {
    let mut stderr = Output::stderr(color);
    error(&mut stderr, message, help)?;
    stderr.flush()
}

/// `note: …`, for information.
pub fn note(out: &mut Output, message: &str, help: Option<&str>) -> io::Result<()> {
    labelled(out, ("note", CYAN), message, help)
}

fn labelled(
    out: &mut Output,
    (label, tone): (&str, &str),
    message: &str,
    help: Option<&str>,
) -> io::Result<()> {
    let message = plain(message);
    match out.color {
        true => writeln!(out, "{tone}{label}{PLAIN}: {message}")?,
        false => writeln!(out, "{label}: {message}")?,
    }
    match help {
        Some(help) => writeln!(out, "  help: {}", plain(help)),
        None => Ok(()),
    }
}
