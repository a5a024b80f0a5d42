//! Writes a value as YAML that people read and that reads back as the same value.
//! It refuses to leave a scalar bare that could be read as something else.

use serde_json::{Map, Value};

/// How far a value may reach on one line.
const WIDTH: usize = 96;

/// A document, without the line `---`.
pub fn write(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(entries) if !entries.is_empty() => mapping(entries, 0, &mut text),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut text),
        other => {
            text += &inline(other);
            text.push('\n');
        }
    }
    text
}

/// Whether a character can stand in YAML as it is, on one line.
pub fn is_printable(c: char) -> bool {
    let separates = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    !c.is_control() && !separates && !('\u{fff0}'..='\u{ffff}').contains(&c)
}

fn mapping(entries: &Map<String, Value>, indent: usize, text: &mut String) {
    for (number, (key, value)) in entries.iter().enumerate() {
        // The first key of an item stands beside its dash.
        if number > 0 || !text.ends_with("- ") {
            text.push_str(&" ".repeat(indent));
        }
        text.push_str(&scalar(key));
        text.push(':');
        under(key, value, indent, text);
    }
}

/// What stands beside a key, or below it.
fn under(key: &str, value: &Value, indent: usize, text: &mut String) {
    // A request reads best line by line.
    let tall = key == "http" && depth(value) > 1;
    let beside = on_one_line(value, indent, text).filter(|_| !tall);
    if let Some(short) = beside {
        text.push(' ');
        text.push_str(&short);
        text.push('\n');
        return;
    }
    match value {
        Value::Object(entries) => {
            text.push('\n');
            mapping(entries, indent + 2, text);
        }
        Value::Array(items) => {
            text.push('\n');
            list(items, indent + 2, text);
        }
        Value::String(lines) => block(lines, indent + 2, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn list(items: &[Value], indent: usize, text: &mut String) {
    for item in items {
        text.push_str(&" ".repeat(indent));
        text.push_str("- ");
        match item {
            Value::Object(entries) if !is_short(item, indent) => {
                mapping(entries, indent + 2, text);
            }
            Value::Array(items) if !is_short(item, indent) => {
                text.truncate(text.len() - 1);
                text.push('\n');
                list(items, indent + 2, text);
            }
            _ => {
                text.push_str(&inline(item));
                text.push('\n');
            }
        }
    }
}

/// The value beside its key, where it fits there and reads well.
fn on_one_line(value: &Value, indent: usize, text: &str) -> Option<String> {
    let start = text.len() - text.rfind('\n').map_or(0, |at| at + 1);
    match value {
        Value::String(lines) if is_block(lines) => None,
        Value::Object(_) | Value::Array(_) if !is_short(value, start.max(indent)) => None,
        _ => Some(inline(value)),
    }
}

fn is_short(value: &Value, indent: usize) -> bool {
    let flat = match value {
        // A step with a name begins with it.
        Value::Object(entries) if entries.contains_key("name") && depth(value) > 1 => false,
        Value::Object(entries) => entries.is_empty() || entries.values().all(|v| depth(v) < 2),
        Value::Array(items) => items.iter().all(|v| depth(v) < 2),
        _ => true,
    };
    flat && indent + inline(value).chars().count() < WIDTH
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => scalar(s),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if entries.is_empty() => "{}".into(),
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{}: {}", scalar(key), inline(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A text on one line, bare where nothing in it means something to YAML.
fn scalar(text: &str) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/*+() ".contains(c);
    let word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_span(text) {
        return true;
    }
    begins && text.chars().all(plain) && !text.ends_with(' ') && !word
}

/// `5m`, which is no number to anybody.
fn is_span(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    !number.is_empty() && ["ms", "s", "m", "h", "d"].contains(&unit)
}

/// Whether a text is told best line by line.
fn is_block(text: &str) -> bool {
    let inside = text.trim_end_matches('\n');
    let ends_well = text.len() - inside.len() <= 1;
    let mut lines = inside.split('\n');
    let first = inside.lines().next().unwrap_or_default();
    inside.contains('\n')
        && ends_well
        && !first.starts_with([' ', '\t'])
        && !first.is_empty()
        && lines.all(|line| line.chars().all(is_printable) && !line.ends_with(' '))
}

fn block(text: &str, indent: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') {
        " |\n"
    } else {
        " |-\n"
    });
    for line in text.trim_end_matches('\n').split('\n') {
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::core::diagnostic::{Diagnostics, FileId};
    use crate::core::rule::document;

    fn read_back(text: &str) -> Value {
        let mut diagnostics = Diagnostics::default();
        let read = document::read(FileId::default(), text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
        assert_eq!(read.len(), 1, "{text}");
        read[0].to_json()
    }

    #[test]
    fn it_reads_well() {
        let document = json!({
            "name": "a-rule",
            "when": { "ticket.tags": { "has": ["a", "b"], "not": { "has": ["c"] } }, "current": null },
            "flow": [{ "name": "x", "http": { "url": "{{ vars.x }}", "json": { "text": "#1", "k": 1 } } }],
            "body": "two\nlines",
        });
        assert_eq!(
            write(&document),
            "name: a-rule\nwhen:\n  ticket.tags:\n    has: [a, b]\n    not: { has: [c] }\n  current: null\n\
             flow:\n  - name: x\n    http:\n      url: \"{{ vars.x }}\"\n      json: { text: \"#1\", k: 1 }\n\
             body: |-\n  two\n  lines\n"
        );
    }

    #[test]
    fn what_could_be_read_otherwise_is_quoted() {
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
            "#{{ x }}\nb",
        ];
        for text in texts {
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
        fn whatever_is_written_reads_back(value in values()) {
            let document = json!({ "document": value });
            prop_assert_eq!(read_back(&write(&document)), document);
        }
    }
}
