//! Counts the values of a JSON text without building them, and estimates the memory that they take when built.

use crate::event::json::tape::run::plain;

/// The default limit of values in one text. A large event of a help desk has about 5,000, and a text of 1 MiB with
/// fields of ordinary length about 50,000.
pub const MAX_VALUES: usize = 65_536;

/// Bytes of a built value, measured with short texts.
const VALUE_BYTES: usize = 112;
/// Bytes of a list or an object with one entry beside its values, measured; larger ones take less per value.
const CONTAINER_BYTES: usize = 480;

/// The size of a JSON text. Exact for valid JSON; a text that is not valid has some size too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonSize {
    pub bytes: usize,
    /// Lists, objects, texts, numbers, booleans and nulls; keys do not count.
    pub values: usize,
    /// Lists and objects.
    pub containers: usize,
}

impl JsonSize {
    pub fn of(text: &[u8]) -> Self {
        let (mut values, mut containers, mut at) = (1, 0, 0);
        let mut before = b' ';
        while let Some(byte) = text.get(at).copied() {
            at += 1;
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => continue,
                b'"' => at = after_string(text, at),
                b',' => values += 1,
                b'{' | b'[' => containers += 1,
                // A container has one value more than commas, or none.
                b'}' | b']' if !matches!(before, b'{' | b'[') => values += 1,
                _ => {}
            }
            before = byte;
        }
        Self {
            bytes: text.len(),
            values,
            containers,
        }
    }

    /// The bytes of memory that the built values take, estimated.
    pub fn memory(&self) -> usize {
        self.bytes + self.values * VALUE_BYTES + self.containers * CONTAINER_BYTES
    }
}

/// The position after the quote that ends the string with its first character at `at`.
fn after_string(text: &[u8], mut at: usize) -> usize {
    loop {
        at = plain(text, at);
        match text.get(at) {
            None => return at,
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(values) => values.iter().map(count).sum(),
            Value::Object(entries) => entries.values().map(count).sum::<usize>(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }

    #[test]
    fn the_values_of_valid_json_are_counted() {
        for (text, values, containers) in [
            ("7", 1, 0),
            ("[]", 1, 1),
            ("{ }", 1, 1),
            ("[[], {}]", 3, 3),
            (r#"{"a": [1, "x,y]", null], "b": {"c": {}}}"#, 7, 4),
            (r#"["\"", "\\", "a\\\"{[,"]"#, 4, 1),
        ] {
            let size = JsonSize::of(text.as_bytes());
            assert_eq!(
                (size.values, size.containers),
                (values, containers),
                "{text}"
            );
            assert_eq!(
                count(&serde_json::from_str(text).unwrap()),
                values,
                "{text}"
            );
        }
    }

    #[test]
    fn text_that_is_not_json_has_a_size() {
        for text in ["", "\"", "\"\\", "]]]", "{\"a", "\u{0}"] {
            assert!(JsonSize::of(text.as_bytes()).values < 5, "{text}");
        }
    }

    #[test]
    fn small_objects_are_estimated_above_their_text() {
        let text = format!("[{}0]", "{\"\":0},".repeat(1_000));
        assert!(JsonSize::of(text.as_bytes()).memory() > 80 * text.len());
        let text = format!("[{}0]", "\"some ordinary text\",".repeat(1_000));
        assert!(JsonSize::of(text.as_bytes()).memory() < 8 * text.len());
    }
}
