//! Several events in one input: a JSON array, NDJSON, or JSON texts one after the other.
//! It refuses an event that is damaged, with its line, and keeps the others.

use serde_json::Value;

use super::{ParsedJson, Refused, accept};

/// One event of an input, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The line on which it starts, counted from 1.
    pub line: usize,
    pub outcome: Result<ParsedJson, Refused>,
}

/// Reads one event, an array of events, or several texts, each of which may be either.
pub fn accept_many(bytes: &[u8]) -> Vec<Item> {
    // The door takes one mark off, so it is shown the bytes with theirs.
    let accepted = accept(bytes);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match accepted {
        Ok(accepted) => flattened(accepted, bytes, 0),
        Err(whole) => several(bytes).unwrap_or_else(|| {
            vec![Item {
                line: whole.line,
                outcome: Err(whole),
            }]
        }),
    }
}

/// The texts of an input that is not one text; `None` where it cannot be taken apart.
fn several(bytes: &[u8]) -> Option<Vec<Item>> {
    let texts = match (is_one_text_a_line(bytes), bytes.get(first_visible(bytes))) {
        (true, _) => lines(bytes),
        (false, Some(b'{' | b'[')) => texts(bytes),
        // No JSON from the start: braces further down say nothing.
        (false, _) => return None,
    };
    if texts.len() < 2 {
        return None;
    }
    Some(texts.iter().flat_map(|t| read(t)).collect())
}

/// A part of the input, and how many lines stand before it.
struct Part<'a> {
    bytes: &'a [u8],
    above: usize,
}

fn read(part: &Part) -> Vec<Item> {
    match accept(part.bytes) {
        Ok(accepted) => flattened(accepted, part.bytes, part.above),
        Err(refused) => {
            let line = refused.line + part.above;
            vec![Item {
                line,
                outcome: Err(Refused { line, ..refused }),
            }]
        }
    }
}

/// The events of one text: itself, or the elements of its array.
fn flattened(accepted: ParsedJson, bytes: &[u8], above: usize) -> Vec<Item> {
    let elements = match accepted.value {
        Value::Array(elements) => elements,
        value => {
            let line = above + 1 + line_breaks(&bytes[..first_visible(bytes)]);
            let repairs = accepted.repairs;
            return vec![Item {
                line,
                outcome: Ok(ParsedJson { value, repairs }),
            }];
        }
    };
    if elements.is_empty() {
        let line = above + 1;
        let refused = Refused {
            reason: "an empty array holds no event".into(),
            line,
            column: 1,
        };
        return vec![Item {
            line,
            outcome: Err(refused),
        }];
    }
    let starts = element_lines(bytes);
    let items = elements.into_iter().enumerate().map(|(n, value)| Item {
        line: above + starts.get(n).copied().unwrap_or(1),
        outcome: Ok(ParsedJson {
            value,
            // A repair of the text may have touched any of its elements.
            repairs: accepted.repairs.clone(),
        }),
    });
    items.collect()
}

/// NDJSON shows by a line that is a whole object by itself and starts at the margin, unless the
/// first line opens a text that goes on below.
fn is_one_text_a_line(bytes: &[u8]) -> bool {
    let lines = lines(bytes);
    let opens = |part: &Part| matches!(part.bytes.trim_ascii(), b"{" | b"[");
    !lines.first().is_some_and(opens)
        && lines.iter().any(|part| {
            matches!(part.bytes.first(), Some(b'{' | b'[')) && accept(part.bytes).is_ok()
        })
}

fn lines(bytes: &[u8]) -> Vec<Part<'_>> {
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(above, bytes)| Part { bytes, above })
        .filter(|part| !part.bytes.trim_ascii().is_empty())
        .collect()
}

/// Texts one after the other, cut where a brace or bracket closes the outermost level.
fn texts(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut scan = Scan::default();
    let mut rest = Part { bytes, above: 0 };
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if scan.step(*byte) == Step::Closed(0) {
            let (part, after) = rest.bytes.split_at(at + 1 - start);
            let above = rest.above + line_breaks(part);
            parts.push(Part {
                bytes: part,
                ..rest
            });
            rest = Part {
                bytes: after,
                above,
            };
            start = at + 1;
        }
    }
    parts.push(rest);
    parts.retain(|part| !part.bytes.trim_ascii().is_empty());
    parts
}

/// The lines on which the elements of a sound array start.
fn element_lines(bytes: &[u8]) -> Vec<usize> {
    let mut scan = Scan::default();
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

/// Keeps count of the levels of a JSON text without reading it.
#[derive(Default)]
struct Scan {
    depth: usize,
    quoted: bool,
    escaped: bool,
}

#[derive(PartialEq)]
enum Step {
    Inside,
    Closed(usize),
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.quoted {
            let escaped = std::mem::take(&mut self.escaped);
            self.quoted = escaped || byte != b'"';
            self.escaped = !escaped && byte == b'\\';
            return Step::Inside;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return Step::Closed(self.depth);
            }
            _ => {}
        }
        Step::Inside
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Line and value of each item; refusals as text.
    fn items(text: &str) -> Vec<(usize, Value)> {
        accept_many(text.as_bytes())
            .into_iter()
            .map(|item| match item.outcome {
                Ok(accepted) => (item.line, accepted.value),
                Err(refused) => (item.line, json!(refused.to_string())),
            })
            .collect()
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
                json!("an empty array holds no event at line 1, column 1")
            )]
        );
    }

    #[test]
    fn one_mark_of_the_byte_order_is_taken_off_and_no_second() {
        assert_eq!(items("\u{feff}\n{\"a\": 1}"), [(2, json!({"a": 1}))]);
        assert!(items("\u{feff}\u{feff}4")[0].1.is_string());
    }

    #[test]
    fn a_bad_line_loses_no_other() {
        let text = "{\"a\":1}\r\n\r\n{\"a\":\r\nnonsense\r\n[{\"b\":1},{\"b\":2}]\r\n{\"a\":2,\"a\":3}\r\n";
        let read = items(text);
        let lines: Vec<usize> = read.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 5, 6]);
        assert_eq!(read[0].1, json!({"a": 1}));
        assert_eq!(read[4].1, json!({"b": 2}));
        assert_eq!(read[5].1, json!("duplicate key `a` at line 6, column 10"));
    }

    #[test]
    fn a_bad_first_line_loses_no_other() {
        assert_eq!(items("{\"a\":\n{\"a\":2}\n")[1], (2, json!({"a": 2})));
    }

    #[test]
    fn texts_one_after_the_other() {
        let text = "{\n  \"a\": \"}\"\n}\n{\n  \"b\": 1,\n  \"b\": 2\n}\n{\"c\": 3}{\"d\": 4}\n";
        let read = items(text);
        assert_eq!(read[0], (1, json!({"a": "}"})));
        assert_eq!(read[1].0, 6);
        assert_eq!(read[2], (8, json!({"c": 3})));
        assert_eq!(read[3], (8, json!({"d": 4})));
    }

    #[test]
    fn one_broken_text_is_one_refusal() {
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
