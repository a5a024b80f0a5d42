//! The words that a trigger looks for in a text, as a test of ours.
//! It refuses to look for a part of a word where the trigger looks for the whole.

use serde_json::{Value, json};

/// The test behind an operator of a text; None for an operator that texts do not have.
pub fn test(operator: &str, value: &Value) -> Option<Value> {
    let text = value.as_str()?.trim();
    if text.is_empty() {
        return None;
    }
    let words = json!({"matches": pattern(text), "ignore_case": true});
    let whole = json!({"contains": text, "ignore_case": true});
    match operator {
        "includes" => Some(words),
        "not_includes" => Some(json!({ "not": words })),
        "is" | "includes_string" => Some(whole),
        "is_not" | "not_includes_string" => Some(json!({ "not": whole })),
        _ => None,
    }
}

/// One of the words, by itself.
fn pattern(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(regex::escape).collect();
    format!(r"(?:^|\W)(?:{})(?:\W|$)", words.join("|"))
}
