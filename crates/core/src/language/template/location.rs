//! Turns places within a template's text into places within its file.
//! It points at the whole value where quoting, escapes or several lines leave no sure answer.

use std::ops::Range;

use crate::diagnostic::Span;
use crate::document::Node;

#[derive(Debug)]
pub struct TextLocation<'a> {
    at: Span,
    text: &'a str,
    /// How many bytes of the file stand between the value's start and its text; None if unsure.
    offset: Option<u32>,
    /// How many bytes of the compiled text come before what the author wrote here.
    before: usize,
}

impl<'a> TextLocation<'a> {
    pub fn new(node: &Node, text: &'a str) -> Self {
        Self {
            at: node.at,
            text,
            offset: offset(node, text),
            before: 0,
        }
    }

    /// The same value compiled behind a prefix.
    pub fn behind(self, prefix: usize) -> Self {
        Self {
            before: prefix,
            ..self
        }
    }

    /// The value as a whole: its text was changed before it was compiled.
    pub fn unsure(self) -> Self {
        Self {
            offset: None,
            ..self
        }
    }

    pub fn of(&self, range: &Range<usize>) -> Span {
        let Some(offset) = self.offset else {
            return self.at;
        };
        let (Some(start), Some(end)) = (
            range.start.checked_sub(self.before),
            range.end.checked_sub(self.before),
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
