//! A name for a value that has none: a hash of its canonical JSON (keys sorted, no blanks).
//! It refuses to depend on the order of keys or on white space, so a repeat has the same name.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a value's canonical form, in hexadecimal.
pub fn fingerprint(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            write_all('{', entries, '}', text, |(key, value), text| {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            });
        }
        Value::Array(elements) => write_all('[', elements, ']', text, write),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
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

    #[test]
    fn the_canonical_form_is_what_is_hashed() {
        let mut text = String::new();
        write(
            &json!({"b": [1, {"d": null, "c": "é\""}], "a": 1.5}),
            &mut text,
        );
        assert_eq!(text, r#"{"a":1.5,"b":[1,{"c":"é\"","d":null}]}"#);
        let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(fingerprint(&json!({})), empty);
    }

    #[test]
    fn the_order_of_keys_says_nothing_and_values_everything() {
        let one = fingerprint(&json!({"a": 1, "b": [1, 2]}));
        assert_eq!(one, fingerprint(&json!({"b": [1, 2], "a": 1})));
        assert_ne!(one, fingerprint(&json!({"b": [2, 1], "a": 1})));
        assert_ne!(fingerprint(&json!("1")), fingerprint(&json!(1)));
    }
}
