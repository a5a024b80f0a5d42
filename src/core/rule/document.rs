//! Reads YAML text into a tree of nodes that know their place, one document at a time, so that a
//! broken document hides no other. It gives no meaning to keys; it is the only user of the YAML
//! crate, and refuses what could blow up: deep nesting, alias bombs, duplicate keys.

mod raw;
mod trouble;

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Number, Value};
use serde_yaml::{DuplicateKeyPolicy, Location};

use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Position};
use raw::{Raw, RawValue};
use trouble::{syntax_error, templates_in_comments, unquoted_template};

/// A YAML value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Yaml,
    pub at: Position,
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
    pub key_at: Position,
    pub value: Node,
}

impl Node {
    /// The JSON value that this node stands for.
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

    /// The text that a name or another word is read from; a number counts as it is written.
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

    /// The value under a key of this mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.as_map()?.iter().find(|e| e.key == key)?;
        Some(&entry.value)
    }

    /// What kind of value this is, in words for messages.
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

/// One document of a file and where its text stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub node: Node,
    /// The bytes of the file that it takes.
    pub range: Range<usize>,
    /// How many lines stand before it.
    pub line: u32,
}

/// Reads every document of a file. Broken ones are reported and left out, empty ones are skipped.
pub fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let documents = read_documents(file, text, diagnostics).into_iter();
    documents.map(|document| document.node).collect()
}

/// The same, each document with its place.
pub fn read_documents(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Vec<Document> {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mark = text.len() - bare.len();
    let documents = split(bare).into_iter().filter_map(|chunk| {
        let start = mark + chunk.start as usize;
        Some(Document {
            node: read_document(file, &chunk, diagnostics)?,
            range: start..start + chunk.text.len(),
            line: chunk.line,
        })
    });
    documents.collect()
}

/// A file's text with some of its documents alone; what is left stands where it stood.
pub fn only_documents(text: &str, keep: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for chunk in split(text) {
        if keep(chunk.text) {
            kept.push_str(chunk.text);
            continue;
        }
        if is_separator(chunk.text.lines().next().unwrap_or_default()) {
            kept.push_str("---");
        }
        kept.extend(chunk.text.matches('\n'));
    }
    kept
}

/// One document of a file, with the place where its text starts.
struct Chunk<'a> {
    text: &'a str,
    line: u32,
    start: u32,
}

/// Cuts a file at its `---` lines. Such a line cannot stand inside a scalar, so this never cuts
/// through one.
fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut line, mut offset) = (0, 0, 0);
    for (number, full) in text.split_inclusive('\n').enumerate() {
        if is_separator(full) && offset > start {
            chunks.push((start, offset, line));
            (start, line) = (offset, number);
        }
        offset += full.len();
    }
    chunks.push((start, text.len(), line));
    chunks
        .into_iter()
        .map(|(start, end, line)| Chunk {
            text: &text[start..end],
            line: count(line),
            start: count(start),
        })
        .collect()
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn read_document(file: FileId, chunk: &Chunk<'_>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let only_comments = chunk.text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
    });
    if only_comments {
        return None;
    }
    let place = Place::new(file, chunk);
    match serde_yaml::from_str_with_options::<Raw>(chunk.text, options(chunk.text.len())) {
        Ok(raw) => {
            let node = lower(raw, &place, diagnostics);
            templates_in_comments(&node, &place, diagnostics);
            Some(node)
        }
        Err(error) => {
            diagnostics.push(syntax_error(&error, &place));
            None
        }
    }
}

/// YAML 1.2 scalars, every repeated key handed through, and bounds on what a small text can
/// become: an honest document has fewer nodes than bytes.
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
struct Place<'a> {
    file: FileId,
    chunk: &'a Chunk<'a>,
    /// Where each line of the document starts, so that no place costs a walk through the text.
    lines: Vec<usize>,
}

impl<'a> Place<'a> {
    fn new(file: FileId, chunk: &'a Chunk<'a>) -> Self {
        let ends = chunk.text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { file, chunk, lines }
    }

    /// Where a node stands; its bytes come with it.
    fn of(&self, location: Location) -> Position {
        let span = location.span();
        let Some(offset) = span.byte_offset() else {
            return self.of_error(location);
        };
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Position {
            file: self.file,
            line: self.chunk.line + number(location.line()).max(1),
            column: number(location.column()).max(1),
            start: self.chunk.start + number(offset),
            len: number(span.byte_len().unwrap_or(0)),
        }
    }

    /// Where an error stands: its line and column are right, its bytes often not.
    fn of_error(&self, location: Location) -> Position {
        let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
        self.at(number(location.line()), number(location.column()))
    }

    /// A line and a column of the document, both from 1, as a place in the file.
    fn at(&self, line: usize, column: usize) -> Position {
        let last = self.chunk.text.len();
        let before = self.lines.get(line - 1).copied().unwrap_or(last);
        let rest = self.chunk.text.get(before..).unwrap_or_default();
        let within: usize = rest.chars().take(column - 1).map(char::len_utf8).sum();
        Position {
            file: self.file,
            line: self.chunk.line + count(line),
            column: count(column),
            start: self.chunk.start + count(before + within),
            len: 0,
        }
    }
}

fn lower(raw: Raw, place: &Place<'_>, diagnostics: &mut Diagnostics) -> Node {
    let mut at = place.of(raw.0.referenced);
    let value = match raw.0.value {
        RawValue::Null => Yaml::Null,
        RawValue::Bool(b) => Yaml::Bool(b),
        RawValue::Number(n) => Yaml::Number(n),
        RawValue::Text(text) => Yaml::Text(text),
        RawValue::List(items) => Yaml::List(
            items
                .into_iter()
                .map(|item| lower(item, place, diagnostics))
                .collect(),
        ),
        // An unquoted template was meant as text; as such it causes no second mistake.
        RawValue::Map(entries) if is_unquoted_template(&entries) => {
            diagnostics.push(unquoted_template(at));
            Yaml::Text(" ".into())
        }
        RawValue::Map(entries) => Yaml::Map(lower_entries(entries, at, place, diagnostics)),
    };
    if matches!(value, Yaml::List(_) | Yaml::Map(_)) {
        at.len = at.len.min(1);
    }
    Node { value, at }
}

fn is_unquoted_template(entries: &[(Raw, Raw)]) -> bool {
    matches!(entries, [(key, _)] if matches!(key.0.value, RawValue::Map(_)))
}

fn lower_entries(
    raw: Vec<(Raw, Raw)>,
    at: Position,
    place: &Place<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
    let mut lines: HashMap<String, u32> = HashMap::with_capacity(raw.len());
    for (key, value) in raw {
        let key = lower(key, place, diagnostics);
        let value = lower(value, place, diagnostics);
        let Some(text) = key_text(&key) else {
            diagnostics.push(unquoted_template(at));
            continue;
        };
        if let Some(first) = lines.get(&text) {
            diagnostics.push(
                Diagnostic::error(
                    Code::DuplicateKey,
                    key.at,
                    format!("duplicate key `{text}`"),
                )
                .help(format!(
                    "it stands on line {first} already; remove one of them"
                )),
            );
            continue;
        }
        lines.insert(text.clone(), key.at.line);
        entries.push(Entry {
            key: text,
            key_at: key.at,
            value,
        });
    }
    entries
}

fn key_text(key: &Node) -> Option<String> {
    match &key.value {
        Yaml::Null => Some("null".into()),
        Yaml::Bool(b) => Some(b.to_string()),
        Yaml::Number(n) => Some(n.to_string()),
        Yaml::Text(text) => Some(text.clone()),
        Yaml::List(_) | Yaml::Map(_) => None,
    }
}
