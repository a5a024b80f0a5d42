//! Splits an input into events: a JSON array, NDJSON, or concatenated JSON texts.
//! An invalid event is an error with its line; the other events are kept.

use serde_json::Value;

use crate::event::json::parse::{JsonError, JsonFault, ParsedJson, parse};

/// One event of an input, or its error.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchItem {
    /// The line on which it starts, counted from 1.
    pub line: usize,
    pub outcome: Result<ParsedJson, JsonError>,
}

/// Parses one event, an array of events, or several texts that are either.
pub fn parse_many(bytes: &[u8]) -> Vec<BatchItem> {
    // Parses the bytes with their byte order mark, because `accept` removes one.
    let accepted = parse(bytes);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match accepted {
        Ok(accepted) => split_array(accepted, bytes, 0),
        Err(whole) => split_texts(bytes).unwrap_or_else(|| {
            vec![BatchItem {
                line: whole.line,
                outcome: Err(whole),
            }]
        }),
    }
}

/// The events of an input with several texts. `None` if it cannot be split.
fn split_texts(bytes: &[u8]) -> Option<Vec<BatchItem>> {
    let texts = match (is_ndjson(bytes), bytes.get(first_visible(bytes))) {
        (true, _) => lines(bytes),
        (false, Some(b'{' | b'[')) => texts(bytes),
        // Not JSON from the start, so later braces mean nothing.
        (false, _) => return None,
    };
    if texts.len() < 2 {
        return None;
    }
    Some(texts.iter().flat_map(|t| parse_part(t)).collect())
}

/// A part of the input, and the number of lines before it.
struct InputSegment<'a> {
    bytes: &'a [u8],
    above: usize,
    /// The number of characters before it on its first line.
    before: usize,
}

fn parse_part(part: &InputSegment) -> Vec<BatchItem> {
    match parse(part.bytes) {
        Ok(accepted) => split_array(accepted, part.bytes, part.above),
        Err(error) => {
            let column = match error.line {
                1 => error.column + part.before,
                _ => error.column,
            };
            let line = error.line + part.above;
            vec![BatchItem {
                line,
                outcome: Err(JsonError {
                    line,
                    column,
                    ..error
                }),
            }]
        }
    }
}

/// The events of one text: the text itself, or the elements of its array.
fn split_array(accepted: ParsedJson, bytes: &[u8], above: usize) -> Vec<BatchItem> {
    let elements = match accepted.value {
        Value::Array(elements) => elements,
        value => {
            let line = above + 1 + line_breaks(&bytes[..first_visible(bytes)]);
            let repairs = accepted.repairs;
            return vec![BatchItem {
                line,
                outcome: Ok(ParsedJson { value, repairs }),
            }];
        }
    };
    if elements.is_empty() {
        let line = above + 1;
        let error = JsonError {
            fault: JsonFault::Empty,
            reason: "empty array, expected at least one event".into(),
            line,
            column: 1,
        };
        return vec![BatchItem {
            line,
            outcome: Err(error),
        }];
    }
    let starts = element_lines(bytes);
    let items = elements
        .into_iter()
        .enumerate()
        .map(|(n, value)| BatchItem {
            line: above + starts.get(n).copied().unwrap_or(1),
            outcome: Ok(ParsedJson {
                value,
                // It is unknown which element a repair changed.
                repairs: accepted.repairs.clone(),
            }),
        });
    items.collect()
}

/// Whether the input is NDJSON: a line without indentation is a complete object or array, and the first
/// line does not open a text that continues in the next lines.
fn is_ndjson(bytes: &[u8]) -> bool {
    let lines = lines(bytes);
    let opens = |part: &InputSegment| matches!(part.bytes.trim_ascii(), b"{" | b"[");
    !lines.first().is_some_and(opens)
        && lines.iter().any(|part| {
            matches!(part.bytes.first(), Some(b'{' | b'[')) && parse(part.bytes).is_ok()
        })
}

fn lines(bytes: &[u8]) -> Vec<InputSegment<'_>> {
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(above, bytes)| InputSegment {
            bytes,
            above,
            before: 0,
        })
        .filter(|part| !part.bytes.trim_ascii().is_empty())
        .collect()
}

/// Splits concatenated texts where a brace or bracket closes the outermost level.
fn texts(bytes: &[u8]) -> Vec<InputSegment<'_>> {
    let mut parts = Vec::new();
    let mut scan = DepthScanner::default();
    let mut rest = InputSegment {
        bytes,
        above: 0,
        before: 0,
    };
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if scan.step(*byte) == DepthChange::Closed(0) {
            let (part, after) = rest.bytes.split_at(at + 1 - start);
            let above = rest.above + line_breaks(part);
            parts.push(InputSegment {
                bytes: part,
                ..rest
            });
            let line = &part[part
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1)..];
            let is_continued = line.len() == part.len();
            // Continuation bytes of a character do not count.
            let chars = line.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
            let before = match is_continued {
                true => rest.before + chars,
                false => chars,
            };
            rest = InputSegment {
                bytes: after,
                above,
                before,
            };
            start = at + 1;
        }
    }
    parts.push(rest);
    parts.retain(|part| !part.bytes.trim_ascii().is_empty());
    parts
}

/// The lines on which the elements of a valid array start.
fn element_lines(bytes: &[u8]) -> Vec<usize> {
    let mut scan = DepthScanner::default();
    let mut found = Vec::new();
    let mut line = 1;
    let mut expecting = false;
    for byte in bytes {
        if expecting && !byte.is_ascii_whitespace() {
            found.push(line);
            expecting = false;
        }
        let quoted = scan.quoted;
        scan.step(*byte);
        let between = scan.depth == 1 && !quoted;
        expecting |= between && (*byte == b',' || (*byte == b'[' && found.is_empty()));
        line += usize::from(*byte == b'\n');
    }
    found
}

fn first_visible(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(bytes.len())
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Counts the nesting levels of a JSON text without parsing it.
#[derive(Default)]
struct DepthScanner {
    depth: usize,
    quoted: bool,
    escaped: bool,
}

#[derive(PartialEq)]
enum DepthChange {
    Inside,
    Closed(usize),
}

impl DepthScanner {
    fn step(&mut self, byte: u8) -> DepthChange {
        if self.quoted {
            let escaped = std::mem::take(&mut self.escaped);
            self.quoted = escaped || byte != b'"';
            self.escaped = !escaped && byte == b'\\';
            return DepthChange::Inside;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return DepthChange::Closed(self.depth);
            }
            _ => {}
        }
        DepthChange::Inside
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Line and value of each item; errors as text.
    fn items(text: &str) -> Vec<(usize, Value)> {
        parse_many(text.as_bytes())
            .into_iter()
            .map(|item| match item.outcome {
                Ok(accepted) => (item.line, accepted.value),
                Err(error) => (item.line, json!(error.to_string())),
            })
            .collect()
    }

    #[test]
    fn an_error_in_a_later_text_has_its_column_in_the_line() {
        for (text, line, column) in [
            ("{\"kind\":\"t\"}}", 1, 13),
            ("{\"k\":\"é\"} {\"b\" 1}", 1, 16),
            ("{\"a\":1}\n{\"b\":2}}", 2, 8),
            ("{\n\"a\":1} {\"b\":2}]", 2, 15),
        ] {
            let items = parse_many(text.as_bytes());
            let errors = items.iter().filter_map(|item| item.outcome.as_ref().err());
            let found: Vec<_> = errors.map(|error| (error.line, error.column)).collect();
            assert_eq!(found, [(line, column)], "{text}");
        }
    }

    #[test]
    fn one_event_and_an_array() {
        assert_eq!(items("\n\n{\"a\": 1}"), [(3, json!({"a": 1}))]);
        assert_eq!(
            items("[\n {\"a\": \"],[,\"},\n\n [1, 2], {\"b\":\n2}]"),
            [
                (2, json!({"a": "],[,"})),
                (4, json!([1, 2])),
                (4, json!({"b": 2}))
            ]
        );
        assert_eq!(
            items("[]"),
            [(
                1,
                json!("empty array, expected at least one event at line 1, column 1")
            )]
        );
    }

    #[test]
    fn one_byte_order_mark_is_removed() {
        assert_eq!(items("\u{feff}\n{\"a\": 1}"), [(2, json!({"a": 1}))]);
        assert!(items("\u{feff}\u{feff}4")[0].1.is_string());
    }

    #[test]
    fn an_invalid_line_does_not_affect_others() {
        let text = "{\"a\":1}\r\n\r\n{\"a\":\r\nnonsense\r\n[{\"b\":1},{\"b\":2}]\r\n{\"a\":2,\"a\":3}\r\n";
        let read = items(text);
        let lines: Vec<usize> = read.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 5, 6]);
        assert_eq!(read[0].1, json!({"a": 1}));
        assert_eq!(read[4].1, json!({"b": 2}));
        assert_eq!(read[5].1, json!("duplicate key `a` at line 6, column 10"));
    }

    #[test]
    fn an_invalid_first_line_does_not_affect_others() {
        assert_eq!(items("{\"a\":\n{\"a\":2}\n")[1], (2, json!({"a": 2})));
    }

    #[test]
    fn concatenated_texts_are_split() {
        let text = "{\n  \"a\": \"}\"\n}\n{\n  \"b\": 1,\n  \"b\": 2\n}\n{\"c\": 3}{\"d\": 4}\n";
        let read = items(text);
        assert_eq!(read[0], (1, json!({"a": "}"})));
        assert_eq!(read[1].0, 6);
        assert_eq!(read[2], (8, json!({"c": 3})));
        assert_eq!(read[3], (8, json!({"d": 4})));
    }

    #[test]
    fn one_invalid_text_is_one_error() {
        for text in [
            "{\n  \"a\": 1,\n",
            "hello",
            "\u{feff}\u{feff}4",
            "",
            "[\n{\"a\":1},\n{\"b\":2}\n",
        ] {
            assert_eq!(items(text).len(), 1, "{text}");
        }
    }
}
