//! The content hash of a JSON value, the id of an event that has none.
//! SHA-256 of the canonical form, with sorted keys and without blanks.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::event::json::tape::JsonKind;
use crate::event::json::tape::run::plain;
use crate::event::json::value_ref::ValueRef;

/// Enough for most events.
const INITIAL_CAPACITY: usize = 2048;

/// The SHA-256 of a value's canonical form, in hexadecimal.
pub fn fingerprint(datum: ValueRef<'_>) -> String {
    let mut text = String::with_capacity(INITIAL_CAPACITY);
    write(datum, &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn write(datum: ValueRef<'_>, text: &mut String) {
    match datum.kind() {
        JsonKind::Object => {
            let mut entries = datum.entries();
            entries.sort_unstable_by_key(|(key, _)| *key);
            write_all('{', entries, '}', text, |(key, value), text| {
                write_text(key, text);
                text.push(':');
                write(value, text);
            });
        }
        JsonKind::List => write_all('[', datum.elements(), ']', text, write),
        JsonKind::Text => write_text(&datum.text().expect("a text has its text"), text),
        JsonKind::Null => text.push_str("null"),
        JsonKind::Bool => text.push_str(if datum.bool() == Some(true) {
            "true"
        } else {
            "false"
        }),
        JsonKind::Number => {
            if let Some(integer) = datum.integer_text() {
                text.push_str(integer);
            } else if let Some(number) = datum.number() {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "{number}");
            }
        }
    }
}

fn write_text(value: &str, text: &mut String) {
    if plain(value.as_bytes(), 0) < value.len() {
        return text.push_str(&Value::from(value).to_string());
    }
    text.push('"');
    text.push_str(value);
    text.push('"');
}

fn write_all<T>(
    open: char,
    parts: impl IntoIterator<Item = T>,
    close: char,
    text: &mut String,
    write: impl Fn(T, &mut String),
) {
    text.push(open);
    for (n, part) in parts.into_iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        write(part, text);
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::json::tape::Tape;

    fn hash(value: Value) -> String {
        fingerprint(ValueRef::Built(&value))
    }

    #[test]
    fn the_canonical_form_is_hashed() {
        let mut text = String::new();
        let value = json!({"b": [1, {"d": null, "c": "é\""}], "a": 1.5});
        write(ValueRef::Built(&value), &mut text);
        assert_eq!(text, r#"{"a":1.5,"b":[1,{"c":"é\"","d":null}]}"#);
        let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(hash(json!({})), empty);
    }

    #[test]
    fn scalars_are_written_as_json_writes_them() {
        let value = json!([
            null,
            true,
            false,
            0,
            -7,
            1_234_567_890_123_i64,
            u64::MAX,
            1e300,
            -0.0,
            12.50,
            "",
            "é/😀",
            "\u{7f}\u{1}\n\\\""
        ]);
        let mut text = String::new();
        write(ValueRef::Built(&value), &mut text);
        assert_eq!(text, value.to_string());
        // The scanner leaves some numbers to the parser.
        let is_scanned =
            |value: &&Value| Tape::default().scan(value.to_string().as_bytes()).is_some();
        let scanned: Value = value
            .as_array()
            .into_iter()
            .flatten()
            .filter(is_scanned)
            .cloned()
            .collect();
        assert_eq!(scanned.as_array().map(Vec::len), Some(10));
        let (mut tape, mut text) = (Tape::default(), String::new());
        let received = format!(" {} ", scanned.to_string().replace(',', " , "));
        let document = tape.scan(received.as_bytes()).expect("plain JSON");
        write(ValueRef::Taped(document.root()), &mut text);
        assert_eq!(text, scanned.to_string());
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one = hash(json!({"a": 1, "b": [1, 2]}));
        assert_eq!(one, hash(json!({"b": [1, 2], "a": 1})));
        assert_ne!(one, hash(json!({"b": [2, 1], "a": 1})));
        assert_ne!(hash(json!("1")), hash(json!(1)));
    }
}
