//! Decodes nodes to values: mappings with known keys, text, durations, whole numbers.
//! What cannot be decoded is reported with its position, and decoding continues.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diagnostic::{Code, Report};
use crate::document::suggest;
use crate::document::vocabulary::{Support, Vocabulary};
use crate::document::{Entry, Node, Yaml, duration};

/// Decodes nodes; implemented for everything that collects diagnostics.
pub trait Decode: Report {
    fn wrong_type(&mut self, node: &Node, key: &str, expected: &str) {
        let message = format!("`{key}` takes {expected}, found {}", node.kind());
        self.error(Code::WrongType, node.at, message, "");
    }

    /// Reports a value of another type: returns `None`.
    fn reject_type<T>(&mut self, node: &Node, key: &str, wanted: &str) -> Option<T> {
        self.wrong_type(node, key, wanted);
        None
    }

    /// Returns the entries of a mapping; reports keys that are unknown or not supported yet.
    fn entries<'n>(&mut self, node: &'n Node, words: &Vocabulary) -> Option<&'n [Entry]> {
        let Yaml::Map(entries) = &node.value else {
            let message = format!("{} takes a mapping, found {}", words.name, node.kind());
            let help = match node.value {
                Yaml::Null => "indent its keys deeper than the key itself",
                _ => &format!("its keys are: {}", words.listed()),
            };
            return self.reject(Code::WrongType, node.at, message, help);
        };
        for entry in entries {
            self.check_key(entry, words);
        }
        Some(entries)
    }

    fn check_key(&mut self, entry: &Entry, words: &Vocabulary) {
        match words.get(&entry.key) {
            Some(word) => {
                if let Support::Planned(when) = word.built {
                    let message = format!("`{}` is not built yet", entry.key);
                    self.error(Code::NotBuiltYet, entry.key_at, message, when);
                }
            }
            None => {
                let message = format!("unknown key `{}` in {}", entry.key, words.name);
                let help = suggest::for_key(&entry.key, words)
                    .unwrap_or_else(|| format!("the keys are: {}", words.listed()));
                self.error(Code::UnknownKey, entry.key_at, message, &help);
            }
        }
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let text = node.scalar_text();
        if text.is_none() {
            self.wrong_type(node, key, "text");
        }
        text
    }

    /// A duration: `500ms`, `30s`, `5m`, `24h`, `4d`.
    fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        let parsed = node.as_text().and_then(duration::parse);
        if parsed.is_none() {
            let message = format!("`{key}` takes a duration");
            self.invalid(
                node.at,
                message,
                "write a number and a unit: 500ms, 30s, 5m, 1h30m, 4d",
            );
        }
        parsed
    }

    fn whole_number(&mut self, node: &Node, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match &node.value {
            Yaml::Number(number) => number.as_u64().filter(|n| range.contains(n)),
            Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
        };
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let message = format!("`{key}` takes a whole number from {least} to {most}");
            self.invalid(node.at, message, "");
        }
        number
    }
}

impl<R: Report> Decode for R {}
