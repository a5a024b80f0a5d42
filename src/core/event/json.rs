//! The door for bytes: JSON in, a value out, the same answer whatever rules are loaded.
//! Damaged text is repaired and noted; damaged structure (not JSON, nested too deep, numbers beyond
//! f64, duplicate keys) is refused with its place.

mod many;
mod repair;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub use many::{Item, accept_many};

/// A parsed value.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedJson {
    pub value: Value,
    /// What was repaired on the way in, in words; empty for sound input.
    pub repairs: Vec<String>,
}

/// Why bytes were refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct Refused {
    pub reason: String,
    pub line: usize,
    pub column: usize,
}

/// Reads one JSON value.
pub fn accept(bytes: &[u8]) -> Result<ParsedJson, Refused> {
    let mut repairs = Vec::new();
    let text = repair::text(bytes, &mut repairs);
    if text.trim().is_empty() {
        return Err(empty());
    }
    let rounded = Cell::new(false);
    let value = match parse(&text, &rounded) {
        Ok(value) => value,
        // Only damaged input pays for a second reading.
        Err(error) => match repair::lone_surrogates(&text, &mut repairs) {
            Some(repaired) => {
                parse(&repaired, &rounded).map_err(|error| refused(&error, &repaired))?
            }
            None => return Err(refused(&error, &text)),
        },
    };
    if rounded.get() {
        repairs.push("a whole number beyond 64 bits was rounded".into());
    }
    Ok(ParsedJson { value, repairs })
}

fn empty() -> Refused {
    Refused {
        reason: "empty input, expected a JSON event".into(),
        line: 1,
        column: 1,
    }
}

fn parse(text: &str, rounded: &Cell<bool>) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { rounded }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// The place of a parser's complaint, in characters, with its reason in our words.
fn refused(error: &serde_json::Error, text: &str) -> Refused {
    let line = error.line().max(1);
    let before = text
        .lines()
        .nth(line - 1)
        .unwrap_or_default()
        .bytes()
        .take(error.column())
        // A byte that continues a character is no column of its own.
        .filter(|byte| byte & 0xC0 != 0x80)
        .count();
    Refused {
        reason: reason(error),
        line,
        column: before.max(1),
    }
}

fn reason(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let said = error.to_string();
    let said = said.strip_suffix(&place).unwrap_or(&said);
    if said.starts_with("recursion limit") {
        return "nested more than 127 levels deep".into();
    }
    if said.starts_with("number out of range") {
        return "a number too large for 64-bit floating point".into();
    }
    if error.is_eof() {
        return format!("the JSON is cut off ({said})");
    }
    if error.is_data() {
        return said.to_owned();
    }
    format!("not JSON ({said})")
}

/// Builds a [`Value`] and takes nothing for granted that `serde_json` lets pass.
#[derive(Clone, Copy)]
struct Strict<'a> {
    rounded: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if value.fract() == 0.0 && value.abs() >= 2f64.powi(63) {
            self.rounded.set(true);
        }
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            let value = entries.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        accept(bytes).expect_err("to be refused").to_string()
    }

    #[test]
    fn sound_input_passes_unrepaired() {
        let read = accept(br#" {"a": [1, -2, 3.5, true, null, "\ud83d\ude00 \u00e9"]} "#).unwrap();
        assert_eq!(read.value, json!({"a": [1, -2, 3.5, true, null, "😀 é"]}));
        assert_eq!(read.repairs, Vec::<String>::new());
    }

    #[test]
    fn damaged_structure_is_refused_with_its_place() {
        let at = |reason: &str, line, column| format!("{reason} at line {line}, column {column}");
        assert_eq!(refusal(b""), at("empty input, expected a JSON event", 1, 1));
        assert_eq!(
            refusal(b" \n\t"),
            at("empty input, expected a JSON event", 1, 1)
        );
        assert_eq!(
            refusal(b"\xEF\xBB\xBF"),
            at("empty input, expected a JSON event", 1, 1)
        );
        assert_eq!(refusal(br#"{"a":1,"a":2}"#), at("duplicate key `a`", 1, 10));
        assert_eq!(
            refusal(b"{\"x\":[{\"b\":1,\n\"b\":2}]}"),
            at("duplicate key `b`", 2, 3)
        );
        assert_eq!(
            refusal(br#"{"a":"\u0062","\u0061":2}"#),
            at("duplicate key `a`", 1, 22)
        );
        assert_eq!(
            refusal(b"[1e999]"),
            at("a number too large for 64-bit floating point", 1, 6)
        );
        assert_eq!(refusal(b"{} x"), at("not JSON (trailing characters)", 1, 4));
        assert_eq!(
            refusal("\"é\" é x".as_bytes()),
            at("not JSON (trailing characters)", 1, 5)
        );
        assert!(refusal(br#"{"a": "#).starts_with("the JSON is cut off"));
        assert!(refusal(b"hello").starts_with("not JSON (expected value)"));
        assert!(refusal(b"{\"a\": NaN}").starts_with("not JSON"));
    }

    #[test]
    fn depth_is_bounded_and_never_overflows_the_stack() {
        for depth in [128, 1_000, 1_000_000] {
            for unit in ["[", "{\"a\":"] {
                let deep = unit.repeat(depth);
                assert!(refusal(deep.as_bytes()).starts_with("nested more than 127 levels deep"));
            }
        }
        let fine = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert!(accept(fine.as_bytes()).is_ok());
    }

    #[test]
    fn damaged_text_is_repaired_and_noted() {
        let read = accept(b"\xEF\xBB\xBF{\"a\": \"x\xFFy\"}").unwrap();
        assert_eq!(read.value, json!({"a": "x\u{FFFD}y"}));
        assert_eq!(read.repairs.len(), 1);
        for (damaged, sound) in [
            (r#""cut \ud83d""#, "cut \u{FFFD}"),
            (r#""\ude00 low""#, "\u{FFFD} low"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""\ud83d\u0041""#, "\u{FFFD}A"),
            (r#""\ud83d\n\\ud83d""#, "\u{FFFD}\n\\ud83d"),
        ] {
            let read = accept(damaged.as_bytes()).unwrap();
            assert_eq!(read.value, json!(sound), "{damaged}");
            assert_eq!(read.repairs.len(), 1, "{damaged}");
        }
    }

    #[test]
    fn a_repair_does_not_hide_damaged_structure() {
        assert!(refusal(br#"{"a": "\ud83d", "a": 1}"#).starts_with("duplicate key `a`"));
        assert!(refusal(br#"{"a": "\ud83d"#).starts_with("the JSON is cut off"));
        assert!(refusal(br#"{"a": "\ud8"}"#).starts_with("not JSON"));
    }

    #[test]
    fn a_whole_number_beyond_64_bits_is_noted() {
        let read = accept(b"39313930383633353634323835").unwrap();
        assert_eq!(read.repairs, ["a whole number beyond 64 bits was rounded"]);
        assert!(accept(b"18446744073709551615").unwrap().repairs.is_empty());
    }
}
