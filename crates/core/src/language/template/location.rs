//! Converts a range of a template's text to a span of its file.
//! The span covers the whole value if quoting, escapes or several lines make the position uncertain.

use std::ops::Range;

use crate::diagnostic::Span;
use crate::document::Node;

/// The location of a template's text in its file.
#[derive(Debug)]
pub struct TextLocation<'a> {
    at: Span,
    text: &'a str,
    /// The number of bytes between the start of the value and its text; `None` if unknown.
    offset: Option<u32>,
    /// The length of the prefix that the compiled text has before the text of the file.
    prefix: usize,
}

impl<'a> TextLocation<'a> {
    pub fn new(node: &Node, text: &'a str) -> Self {
        Self {
            at: node.at,
            text,
            offset: offset(node, text),
            prefix: 0,
        }
    }

    /// Sets the length of a prefix that is compiled before the text.
    pub fn with_prefix(self, prefix: usize) -> Self {
        Self { prefix, ..self }
    }

    /// Makes every span cover the whole value, because its text was changed before it was compiled.
    pub fn whole_value(self) -> Self {
        Self {
            offset: None,
            ..self
        }
    }

    /// Returns the span of a range of the compiled text.
    pub fn span(&self, range: &Range<usize>) -> Span {
        let Some(offset) = self.offset else {
            return self.at;
        };
        let (Some(start), Some(end)) = (
            range.start.checked_sub(self.prefix),
            range.end.checked_sub(self.prefix),
        ) else {
            return self.at;
        };
        let (Some(before), Some(inside)) = (self.text.get(..start), self.text.get(start..end))
        else {
            return self.at;
        };
        Span {
            column: self.at.column + offset + count(before.chars().count()),
            start: self.at.start + offset + count(start),
            len: count(inside.len()),
            ..self.at
        }
    }
}

fn offset(node: &Node, text: &str) -> Option<u32> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    match (node.at.len as usize).checked_sub(text.len())? {
        0 => Some(0),
        2 => Some(1),
        _ => None,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
