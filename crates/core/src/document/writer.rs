//! Writes a value as a YAML document for people to read and edit. Reading it gives the same value.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use serde_yaml::{FlowMap, FlowSeq};

use crate::number::double;

/// Collections longer than this are written over several lines.
const MAX_LINE_CHARS: usize = 96;

/// Returns the text of a document, without the line `---`.
pub fn write(value: &Value) -> String {
    let options = serde_yaml::ser_options! {
        compact_list_indent: false,
        // Folded text is hard to edit, because its line breaks differ from those of the value.
        folded_wrap_chars: usize::MAX,
    };
    let block = Block {
        value,
        indent: 0,
        tall: true,
    };
    serde_yaml::to_string_with_options(&block, options).expect("every JSON value has a YAML form")
}

/// A value in block style, whose short collections are in flow style.
struct Block<'v> {
    value: &'v Value,
    indent: usize,
    /// Block style even if it is short.
    tall: bool,
}

impl Block<'_> {
    fn is_short(&self) -> bool {
        let flat = match self.value {
            // A named step starts with its name on its own line.
            Value::Object(entries) if entries.contains_key("name") && depth(self.value) > 1 => {
                false
            }
            Value::Object(entries) => entries.values().all(|value| depth(value) < 2),
            Value::Array(items) => items.iter().all(|item| depth(item) < 2),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        };
        let length = self.value.to_string().chars().count();
        flat && !self.tall && self.indent + length < MAX_LINE_CHARS
    }

    /// A value below this one.
    fn inner<'v>(&self, key: &str, value: &'v Value) -> Block<'v> {
        Block {
            value,
            indent: self.indent + 2,
            // A request is easier to read with one key per line.
            tall: key == "http" && depth(value) > 1,
        }
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(_) if self.is_short() => {
                FlowMap(WrittenValue(self.value)).serialize(serializer)
            }
            Value::Array(_) if self.is_short() => {
                FlowSeq(WrittenValue(self.value)).serialize(serializer)
            }
            Value::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &self.inner(key, value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&self.inner("", item))?;
                }
                list.end()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                WrittenValue(self.value).serialize(serializer)
            }
        }
    }
}

/// A value whose numbers are written as the YAML crate writes them.
struct WrittenValue<'v>(&'v Value);

impl Serialize for WrittenValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &WrittenValue(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&WrittenValue(item))?;
                }
                list.end()
            }
            Value::Number(number) => match (number.as_i64(), number.as_i128()) {
                (Some(whole), _) => serializer.serialize_i64(whole),
                (None, Some(whole)) => serializer.serialize_i128(whole),
                (None, None) => serializer.serialize_f64(double(number)),
            },
            Value::Null | Value::Bool(_) | Value::String(_) => self.0.serialize(serializer),
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::diagnostic::{Diagnostics, FileId};
    use crate::document;

    fn read_back(text: &str) -> Value {
        let mut diagnostics = Diagnostics::default();
        let read = document::read(FileId::default(), text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
        assert_eq!(read.len(), 1, "{text}");
        read[0].to_json()
    }

    #[test]
    fn short_collections_are_in_flow_style() {
        let document = json!({
            "name": "a-rule",
            "when": { "ticket.tags": { "has": ["a", "b"], "not": { "has": ["c"] } }, "current": null },
            "flow": [{ "name": "x", "http": { "url": "{{ vars.x }}", "json": { "text": "#1", "k": 1 } } }],
            "body": "two\nlines",
        });
        assert_eq!(
            write(&document),
            "name: a-rule\nwhen:\n  ticket.tags:\n    has: [a, b]\n    not: {has: [c]}\n  current: null\n\
             flow:\n  - name: x\n    http:\n      url: \"{{ vars.x }}\"\n      json: {text: \"#1\", k: 1}\n\
             body: |-\n  two\n  lines\n"
        );
    }

    #[test]
    fn ambiguous_texts_are_quoted() {
        let texts = [
            "",
            " ",
            "yes",
            "NULL",
            "~",
            "1",
            "1.0",
            "0x1f",
            "1e3",
            "2026-01-01",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "{{ x }}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a`",
            "'a'",
            "\"a\"",
            "a\\b",
            "---",
            "...",
            "a\nname: b",
            "a\n",
            "\n",
            "\n\n",
            "a\n\n",
            "a\n\nb\n",
            " a\nb",
            "a \nb",
            "a\tb\n",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
            "\u{7f}",
            "\0",
            "a,b",
            "é",
            "🎫",
            "? a",
            ".inf",
            "=",
            "<<",
            "a\r\nb",
            "5m",
            "5e",
            "1e5",
            "0x5d",
            "12h",
            "0o7d",
            "---\nb",
            "a\n...\nb",
            "#{{ x }}\nb",
            "{{ '{{' }}literal",
            "0b11",
            "1_000",
            "12:30:45",
            "off",
            "-",
            "?",
            "trailing ",
            "\ta",
            "a\u{fffe}b",
            "zis:a:flow:b",
        ];
        let long = "word ".repeat(60);
        for text in texts.into_iter().chain([long.as_str(), long.trim()]) {
            for document in [
                json!({ "a": text }),
                json!({ text: 1 }),
                json!([[text, {"k": [text]}]]),
            ] {
                assert_eq!(read_back(&write(&document)), document, "{text:?}");
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".{0,12}", "[a-z :#\\-\\n\"'{}\\[\\],&*!|>%@`]{0,14}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn written_documents_read_back(value in values()) {
            let document = json!({ "document": value });
            prop_assert_eq!(read_back(&write(&document)), document);
        }
    }
}
