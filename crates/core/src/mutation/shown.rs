//! Writes a part of a document on one line, for the description of a mutant.

use crate::document::{Entry, Node, Yaml};

/// Longer texts are cut.
const MAX_CHARS: usize = 60;

/// A node on one line, cut to 60 characters.
pub fn shown(node: &Node) -> String {
    cut(&flow(node))
}

/// A key with its value on one line, cut to 60 characters.
pub fn shown_entry(key: &str, node: &Node) -> String {
    cut(&format!("{key}: {}", flow(node)))
}

fn flow(node: &Node) -> String {
    match &node.value {
        Yaml::Null => "null".to_owned(),
        Yaml::Bool(value) => value.to_string(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Text(text) => plain_or_quoted(text),
        Yaml::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Yaml::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Yaml::Map(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", entry.key, flow(&entry.value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A text, in quotes where YAML would read it as something else.
fn plain_or_quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./@+ ".contains(c);
    let is_other = text.is_empty()
        || text.trim() != text
        || matches!(text, "null" | "true" | "false" | "~")
        || text.parse::<f64>().is_ok();
    match is_other || !text.chars().all(is_plain) {
        true => format!("{text:?}"),
        false => text.to_owned(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
