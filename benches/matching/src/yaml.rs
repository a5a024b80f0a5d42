//! Writes rules as YAML text, one document per rule. Texts must not contain quotes.

use std::fmt::Write as _;

use serde_json::Value;

use crate::rule::{Condition, Predicate, Rule, Test};

/// Returns the name of a rule by its number.
pub fn name(number: usize) -> String {
    format!("rule-{number}")
}

/// Returns the number in the name of a rule.
pub fn number(name: &str) -> Option<u32> {
    name.strip_prefix("rule-")?.parse().ok()
}

pub fn file(rules: &[Rule]) -> String {
    let mut text = String::new();
    for (number, rule) in rules.iter().enumerate() {
        document(number, rule, &mut text);
    }
    text
}

fn document(number: usize, rule: &Rule, text: &mut String) {
    let (name, tag) = (name(number), rule.event_type.tag);
    let _ = write!(
        text,
        "---\nname: {name}\nevent_source: support\nevent_type: ticket.{tag}\nwhen:\n"
    );
    entries(&rule.when, text);
    text.push_str(
        "flow:\n  - http:\n      method: POST\n      url: https://hooks.example/notify\n      \
         json: { ticket: \"{{ ticket.id }}\" }\n",
    );
}

/// Writes the outermost condition, one key per line.
fn entries(condition: &Condition, text: &mut String) {
    let Condition::All(all) = condition else {
        let _ = writeln!(text, "  {}", entry(condition));
        return;
    };
    if keys_differ(all) {
        for condition in all {
            let _ = writeln!(text, "  {}", entry(condition));
        }
        return;
    }
    let _ = writeln!(text, "  all: {}", list(all));
}

/// Whether the conditions can be keys of one mapping.
fn keys_differ(all: &[Condition]) -> bool {
    let mut keys: Vec<&str> = all.iter().map(key).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair[0] != pair[1])
}

fn key(condition: &Condition) -> &'static str {
    match condition {
        Condition::Is(predicate) => predicate.path,
        Condition::All(_) => "all",
        Condition::Any(_) => "any",
        Condition::None(_) => "none",
    }
}

fn entry(condition: &Condition) -> String {
    let value = match condition {
        Condition::Is(Predicate { test, .. }) => test_text(test),
        Condition::All(inner) | Condition::Any(inner) | Condition::None(inner) => list(inner),
    };
    format!("{}: {value}", key(condition))
}

fn list(conditions: &[Condition]) -> String {
    let maps: Vec<String> = conditions
        .iter()
        .map(|condition| format!("{{ {} }}", entry(condition)))
        .collect();
    format!("[{}]", maps.join(", "))
}

fn test_text(test: &Test) -> String {
    match test {
        Test::Is(value) => scalar(value),
        Test::OneOf(values) => scalars(values),
        Test::Has(tags) => format!("{{ has: [{}] }}", tags.join(", ")),
        Test::Below(end) => format!("{{ lt: {end} }}"),
        Test::AtLeast(start) => format!("{{ gte: {start} }}"),
        Test::Between(low, high) => format!("{{ between: [{low}, {high}] }}"),
        Test::StartsWith(start) => format!("{{ starts_with: '{start}' }}"),
        Test::Matches(pattern) => format!("{{ matches: '{pattern}' }}"),
        Test::Contains(part) => format!("{{ contains: '{part}' }}"),
        Test::Exists => "{ exists: true }".to_owned(),
        Test::Not(test) => format!("{{ not: {} }}", test_text(test)),
    }
}

fn scalars(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(scalar).collect();
    format!("[{}]", values.join(", "))
}

fn scalar(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}
