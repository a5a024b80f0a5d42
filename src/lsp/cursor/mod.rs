//! Finds where a cursor is in a document: the keys around it, and whether it is at a key, a value or in a template.
//! It reads only the text before the cursor, so that half-written documents are understood too.

mod closing;
mod scanner;

use std::ops::Range;

use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document::{self, DocumentText, Node};

use scanner::CursorScanner;

/// One step of the way from the root of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeStep {
    Key(String),
    Item(usize),
}

impl TreeStep {
    pub fn key(&self) -> Option<&str> {
        match self {
            TreeStep::Key(key) => Some(key),
            TreeStep::Item(_) => None,
        }
    }
}

/// What is being written at a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorRole {
    /// A key of the mapping at the path, or a value in its place.
    KeyOrValue,
    /// The value of the path's last key.
    Value,
    Comment,
}

/// The surroundings of a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub path: Vec<TreeStep>,
    pub role: CursorRole,
    /// The byte range of what is written there, up to the cursor.
    pub token: Range<usize>,
    /// The text of a template from its `{{` or `{%` to the cursor.
    pub template: Option<String>,
    /// The byte range of the document around it.
    pub document: Range<usize>,
    pub is_quoted: bool,
    /// Whether it is within brackets, as everywhere in JSON.
    pub is_in_brackets: bool,
}

impl Cursor {
    /// Reads the text before an offset.
    pub fn at(text: &str, offset: usize) -> Self {
        let offset = offset.min(text.len());
        let document = document_at(text, offset);
        let mut scanner = CursorScanner::new(&text[document.start..offset]);
        scanner.run();
        let found = scanner.finish();
        let token = document.start + found.token..offset;
        Self {
            template: open_template(&text[document.start..offset]),
            path: found.path,
            role: found.role,
            token,
            document,
            is_quoted: found.is_quoted,
            is_in_brackets: found.is_in_brackets,
        }
    }

    /// The same at the end of the word under an offset, and whether a colon makes it a key.
    pub fn around(text: &str, offset: usize) -> (Self, TokenKind) {
        let rest = text.get(offset..).unwrap_or_default();
        let is_word = |c: &char| c.is_alphanumeric() || "_.-*$/".contains(*c);
        let token: usize = rest.chars().take_while(is_word).map(char::len_utf8).sum();
        let end = offset + token;
        let after = text[end..].trim_start_matches(['"', '\'']);
        let is_key = after.strip_prefix(':').is_some_and(|after| {
            after.is_empty() || after.starts_with([' ', '\n', '\r']) || text[end..].starts_with('"')
        });
        let cursor = Self::at(text, end);
        let is_key = is_key && cursor.role == CursorRole::KeyOrValue && cursor.template.is_none();
        let kind = match is_key {
            true => TokenKind::Key,
            false => TokenKind::Value,
        };
        (cursor, kind)
    }

    /// The keys of the path, without items.
    pub fn keys(&self) -> Vec<&str> {
        self.path.iter().filter_map(TreeStep::key).collect()
    }

    /// The document around the cursor, if it can be read, else without the line of the cursor, else what is before it.
    pub fn document_node(&self, text: &str) -> Option<Node> {
        let whole = &text[self.document.clone()];
        if let Some(node) = read(whole) {
            return Some(node);
        }
        let line_start = text[..self.token.end].rfind('\n').map_or(0, |end| end + 1);
        let line_start = line_start.max(self.document.start) - self.document.start;
        let rest = whole[line_start..].find('\n');
        let line_end = rest.map_or(whole.len(), |end| line_start + end);
        let without_line = read(&[&whole[..line_start], &whole[line_end..]].concat());
        let before = &text[self.document.start..self.token.start];
        without_line.or_else(|| read(&closing::closed(before)))
    }
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    Key,
    Value,
}

fn read(text: &str) -> Option<Node> {
    let chunk = DocumentText::new(text, 0..text.len(), 0);
    let mut found = Diagnostics::default();
    document::read_chunk(FileId::default(), &chunk, &mut found)
}

/// The node at the end of a path.
pub fn node_at<'n>(root: &'n Node, path: &[TreeStep]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, step| match step {
        TreeStep::Key(key) => node.get(key),
        TreeStep::Item(index) => node.as_list()?.get(*index),
    })
}

/// The range of the document of a file that contains an offset.
fn document_at(text: &str, offset: usize) -> Range<usize> {
    let mut ranges = document::chunks(text).map(|chunk| chunk.range());
    let found = ranges.find(|range| offset < range.end);
    found.unwrap_or_else(|| {
        let last = document::chunks(text).last();
        last.map_or(0..text.len(), |chunk| chunk.range())
    })
}

/// The template that is open at the end of a text.
fn open_template(before: &str) -> Option<String> {
    let start = before.rfind("{{").max(before.rfind("{%"))?;
    let inside = &before[start + 2..];
    let is_closed = inside.contains("}}") || inside.contains("%}");
    (!is_closed).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests;
