//! Converts a trigger's search for words in a text to a test with `matches` or `contains`.

use serde_json::{Value, json};

/// The test for an operator; `None` if text fields do not have it.
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

/// A pattern for any of the words, as a whole word.
fn pattern(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(regex::escape).collect();
    format!(r"(?:^|\W)(?:{})(?:\W|$)", words.join("|"))
}
