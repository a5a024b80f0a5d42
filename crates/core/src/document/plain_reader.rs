//! Fast reader for the subset of YAML that most rules use, in half the time of [`read_any`].
//! It reads block and flow mappings and lists, quoted text, words and integers, and returns `None` for
//! everything else and for every error. Both readers return the same node for the same text.
//!
//! [`read_any`]: crate::document

use granit_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, StrInput};

use crate::diagnostic::Span;
use crate::document::{Entry, LineIndex, Node, Yaml};

/// The maximum depth; deeper documents are read by `read_any`, which checks the limit.
const MAX_DEPTH: usize = 32;
/// The maximum number of entries of a mapping, because each key is compared with all others.
const MAX_ENTRIES: usize = 64;
/// The maximum number of digits of an integer, so that it fits `i64`.
const MAX_DIGITS: usize = 18;

/// Returns the document's node; `None` if it has an error or is outside the subset.
pub fn read(lines: &LineIndex<'_>) -> Option<Node> {
    let mut reader = FastReader {
        parser: Parser::new_from_str(lines.chunk.text),
        lines,
        depth: 0,
    };
    reader.expect(&Event::StreamStart)?;
    let (Event::DocumentStart(_, None), _) = reader.next()? else {
        return None;
    };
    let (event, span) = reader.next()?;
    let node = reader.node(event, span)?;
    reader.expect(&Event::DocumentEnd)?;
    reader.expect(&Event::StreamEnd)?;
    Some(node)
}

struct FastReader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    lines: &'a LineIndex<'a>,
    depth: usize,
}

impl<'a> FastReader<'a> {
    fn next(&mut self) -> Option<(Event<'a>, ParserSpan)> {
        self.parser.next()?.ok()
    }

    fn expect(&mut self, expected: &Event<'_>) -> Option<()> {
        let (event, _) = self.next()?;
        (event == *expected).then_some(())
    }

    /// Reads the node that starts with an event. Anchors and tags are outside the subset.
    fn node(&mut self, event: Event<'a>, span: ParserSpan) -> Option<Node> {
        let mut at = self.at(&span)?;
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, 0, None) => word(&text)?,
            Event::Scalar(text, _, 0, None) => Yaml::Text(text.into_owned()),
            Event::SequenceStart(_, 0, None) => Yaml::List(self.nested(Self::items)?),
            Event::MappingStart(_, 0, None) => Yaml::Map(self.nested(Self::entries)?),
            _ => return None,
        };
        if matches!(value, Yaml::List(_) | Yaml::Map(_)) {
            at.len = at.len.min(1);
        }
        Some(Node { value, at })
    }

    fn nested<T>(&mut self, read: fn(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn items(&mut self) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(items),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn entries(&mut self) -> Option<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, _) => return Some(entries),
                next => next,
            };
            let key_at = self.at(&span)?;
            let key = key(event)?;
            if entries.len() == MAX_ENTRIES || entries.iter().any(|entry| entry.key == key) {
                return None;
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push(Entry { key, key_at, value });
        }
    }

    fn at(&self, span: &ParserSpan) -> Option<Span> {
        let bytes = span.byte_range()?;
        let number = |n: usize| u32::try_from(n).ok();
        Some(Span {
            file: self.lines.file,
            line: self.lines.chunk.line + number(span.start.line())?,
            column: number(span.start.col() + 1)?,
            start: self.lines.chunk.start + number(bytes.start)?,
            len: number(bytes.len())?,
        })
    }
}

/// Reads a key that is text.
fn key(event: Event<'_>) -> Option<String> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, 0, None) => match word(&text)? {
            Yaml::Text(text) => Some(text),
            _ => None,
        },
        Event::Scalar(text, _, 0, None) => Some(text.into_owned()),
        _ => None,
    }
}

/// Reads a scalar without quotes, if every YAML version reads it the same way.
fn word(text: &str) -> Option<Yaml> {
    match text {
        "" | "~" | "null" => return Some(Yaml::Null),
        "true" => return Some(Yaml::Bool(true)),
        "false" => return Some(Yaml::Bool(false)),
        _ => {}
    }
    let plain = match text.as_bytes() {
        [b'a'..=b'z' | b'A'..=b'Z', ..] => !is_special(text),
        [b'/' | b'$', ..] => true,
        [b'0'] => return Some(Yaml::Number(0.into())),
        [b'1'..=b'9', ..] => match whole_number(text) {
            Some(number) => return Some(Yaml::Number(number.into())),
            None => is_measure(text),
        },
        [b'-', b'1'..=b'9', ..] => {
            let number = whole_number(&text[1..])?;
            return Some(Yaml::Number((-number).into()));
        }
        _ => false,
    };
    plain.then(|| Yaml::Text(text.to_owned()))
}

/// Whether some YAML version reads the word as something other than text.
fn is_special(text: &str) -> bool {
    const SPECIAL: [&str; 12] = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity",
    ];
    SPECIAL.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn whole_number(text: &str) -> Option<i64> {
    let digits = text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `5m`, `24h`, `2xx`: digits and letters that no YAML version reads as a number.
fn is_measure(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let letters = unit.bytes().all(|byte| byte.is_ascii_lowercase());
    letters && !unit.is_empty() && !unit.starts_with('e')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{Diagnostics, FileId};
    use crate::document::read_any;
    use crate::document::split::{DocumentText, chunks};

    /// Whether this reader accepts each document; if so, the result must equal that of `read_any`.
    fn plain(text: &str) -> Vec<bool> {
        chunks(text).map(|chunk| is_plain(&chunk)).collect()
    }

    fn is_plain(chunk: &DocumentText<'_>) -> bool {
        let lines = LineIndex::new(FileId(7), chunk);
        let Some(node) = read(&lines) else {
            return false;
        };
        let mut diagnostics = Diagnostics::default();
        let expected = read_any(&lines, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{}: {diagnostics:?}", chunk.text);
        assert_eq!(Some(node), expected, "{}", chunk.text);
        true
    }

    const RULE: &str = r##"# a rule
name: page-urgent
event_source: support   # the desk
event_type: [ticket.PriorityChanged, 'ticket.StatusChanged']
when:
  previous: [null, low, ~]
  current: urgent
  ticket.tags: { has: "vïp \u00e9", not: { has: [a, b] } }
  ticket.id: { between: [-5, 100000000000] }
  any:
  - {ticket.status: open}
  - ticket.subject: {matches: '^it''s'}
dedupe: { per: ticket.id, for: 24h }
flow:
  - http:
      url: "https://a.example/{{ ticket.id }}"
      expect: 2xx
      json:
        text: |
          two
          lines
        folded: >-
          one
          line
        words: of several
          lines
        path: /a/b
        empty:
        on: true
"##;

    #[test]
    fn usual_rules_are_in_the_subset() {
        assert_eq!(plain(&RULE.replace("        on: true\n", "")), [true]);
        assert_eq!(plain("---\na: 1\n---\nb: {}\nc: []\n"), [true, true]);
        assert_eq!(plain("- a\n-  - b\n"), [true]);
        assert_eq!(plain("lone word"), [true]);
    }

    #[test]
    fn other_yaml_is_outside_the_subset() {
        for text in [
            RULE,
            "a: &x 1\nb: *x",
            "a: !!str 1",
            "<<: {a: 1}",
            "a: 1.5",
            "a: 014",
            "a: 0x1f",
            "a: 1_000",
            "a: 1e5",
            "a: .inf",
            "a: Yes",
            "a: NaN",
            "a: 2026-01-01",
            "a: -0",
            "a: {{ x }}",
            "? [a]\n: b",
            "1: a",
            "null: a",
            "a: 1\na: 2",
            "a: [1",
            "a: 12345678901234567890",
            "a: b: c",
            "a: \t\"x",
            "a: 1\n...\nb: 2",
        ] {
            assert_eq!(plain(text), vec![false; chunks(text).count()], "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_readers_return_the_same(words in prop::collection::vec(prop::sample::select(vec![
            "a", "b: ", "- ", "\n", "\n  ", "\n    ", ": ", "{", "}", "[", "]", ", ", "'", "\"", "1",
            "-7", "0", "2.5", "1e3", "12h", "true", "No", "null", "~", "é", "票", "|", ">-", "# c", "#",
            "&x ", "*x", "!t ", "? ", "<<: ", "\\n", "\r\n", "\t", "%", "@", "`", "{{ a }}", "x y", "k",
            "v: 1", "...", "0x1f", "1_0", "inf", "=", ".5", "+1", "\u{85}", "\u{feff}",
        ]), 1..24)) {
            plain(&words.concat());
        }
    }
}
