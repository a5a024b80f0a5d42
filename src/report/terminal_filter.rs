//! Makes output harmless for a terminal: control characters, and characters that change the text direction, are
//! escaped as `\u001b`, which also keeps JSON valid. Line ends, tabs and our own colours stay.

use crate::report::render::escape::is_control;

/// The longest colour sequence: `ESC [ 1 ; 3 8 ; 5 ; 2 5 5 m`.
const MAX_COLOR_CHARS: usize = 16;

/// The filter of one output. A colour sequence may arrive in several parts.
#[derive(Debug)]
pub struct TerminalFilter {
    colors: ColorSequences,
    /// The start of a possible colour sequence.
    pending: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorSequences {
    /// The output is coloured.
    Keep,
    Escape,
}

impl TerminalFilter {
    pub fn new(colors: ColorSequences) -> Self {
        Self {
            colors,
            pending: String::new(),
        }
    }

    /// The text to write for the next part of the output.
    pub fn filter(&mut self, text: &str, to: &mut String) {
        for letter in text.chars() {
            if !self.pending.is_empty() && self.continues(letter) {
                self.pending.push(letter);
                if letter == 'm' {
                    to.push_str(&self.pending);
                    self.pending.clear();
                }
                continue;
            }
            self.finish(to);
            match letter {
                '\u{1b}' if self.colors == ColorSequences::Keep => self.pending.push(letter),
                letter => escape(letter, to),
            }
        }
    }

    /// The rest, which is no colour sequence.
    pub fn finish(&mut self, to: &mut String) {
        for letter in self.pending.drain(..) {
            escape(letter, to);
        }
    }

    /// Whether a filter must look at the text.
    pub fn is_needed(&self, text: &[u8]) -> bool {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
        !self.pending.is_empty() || !text.iter().all(is_plain)
    }

    fn continues(&self, letter: char) -> bool {
        match self.pending.len() {
            1 => letter == '[',
            length => length < MAX_COLOR_CHARS && matches!(letter, '0'..='9' | ';' | 'm'),
        }
    }
}

fn escape(letter: char, to: &mut String) {
    match is_control(letter) && !matches!(letter, '\n' | '\t') {
        true => {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                to.push_str(&format!("\\u{unit:04x}"));
            }
        }
        false => to.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(colors: ColorSequences, parts: &[&str]) -> String {
        let mut filter = TerminalFilter::new(colors);
        let mut text = String::new();
        for part in parts {
            filter.filter(part, &mut text);
        }
        filter.finish(&mut text);
        text
    }

    #[test]
    fn control_characters_are_escaped() {
        for (text, expected) in [
            ("Grüße\t7 €\n", "Grüße\t7 €\n"),
            ("a\u{1b}]0;x\u{7}b\r\n", "a\\u001b]0;x\\u0007b\\u000d\n"),
            (
                "\u{9b}2J\u{7f}\u{202e}x\u{2066}",
                "\\u009b2J\\u007f\\u202ex\\u2066",
            ),
            ("\u{1b}[31mred\u{1b}[0m", "\\u001b[31mred\\u001b[0m"),
        ] {
            assert_eq!(filtered(ColorSequences::Escape, &[text]), expected);
        }
        let json = serde_json::json!({"a": "\u{9b}\u{7f}\u{202e}\u{1b}\u{200b}\u{feff}\u{e0041}"});
        let text = filtered(ColorSequences::Escape, &[&json.to_string()]);
        assert!(text.is_ascii(), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            json
        );
    }

    #[test]
    fn colours_of_a_coloured_output_stay_and_nothing_else_does() {
        let keep = |parts: &[&str]| filtered(ColorSequences::Keep, parts);
        assert_eq!(
            keep(&["\u{1b}[", "31", "m", "red\u{1b}[0m"]),
            "\u{1b}[31mred\u{1b}[0m"
        );
        assert_eq!(keep(&["\u{1b}[1;31mred"]), "\u{1b}[1;31mred");
        assert_eq!(keep(&["\u{1b}[2J"]), "\\u001b[2J");
        assert_eq!(keep(&["\u{1b}", "]52;c;x\u{7}"]), "\\u001b]52;c;x\\u0007");
        assert_eq!(keep(&["x\u{1b}"]), "x\\u001b");
        assert_eq!(keep(&["\u{1b}\u{1b}[0m"]), "\\u001b\u{1b}[0m");
    }
}
