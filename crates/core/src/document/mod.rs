//! Reads YAML text into a tree of nodes with spans, one document at a time.
//! An invalid document does not affect the others. Deep nesting, alias bombs and duplicate keys are
//! errors. This is the only module that uses the YAML crates.

pub(crate) mod decode;
pub mod duration;
pub mod json_error;
pub(crate) mod plain_reader;
pub(crate) mod size;
pub mod split;
pub mod suggest;
pub(crate) mod syntax_errors;
pub mod vocabulary;
pub(crate) mod writer;
pub(crate) mod yaml_reader;

use std::cell::OnceCell;

use serde::de::DeserializeSeed;
use serde_json::{Number, Value};
use serde_yaml::{DuplicateKeyPolicy, Location};

use crate::diagnostic::{Diagnostics, FileId, Span};
pub use crate::document::split::{DocumentText, chunks, only_documents};
use crate::document::syntax_errors::{syntax_error, templates_in_comments};
pub use crate::document::writer::write;
use crate::document::yaml_reader::YamlReader;
use crate::number::parse_number;

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
    let node = match plain_reader::read(&lines) {
        Some(node) => node,
        None => read_any(&lines, diagnostics)?,
    };
    templates_in_comments(&node, &lines, diagnostics);
    Some(node)
}

/// Reads any YAML and reports all errors.
fn read_any(lines: &LineIndex<'_>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let mut found = Vec::new();
    let reader = YamlReader {
        lines,
        found: &mut found,
    };
    let text = lines.chunk.text;
    let read =
        serde_yaml::with_deserializer_from_str_with_options(text, options(text.len()), |yaml| {
            reader.deserialize(yaml)
        });
    match read {
        Ok(node) => {
            found.into_iter().for_each(|found| diagnostics.push(found));
            Some(node)
        }
        Err(error) => {
            diagnostics.push(syntax_error(&error, lines));
            None
        }
    }
}

/// YAML 1.2 scalars; duplicate keys are passed through; limits on the size of the tree, because a document
/// without aliases has fewer nodes than bytes.
fn options(len: usize) -> serde_yaml::Options {
    let budget = serde_yaml::budget! {
        max_nodes: len.max(20_000),
        max_events: len.max(20_000).saturating_mul(4),
        max_aliases: 64,
        max_depth: 48,
        max_total_scalar_bytes: len.max(1 << 20).saturating_mul(2),
    };
    serde_yaml::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
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

    /// Returns the span of a node, with its bytes.
    fn span(&self, location: Location) -> Span {
        let span = location.span();
        let Some(offset) = span.byte_offset() else {
            return self.error_span(location);
        };
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            line: self.chunk.line + number(location.line()).max(1),
            column: number(location.column()).max(1),
            start: self.chunk.start + number(offset),
            len: number(span.byte_len().unwrap_or(0)),
        }
    }

    /// Returns the number that is written at a span, with all its digits; `None` for another notation.
    fn number_at(&self, at: Span) -> Option<Number> {
        let start = usize::try_from(at.start.checked_sub(self.chunk.start)?).ok()?;
        let len = usize::try_from(at.len).ok()?;
        parse_number(
            self.chunk
                .text
                .get(start..start.checked_add(len)?)?
                .trim_end(),
        )
    }

    /// Returns the span of an error, from its line and column; its byte offset is often wrong.
    fn error_span(&self, location: Location) -> Span {
        let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
        self.at(number(location.line()), number(location.column()))
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
