//! Reads YAML 1.2 into a tree of nodes with spans, one document at a time.
//! An invalid document does not affect the others. Deep nesting, alias bombs and duplicate keys are
//! errors. This is the only module that uses the YAML crates.

pub(crate) mod anchors;
pub(crate) mod decode;
pub mod duration;
pub(crate) mod entries;
pub mod json_error;
pub(crate) mod reader;
pub(crate) mod scalar;
pub(crate) mod size;
pub mod split;
pub mod suggest;
pub(crate) mod syntax_errors;
pub(crate) mod syntax_messages;
#[cfg(test)]
mod tests;
pub mod vocabulary;
pub mod writer;

use std::cell::OnceCell;

use serde_json::{Number, Value};

use crate::diagnostic::{Diagnostics, FileId, Span};
pub use crate::document::split::{DocumentText, chunks, only_documents};
use crate::document::syntax_errors::{add_error, templates_in_comments};
pub use crate::document::writer::write;

/// A YAML value and its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Yaml,
    pub at: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value` of a mapping, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_at: Span,
    pub value: Node,
}

impl Node {
    /// Returns the JSON value of this node.
    pub fn to_json(&self) -> Value {
        match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(b) => Value::Bool(*b),
            Yaml::Number(n) => Value::Number(n.clone()),
            Yaml::Text(s) => Value::String(s.clone()),
            Yaml::List(items) => items.iter().map(Node::to_json).collect(),
            Yaml::Map(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), e.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a text, or a number as text, for names and similar values.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Number(number) => Some(number.to_string()),
            Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Yaml::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Yaml::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the value under a key of this mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.as_map()?.iter().find(|e| e.key == key)?;
        Some(&entry.value)
    }

    /// Returns the type of the value, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Yaml::Null => "null",
            Yaml::Bool(_) => "a boolean",
            Yaml::Number(_) => "a number",
            Yaml::Text(_) => "text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }
}

/// Reads every document of a file. Invalid documents are reported and left out, empty ones are skipped.
pub fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let chunks = chunks(text);
    chunks
        .filter_map(|chunk| read_chunk(file, &chunk, diagnostics))
        .collect()
}

/// Reads one document of a file. `None` if it is empty, or after an error was reported.
pub fn read_chunk(
    file: FileId,
    chunk: &DocumentText<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    if chunk.is_empty() {
        return None;
    }
    let lines = LineIndex::new(file, chunk);
    let mut found = Vec::new();
    let read = reader::read(&lines, &mut found);
    let node = match read {
        Ok(node) => Some(node),
        Err(error) => {
            add_error(error, &lines, &mut found);
            None
        }
    };
    found.into_iter().for_each(|found| diagnostics.push(found));
    if let Some(node) = &node {
        templates_in_comments(node, &lines, diagnostics);
    }
    node
}

/// Turns positions within a document into positions within its file.
pub struct LineIndex<'a> {
    file: FileId,
    chunk: &'a DocumentText<'a>,
    /// The byte offset of each line. Computed for the first error, so that a valid document costs nothing.
    starts: OnceCell<Vec<usize>>,
}

impl<'a> LineIndex<'a> {
    fn new(file: FileId, chunk: &'a DocumentText<'a>) -> Self {
        let starts = OnceCell::new();
        Self {
            file,
            chunk,
            starts,
        }
    }

    fn line_starts(&self) -> &[usize] {
        self.starts.get_or_init(|| {
            let ends = self.chunk.text.match_indices('\n').map(|(end, _)| end + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }

    /// Converts a line and a column of the document, both from 1, to a span in the file.
    fn at(&self, line: usize, column: usize) -> Span {
        let last = self.chunk.text.len();
        let before = self.line_starts().get(line - 1).copied().unwrap_or(last);
        let rest = &self.chunk.text[before..];
        let within: usize = rest.chars().take(column - 1).map(char::len_utf8).sum();
        Span {
            file: self.file,
            line: self.chunk.line + count(line),
            column: count(column),
            start: self.chunk.start + count(before + within),
            len: 0,
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
