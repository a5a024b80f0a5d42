//! The spans of keys and values in a JSON text. Of a text that is not JSON, those that look like it.

use std::ops::Range;

/// Byte spans, with quotes and brackets.
#[derive(Debug, Default)]
pub struct Layout {
    pub keys: Vec<Range<usize>>,
    /// Lists and objects too.
    pub values: Vec<Range<usize>>,
    /// The positions between tokens.
    pub gaps: Vec<usize>,
}

impl Layout {
    pub fn new(bytes: &[u8]) -> Self {
        let (mut layout, mut open, mut at) = (Self::default(), Vec::new(), 0);
        while let Some(byte) = bytes.get(at) {
            layout.gaps.push(at);
            match byte {
                b'{' | b'[' => open.push(at),
                b'}' | b']' => layout.values.extend(open.pop().map(|start| start..at + 1)),
                b'"' => {
                    let text = at..text_end(bytes, at);
                    at = text.end - 1;
                    match bytes.get(visible(bytes, text.end)) {
                        Some(b':') => layout.keys.push(text),
                        Some(_) | None => layout.values.push(text),
                    }
                }
                byte if is_word(*byte) => {
                    let word = bytes[at..].iter().take_while(|byte| is_word(**byte));
                    let word = at..at + word.count();
                    at = word.end - 1;
                    layout.values.push(word);
                }
                _ => {}
            }
            at += 1;
        }
        layout.gaps.push(bytes.len());
        layout
    }

    /// The value of a key.
    pub fn value_of(&self, key: &Range<usize>, bytes: &[u8]) -> Option<Range<usize>> {
        let start = visible(bytes, visible(bytes, key.end) + 1);
        let mut values = self.values.iter();
        values.find(|value| value.start == start).cloned()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// The position of the next byte that is not white space.
fn visible(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// The position after the closing quote of a text.
fn text_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
