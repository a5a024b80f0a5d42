//! Strict JSON parser for incoming bodies. Invalid UTF-8 and lone surrogates are replaced and reported as
//! warnings; invalid JSON, nesting over 127 levels and duplicate keys are errors with line and column.
//! Numbers keep all their digits. The result never depends on the loaded rules.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::document::json_error;
use crate::number::{RESERVED_KEY, parse_number};
/// A parsed document.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedJson {
    pub value: Value,
    /// Descriptions of the repairs. Empty for valid input.
    pub repairs: Vec<String>,
}

/// A parse error with its location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct JsonError {
    pub fault: JsonFault,
    pub reason: String,
    pub line: usize,
    pub column: usize,
}

/// The kind of a parse error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFault {
    Empty,
    Incomplete,
    Syntax,
    TooDeep,
    /// It is JSON, and not accepted: a duplicate key, for example.
    Content,
}

impl JsonFault {
    /// What is wrong, without any part of the text.
    pub fn summary(self) -> &'static str {
        match self {
            JsonFault::Empty => "an empty body",
            JsonFault::Incomplete => "incomplete JSON",
            JsonFault::Syntax => "not JSON",
            JsonFault::TooDeep => "JSON nested more than 127 levels deep",
            JsonFault::Content => "JSON that cannot be accepted",
        }
    }
}

/// Parses one JSON value.
pub fn parse(bytes: &[u8]) -> Result<ParsedJson, JsonError> {
    let mut repairs = Vec::new();
    let text = crate::event::json::repair::text(bytes, &mut repairs);
    if text.trim().is_empty() {
        return Err(empty_input());
    }
    let value = match parse_text(&text) {
        Ok(value) => value,
        // Only invalid input is parsed a second time.
        Err(error) => match crate::event::json::repair::lone_surrogates(&text, &mut repairs) {
            Some(repaired) => {
                parse_text(&repaired).map_err(|error| parse_error(&error, &repaired))?
            }
            None => return Err(parse_error(&error, &text)),
        },
    };
    Ok(ParsedJson { value, repairs })
}

fn empty_input() -> JsonError {
    JsonError {
        fault: JsonFault::Empty,
        reason: "empty input, expected a JSON event".into(),
        line: 1,
        column: 1,
    }
}

fn parse_text(text: &str) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Converts an error of serde_json, with the column in characters.
fn parse_error(error: &serde_json::Error, text: &str) -> JsonError {
    let line = error.line().max(1);
    let before = text
        .lines()
        .nth(line - 1)
        .unwrap_or_default()
        .bytes()
        .take(error.column())
        // Continuation bytes of a character do not count.
        .filter(|byte| byte & 0xC0 != 0x80)
        .count();
    let message = json_error::reason(error);
    let fault = fault(error, &message);
    JsonError {
        fault,
        reason: reason(fault, message),
        line,
        column: before.max(1),
    }
}

fn fault(error: &serde_json::Error, message: &str) -> JsonFault {
    if message.starts_with("recursion limit") {
        JsonFault::TooDeep
    } else if error.is_eof() {
        JsonFault::Incomplete
    } else if error.is_data() {
        JsonFault::Content
    } else {
        JsonFault::Syntax
    }
}

fn reason(fault: JsonFault, message: String) -> String {
    match fault {
        JsonFault::TooDeep => "nested more than 127 levels deep".into(),
        JsonFault::Incomplete => format!("incomplete JSON ({message})"),
        JsonFault::Empty | JsonFault::Content => message,
        JsonFault::Syntax => format!("invalid JSON ({message})"),
    }
}

/// What starts the only reason that repeats a text of the input.
const DUPLICATE_KEY: &str = "duplicate key";

/// The reason of a [`JsonError`] without any text of the input, for logs.
pub fn without_input(reason: &str) -> &str {
    match reason.starts_with(DUPLICATE_KEY) {
        true => DUPLICATE_KEY,
        false => reason,
    }
}

/// Builds a [`Value`], with the checks that `serde_json` does not make.
#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
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
            if key == RESERVED_KEY {
                return number(entries);
            }
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("{DUPLICATE_KEY} `{key}`")));
            }
            let value = entries.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Reads the text of a number, which `serde_json` passes as an object with one reserved key.
fn number<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Value, A::Error> {
    entries.next_value_seed(NumberText)
}

/// The text of a number is passed as an owned text, never as a part of the input.
struct NumberText;

impl<'de> DeserializeSeed<'de> for NumberText {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NumberText {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "no key `{RESERVED_KEY}`, which is reserved")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Value, E> {
        let message = format!("the key `{RESERVED_KEY}` is reserved");
        Err(E::custom(message))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        let number = parse_number(&text).ok_or_else(|| E::custom("invalid number"))?;
        Ok(Value::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(bytes: &[u8]) -> String {
        parse(bytes).expect_err("an error").to_string()
    }

    #[test]
    fn valid_input_is_not_repaired() {
        let read = parse(br#" {"a": [1, -2, 3.5, true, null, "\ud83d\ude00 \u00e9"]} "#).unwrap();
        assert_eq!(read.value, json!({"a": [1, -2, 3.5, true, null, "😀 é"]}));
        assert_eq!(read.repairs, Vec::<String>::new());
    }

    #[test]
    fn invalid_structure_is_an_error_with_its_place() {
        let at = |reason: &str, line, column| format!("{reason} at line {line}, column {column}");
        assert_eq!(error(b""), at("empty input, expected a JSON event", 1, 1));
        assert_eq!(
            error(b" \n\t"),
            at("empty input, expected a JSON event", 1, 1)
        );
        assert_eq!(
            error(b"\xEF\xBB\xBF"),
            at("empty input, expected a JSON event", 1, 1)
        );
        assert_eq!(error(br#"{"a":1,"a":2}"#), at("duplicate key `a`", 1, 10));
        assert_eq!(
            error(b"{\"x\":[{\"b\":1,\n\"b\":2}]}"),
            at("duplicate key `b`", 2, 3)
        );
        assert_eq!(
            error(br#"{"a":"\u0062","\u0061":2}"#),
            at("duplicate key `a`", 1, 22)
        );
        assert_eq!(
            error(b"{} x"),
            at("invalid JSON (trailing characters)", 1, 4)
        );
        assert_eq!(
            error("\"é\" é x".as_bytes()),
            at("invalid JSON (trailing characters)", 1, 5)
        );
        assert!(error(br#"{"a": "#).starts_with("incomplete JSON"));
        assert!(error(b"hello").starts_with("invalid JSON (expected value)"));
        assert!(error(b"{\"a\": NaN}").starts_with("invalid JSON"));
    }

    #[test]
    fn the_kind_of_an_error_repeats_nothing_of_the_input() {
        let kind = |text: &str| {
            let error = parse(text.as_bytes()).expect_err("an error");
            without_input(&error.reason).to_owned()
        };
        for (text, expected) in [
            ("", "empty input, expected a JSON event"),
            (r#"{"hunter2":1,"hunter2":2}"#, "duplicate key"),
            ("{\"a\": hunter2}", "invalid JSON (expected value)"),
            ("{\"hunter2\" 1}", "invalid JSON (expected `:`)"),
            ("{hunter2: 1}", "invalid JSON (key must be a string)"),
            ("[1 hunter2]", "invalid JSON (expected `,` or `]`)"),
            (
                "{\"hunter2",
                "incomplete JSON (the text ends within a string)",
            ),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn depth_is_limited_and_never_overflows_the_stack() {
        for depth in [128, 1_000, 1_000_000] {
            for unit in ["[", "{\"a\":"] {
                let deep = unit.repeat(depth);
                assert!(error(deep.as_bytes()).starts_with("nested more than 127 levels deep"));
            }
        }
        let allowed = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert!(parse(allowed.as_bytes()).is_ok());
    }

    #[test]
    fn invalid_text_is_repaired_and_reported() {
        let read = parse(b"\xEF\xBB\xBF{\"a\": \"x\xFFy\"}").unwrap();
        assert_eq!(read.value, json!({"a": "x\u{FFFD}y"}));
        assert_eq!(read.repairs.len(), 1);
        for (damaged, repaired) in [
            (r#""cut \ud83d""#, "cut \u{FFFD}"),
            (r#""\ude00 low""#, "\u{FFFD} low"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""\ud83d\u0041""#, "\u{FFFD}A"),
            (r#""\ud83d\n\\ud83d""#, "\u{FFFD}\n\\ud83d"),
        ] {
            let read = parse(damaged.as_bytes()).unwrap();
            assert_eq!(read.value, json!(repaired), "{damaged}");
            assert_eq!(read.repairs.len(), 1, "{damaged}");
        }
    }

    #[test]
    fn a_repair_does_not_hide_invalid_structure() {
        assert!(error(br#"{"a": "\ud83d", "a": 1}"#).starts_with("duplicate key `a`"));
        assert!(error(br#"{"a": "\ud83d"#).starts_with("incomplete JSON"));
        assert!(error(br#"{"a": "\ud8"}"#).starts_with("invalid JSON"));
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in [
            "39313930383633353634323835",
            "-18446744073709551616",
            "12345678901234567.89",
            "37.807807921694092",
            "1.10",
            "1e+999",
            "-0",
        ] {
            let read = parse(format!("[{text}]").as_bytes()).unwrap();
            assert_eq!(read.value.to_string(), format!("[{text}]"));
            assert_eq!(read.repairs, Vec::<String>::new());
        }
    }

    #[test]
    fn an_object_is_never_read_as_a_number() {
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::Number":1}"#,
            r#"[{"a":1,"$serde_json::private::Number":"\u0031"}]"#,
        ] {
            assert!(error(text.as_bytes()).contains("reserved"), "{text}");
        }
    }
}
