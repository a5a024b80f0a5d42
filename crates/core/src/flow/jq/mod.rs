//! jq programs: compiling them with diagnostics, and running them.
//! Functions whose result does not depend on the input alone (clock, environment, further inputs) are
//! errors. Limits of time and memory are enforced by `action`.

#[cfg(feature = "jq")]
pub(crate) mod depth;
#[cfg(not(feature = "jq"))]
pub(crate) mod disabled;
#[cfg(feature = "jq")]
pub mod program;
#[cfg(feature = "jq")]
pub(crate) mod result;
#[cfg(feature = "jq")]
pub(crate) mod suggest;
#[cfg(all(test, feature = "jq"))]
pub mod tests;

#[cfg(not(feature = "jq"))]
use crate::flow::jq::disabled as program;

use std::ops::Range;

use jiff::Timestamp;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::flow::call::JqClock;
use crate::language::template::Template;

pub use crate::flow::jq::program::JqProgram;

/// The maximum size of a program.
pub const MAX_PROGRAM_BYTES: usize = 8 * 1024;

/// An error in a program, with its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JqError {
    pub range: Range<usize>,
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl JqError {
    /// The message with its place and the help, for a program that is known only while its flow runs.
    pub fn message_in(&self, program: &str) -> String {
        let before = program.get(..self.range.start);
        let before = before.expect("the mistake is within the program");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        let column = column.chars().count() + 1;
        let (message, help) = (&self.message, &self.help);
        format!("{message} (line {line}, column {column} of the program); {help}")
    }
}

/// A jq program as written in a rule or a bundle. Reports the errors that can be found before it runs.
/// `key` names it in messages.
pub fn lower_program(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Template> {
    let text = diagnostics.text(node, key)?;
    if text.contains("{{") || text.contains("{%") {
        let message = "a jq program cannot contain a template: text of the event would become code";
        let help = "read the event directly, `.ticket.id`; pass other values with `input: { … }`";
        return diagnostics.reject(Code::BadTemplate, node.at, message, help);
    }
    check_program(node, &text, JqClock::Absent, diagnostics).then(|| Template::literal(text))
}

/// Returns the program with `now` defined as this time, if it uses it.
pub fn with_now(program: &str, now: Timestamp) -> String {
    let seconds = now.as_duration().as_secs_f64();
    match uses_now(program) {
        true => format!("{}{program}", definition_of_now(seconds)),
        false => program.to_owned(),
    }
}

fn definition_of_now(seconds: f64) -> String {
    format!("def now: {seconds}; ")
}

/// Whether a program contains the word `now`.
fn uses_now(program: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.$".contains(c);
    program.match_indices("now").any(|(at, word)| {
        let before = program[..at].chars().next_back();
        let after = program[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(|c| is_name(c) && c != '.')
    })
}

/// Whether a program compiles; reports its error otherwise. `text` is the text of the node.
pub fn check_program(
    node: &Node,
    text: &str,
    clock: JqClock,
    diagnostics: &mut Diagnostics,
) -> bool {
    let prefix = match clock {
        JqClock::RunTime if uses_now(text) => definition_of_now(0.0),
        JqClock::RunTime | JqClock::Absent => String::new(),
    };
    let Err(mistake) = JqProgram::compile(&format!("{prefix}{text}")) else {
        return true;
    };
    let shifted = |at: usize| at.saturating_sub(prefix.len());
    let mistake = JqError {
        range: shifted(mistake.range.start)..shifted(mistake.range.end),
        ..mistake
    };
    let at = Template::span_of(node, &mistake.range);
    let message = match text.contains('\n') {
        true => mistake_in_lines(&mistake, text),
        false => mistake.message,
    };
    diagnostics.error(Code::BadProgram, at, message, &mistake.help);
    false
}

/// Adds the line to the message, because the span of a text with several lines is the whole text.
fn mistake_in_lines(mistake: &JqError, text: &str) -> String {
    let line = text[..mistake.range.start].matches('\n').count() + 1;
    format!("{} (line {line} of the program)", mistake.message)
}
