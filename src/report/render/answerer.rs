//! Formats who answered a question, as far as it is known.

use serde_json::Value;

use super::escape::plain;

/// `by link, from 192.0.2.7`, `by ines, on the page`.
pub fn answerer(by: &Value) -> String {
    let text = |key: &str| by[key].as_str().map(plain);
    let via = match by["via"].as_str().unwrap_or_default() {
        "page" => "on the page",
        "command_line" => "on the command line, not verified",
        "socket" => "over the admin socket, not verified",
        _ => {
            return match text("address") {
                Some(address) => format!("by link, from {address}"),
                None => "by link".to_owned(),
            };
        }
    };
    let user = text("user").unwrap_or_else(|| "an unknown user".into());
    format!("by {user}, {via}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_answered_is_named_as_far_as_it_is_known() {
        for (by, text) in [
            (
                json!({"via": "link", "address": "192.0.2.7"}),
                "by link, from 192.0.2.7",
            ),
            (json!({"via": "link"}), "by link"),
            (
                json!({"via": "page", "user": "ines"}),
                "by ines, on the page",
            ),
            (
                json!({"via": "command_line", "user": "tom"}),
                "by tom, on the command line, not verified",
            ),
        ] {
            assert_eq!(answerer(&by), text);
        }
    }
}
