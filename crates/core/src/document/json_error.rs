//! Describes errors of the JSON parser without their position, which callers report in their own form.

/// Returns what is wrong, such as `expected value`.
pub fn reason(error: &serde_json::Error) -> String {
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&suffix).unwrap_or(&message);
    match message.strip_prefix("EOF while parsing ") {
        Some(part) => format!("the text ends within {part}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_position() {
        for (text, expected) in [
            (r#"{"a": "#, "the text ends within a value"),
            ("{\n\"a\": [1", "the text ends within a list"),
            ("{\"a\"\n: x}", "expected value"),
            ("{}\n}", "trailing characters"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
            assert_eq!(reason(&error), expected, "{text}");
        }
    }
}
