//! Describes where a JSONPath cannot be read, and corrects the usual mistakes in it: names with other
//! characters than letters, and indexes after a dot.

use jsonpath_rust::parser::parse_json_path;

/// Describes the error of the parser by its position in the path.
pub fn message(text: &str, error: &str) -> String {
    let Some(column) = column(error) else {
        return format!("`{text}` is not JSONPath");
    };
    let rest: String = text.chars().skip(column - 1).take(12).collect();
    match rest.is_empty() {
        true => {
            format!("`{text}` is not JSONPath: it ends where a name, a number or `]` is missing")
        }
        false => {
            format!("`{text}` is not JSONPath: it cannot be read from character {column}, `{rest}`")
        }
    }
}

/// Extracts the column from the parser's message ` --> 1:7`.
fn column(error: &str) -> Option<usize> {
    let (_, position) = error.split_once("--> ")?;
    let (_, column) = position.lines().next()?.split_once(':')?;
    column.trim().parse().ok().filter(|column| *column > 0)
}

/// Returns the path with brackets around the names and indexes that need them, if it can then be read.
pub fn corrected(text: &str) -> Option<String> {
    let mut corrected = String::new();
    for (number, part) in segments(text).into_iter().enumerate() {
        if number == 0 || part.starts_with('[') {
            corrected.push_str(part);
            continue;
        }
        let dots = part.len() - part.trim_start_matches('.').len();
        let name = &part[dots..];
        let is_name = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii());
        let starts_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
        let before = if dots > 1 { ".." } else { "" };
        if name == "*" || (is_name && !starts_with_digit) {
            corrected.push_str(part);
        } else if name.contains(['[', ']', '(', ')', '?', '@', '\'', '"', '*']) {
            return None;
        } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
            corrected.push_str(&format!("{before}[{name}]"));
        } else {
            let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
            corrected.push_str(&format!("{before}['{escaped}']"));
        }
    }
    (corrected != text && parse_json_path(&corrected).is_ok()).then_some(corrected)
}

/// Splits a path before each dot and bracket that is not within brackets or quotes.
fn segments(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut depth, mut quote) = (0_usize, None);
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open && previous != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if depth > 0 => quote = Some(c),
            (None, '[') => {
                if depth == 0 && at > start && !text[start..at].trim_matches('.').is_empty() {
                    parts.push(&text[start..at]);
                    start = at;
                }
                depth += 1;
            }
            (None, ']') => depth = depth.saturating_sub(1),
            (None, '.') if depth == 0 && previous != '.' && at > start => {
                parts.push(&text[start..at]);
                start = at;
            }
            (None, _) => {}
        }
        previous = c;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indexes_that_need_brackets_get_them() {
        for (text, expected) in [
            ("$.raw.detail-type", Some("$.raw['detail-type']")),
            ("$.raw.alerts.0.labels", Some("$.raw.alerts[0].labels")),
            ("$.raw.a b.c", Some("$.raw['a b'].c")),
            ("$..detail-type", Some("$..['detail-type']")),
            ("$.raw.1st", Some("$.raw['1st']")),
            ("$.raw.a[*].x-y", Some("$.raw.a[*]['x-y']")),
            ("$.raw.l[?@.a-b == 1]", None),
            ("$..[?(@.id = 1)]", None),
            ("$.raw.a[", None),
            ("$.raw", None),
        ] {
            assert_eq!(corrected(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_message_names_the_position() {
        let error = parse_json_path("$.raw.a[")
            .expect_err("unclosed")
            .to_string();
        assert!(
            message("$.raw.a[", &error).contains("it ends where"),
            "{error}"
        );
        let error = parse_json_path("$.raw.detail-type")
            .expect_err("a dash")
            .to_string();
        let message = message("$.raw.detail-type", &error);
        assert!(
            message.contains("from character 13, `-type`"),
            "{message} {error}"
        );
    }
}
