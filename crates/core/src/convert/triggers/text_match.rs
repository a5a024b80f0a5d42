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

pub const SEPARATORS: &str = "the words are separated by spaces, and it is not known what a trigger makes of other separators; remove them, or write the test with `matches`";

/// Whether words in a list have a separator other than a space.
pub fn has_separators(operator: &str, value: &Value) -> bool {
    let separators = [',', ';', '|'];
    let words = value.as_str().unwrap_or_default().split_whitespace();
    let is_list = matches!(operator, "includes" | "not_includes");
    is_list
        && words
            .into_iter()
            .any(|word| word.starts_with(separators) || word.ends_with(separators))
}

/// A pattern for any of the words, as a whole word.
fn pattern(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(regex::escape).collect();
    format!(r"(?:^|\W)(?:{})(?:\W|$)", words.join("|"))
}
