//! jq programs: what is found wrong with one before it ever runs, and what one makes of its input.
//! It refuses whatever could give another answer for the same input (clock, environment, further inputs),
//! and bounds nothing that runs: `action` does.

#[cfg(feature = "jq")]
mod depth;
#[cfg(feature = "jq")]
mod program;
#[cfg(feature = "jq")]
mod result;
#[cfg(feature = "jq")]
mod words;

#[cfg(not(feature = "jq"))]
mod absent;
#[cfg(not(feature = "jq"))]
use absent as program;

use std::ops::Range;

use crate::core::diagnostic::{Code, Diagnostics, Report};
use crate::core::rule::document::Node;
use crate::core::rule::document::decode::Decode;
use crate::core::rule::template::Template;

pub use program::Program;

/// Bytes of a program.
pub const LONGEST: usize = 8 * 1024;

/// What is wrong with a program, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub range: Range<usize>,
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Mistake {
    /// The message with its place and what to do, for a program that was made while its flow ran.
    pub fn told(&self, program: &str) -> String {
        let before = program.get(..self.range.start);
        let before = before.expect("the mistake is within the program");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        let column = column.chars().count() + 1;
        let (message, help) = (&self.message, &self.help);
        format!("{message} (line {line}, column {column} of the program); {help}")
    }
}

/// A program that stands in a rule or a bundle as it is; what can be found wrong before it runs is told.
/// `key` names it in messages.
pub fn lower_program(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Template> {
    let text = diagnostics.text(node, key)?;
    if text.contains("{{") || text.contains("{%") {
        let message = "a jq program takes no template: the event's text would become part of it";
        let help = "it reads the event as it is, `.ticket.id`; pass other values as `input: { … }`";
        diagnostics.error(Code::BadTemplate, node.at, message, help);
        return None;
    }
    check_program(node, &text, diagnostics).then(|| Template::literal(text))
}

/// Whether a program is sound; false after reporting. The text is that of the node.
pub fn check_program(node: &Node, text: &str, diagnostics: &mut Diagnostics) -> bool {
    let Err(mistake) = Program::compile(text) else {
        return true;
    };
    let at = Template::place(node, &mistake.range);
    let message = match text.contains('\n') {
        true => mistake_in_lines(&mistake, text),
        false => mistake.message,
    };
    diagnostics.error(Code::BadProgram, at, message, &mistake.help);
    false
}

/// The whole text is pointed at there: the message says where in it.
fn mistake_in_lines(mistake: &Mistake, text: &str) -> String {
    let line = text[..mistake.range.start].matches('\n').count() + 1;
    format!("{} (line {line} of the program)", mistake.message)
}

#[cfg(all(test, feature = "jq"))]
mod tests;
