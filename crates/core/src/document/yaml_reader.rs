//! Builds the node tree with spans while the YAML crate parses a document, without a second tree.
//! Reports duplicate keys and unquoted templates.

use std::collections::HashMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_yaml::Location;

use crate::diagnostic::Diagnostic;
use crate::document::syntax_errors::{duplicate, unquoted_template};
use crate::document::{Entry, LineIndex, Node, Yaml};

/// The type name that `serde_yaml::Spanned` requests. `Spanned` itself reads two locations, of the node and
/// of its definition, which takes a third of the total time; one is enough here.
const SPANNED: &str = "__yaml_spanned";

/// Reads one node and all nodes below it.
pub struct YamlReader<'r> {
    pub lines: &'r LineIndex<'r>,
    pub found: &'r mut Vec<Diagnostic>,
}

impl YamlReader<'_> {
    fn reborrow(&mut self) -> YamlReader<'_> {
        YamlReader {
            lines: self.lines,
            found: self.found,
        }
    }

    /// Builds the node when its location is known.
    fn node(&mut self, value: ParsedNode, location: Location) -> Node {
        let mut at = self.lines.span(location);
        let value = match value {
            ParsedNode::Plain(Yaml::Number(number)) => {
                Yaml::Number(self.lines.number_at(at).unwrap_or(number))
            }
            ParsedNode::Plain(value) => value,
            // An unquoted template was meant as text; a text causes no further error.
            ParsedNode::Template => {
                self.found.push(unquoted_template(at));
                Yaml::Text(" ".into())
            }
            ParsedNode::Map { entries, nameless } => {
                let template = std::iter::repeat_with(|| unquoted_template(at));
                self.found.extend(template.take(nameless));
                Yaml::Map(entries)
            }
        };
        if matches!(value, Yaml::List(_) | Yaml::Map(_)) {
            at.len = at.len.min(1);
        }
        Node { value, at }
    }
}

impl<'de> DeserializeSeed<'de> for YamlReader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_newtype_struct(SPANNED, SpannedNode(self))
    }
}

/// A node as the crate passes it: a marker, the value, its location, the location of its definition.
struct SpannedNode<'r>(YamlReader<'r>);

impl<'de> Visitor<'de> for SpannedNode<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value with its location")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
        d.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut reader = self.0;
        map.next_entry::<IgnoredAny, IgnoredAny>()?;
        map.next_key::<IgnoredAny>()?;
        let value = map.next_value_seed(NodeVisitor(reader.reborrow()))?;
        map.next_key::<IgnoredAny>()?;
        let location = map.next_value()?;
        Ok(reader.node(value, location))
    }
}

/// A value whose location is not known yet.
enum ParsedNode {
    Plain(Yaml),
    /// `{{ … }}` without quotes: a mapping whose only key is a mapping.
    Template,
    Map {
        entries: Vec<Entry>,
        /// The number of keys that are lists or mappings.
        nameless: usize,
    },
}

struct NodeVisitor<'r>(YamlReader<'r>);

impl<'de> DeserializeSeed<'de> for NodeVisitor<'_> {
    type Value = ParsedNode;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ParsedNode, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeVisitor<'_> {
    type Value = ParsedNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Bool(v)))
    }

    fn visit_i64<E>(self, v: i64) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Number(v.into())))
    }

    fn visit_u64<E>(self, v: u64) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Number(v.into())))
    }

    fn visit_i128<E: de::Error>(self, v: i128) -> Result<ParsedNode, E> {
        let number = Number::from_i128(v).ok_or_else(|| E::custom("too large a number"))?;
        Ok(ParsedNode::Plain(Yaml::Number(number)))
    }

    fn visit_u128<E: de::Error>(self, v: u128) -> Result<ParsedNode, E> {
        let number = Number::from_u128(v).ok_or_else(|| E::custom("too large a number"))?;
        Ok(ParsedNode::Plain(Yaml::Number(number)))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<ParsedNode, E> {
        let number = Number::from_f64(v).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(ParsedNode::Plain(Yaml::Number(number)))
    }

    fn visit_str<E>(self, v: &str) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Text(v.to_owned())))
    }

    fn visit_string<E>(self, v: String) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Text(v)))
    }

    fn visit_unit<E>(self) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Null))
    }

    fn visit_none<E>(self) -> Result<ParsedNode, E> {
        Ok(ParsedNode::Plain(Yaml::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<ParsedNode, D::Error> {
        d.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<ParsedNode, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.0.reborrow())? {
            items.push(item);
        }
        Ok(ParsedNode::Plain(Yaml::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<ParsedNode, A::Error> {
        let before = self.0.found.len();
        let mut entries = Entries::default();
        while let Some(key) = map.next_key_seed(self.0.reborrow())? {
            if entries.count == 0 {
                let reported = self.0.found.len() > before;
                entries.first_key_is_mapping = is_mapping(&key, reported);
            }
            let value = map.next_value_seed(self.0.reborrow())?;
            entries.add(key, value, self.0.found);
        }
        if entries.is_unquoted_template() {
            self.0.found.truncate(before);
            return Ok(ParsedNode::Template);
        }
        Ok(ParsedNode::Map {
            entries: entries.named,
            nameless: entries.nameless,
        })
    }
}

/// The entries of a mapping that were read so far.
#[derive(Default)]
struct Entries {
    named: Vec<Entry>,
    nameless: usize,
    /// The number of all entries, including duplicates.
    count: usize,
    first_key_is_mapping: bool,
    /// The line of each key, for mappings with more than `MAX_SCANNED` entries.
    lines: HashMap<String, u32>,
}

/// Mappings with more entries look up duplicate keys in a table.
const MAX_SCANNED: usize = 32;

impl Entries {
    fn add(&mut self, key: Node, value: Node, found: &mut Vec<Diagnostic>) {
        self.count += 1;
        let key_at = key.at;
        let Some(key) = key_text(key) else {
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

    fn is_unquoted_template(&self) -> bool {
        self.count == 1 && self.first_key_is_mapping
    }
}

/// Whether a key was a mapping. An unquoted template is a text by now, and was reported.
fn is_mapping(key: &Node, reported: bool) -> bool {
    match key.value {
        Yaml::Map(_) => true,
        Yaml::Text(_) => reported,
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => false,
    }
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
