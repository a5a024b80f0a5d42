//! Collects the entries of a mapping: unique keys, merged mappings (`<<`), and unquoted templates, which YAML
//! reads as a mapping whose key is a mapping.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::syntax_errors::duplicate;
use crate::document::{Entry, Node, Yaml};

/// The entries of a mapping that were read so far.
#[derive(Default)]
pub struct Entries {
    named: Vec<Entry>,
    /// The values of `<<` keys; their entries follow those that are written in the mapping.
    merged: Vec<Node>,
    /// The number of keys that are lists or mappings.
    pub nameless: usize,
    /// The number of all entries, including duplicates.
    count: usize,
    first_key_is_mapping: bool,
    /// The line of each key, for mappings with more than `MAX_SCANNED` entries.
    lines: HashMap<String, u32>,
}

/// Mappings with more entries look up duplicate keys in a table.
const MAX_SCANNED: usize = 32;

/// A key as written.
pub struct Key {
    pub node: Node,
    /// Whether it is `<<` without quotes.
    pub merges: bool,
    /// Whether an unquoted template was reported in it. It is a text by now.
    pub was_template: bool,
}

impl Entries {
    pub fn add(&mut self, key: Key, value: Node, found: &mut Vec<Diagnostic>) {
        if self.count == 0 {
            self.first_key_is_mapping = match key.node.value {
                Yaml::Map(_) => true,
                Yaml::Text(_) => key.was_template,
                Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => false,
            };
        }
        self.count += 1;
        if key.merges {
            self.merged.push(value);
            return;
        }
        let key_at = key.node.at;
        let Some(key) = key_text(key.node) else {
            self.nameless += 1;
            return;
        };
        if let Some(first) = self.line_of(&key) {
            found.push(duplicate(&key, key_at, first));
            return;
        }
        self.named.push(Entry { key, key_at, value });
    }

    fn line_of(&mut self, key: &str) -> Option<u32> {
        if self.named.len() <= MAX_SCANNED {
            let first = self.named.iter().find(|entry| entry.key == key)?;
            return Some(first.key_at.line);
        }
        for entry in &self.named[self.lines.len()..] {
            self.lines.insert(entry.key.clone(), entry.key_at.line);
        }
        self.lines.get(key).copied()
    }

    /// Whether the mapping is an unquoted `{{ … }}`.
    pub fn is_unquoted_template(&self) -> bool {
        self.count == 1 && self.first_key_is_mapping
    }

    /// Returns the entries. Those of merged mappings have no effect where the mapping has the key itself.
    pub fn finish(mut self, found: &mut Vec<Diagnostic>) -> Vec<Entry> {
        for merged in std::mem::take(&mut self.merged) {
            let at = merged.at;
            match merged.value {
                Yaml::Map(entries) => self.merge(entries),
                Yaml::List(items) => {
                    for item in items {
                        match item.value {
                            Yaml::Map(entries) => self.merge(entries),
                            _ => found.push(not_mergeable(item.at)),
                        }
                    }
                }
                Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
                    found.push(not_mergeable(at));
                }
            }
        }
        self.named
    }

    fn merge(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            if self.line_of(&entry.key).is_none() {
                self.named.push(entry);
            }
        }
    }
}

fn not_mergeable(at: Span) -> Diagnostic {
    let message = "`<<` takes a mapping, or a list of mappings";
    let help = "write `<<: *NAME`, where `&NAME` is beside a mapping; put quotes around `<<` if it is a key";
    Diagnostic::error(Code::WrongType, at, message).help(help)
}

fn key_text(key: Node) -> Option<String> {
    match key.value {
        Yaml::Null => Some("null".into()),
        Yaml::Bool(b) => Some(b.to_string()),
        Yaml::Number(n) => Some(n.to_string()),
        Yaml::Text(text) => Some(text),
        Yaml::List(_) | Yaml::Map(_) => None,
    }
}
