//! Finds invisible characters in the text of an event, and writes them so that a person sees them.

use maud::{Markup, html};

use crate::page::text::{is_invisible, text};
use crate::report::render::diagnostics::grouped;

/// Characters that are listed.
const MAX_LISTED: usize = 10;

/// An invisible character, or the escape of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvisibleChar {
    pub line: usize,
    pub letter: char,
}

/// All of them in a JSON text, in its order.
pub fn find(event: &str) -> Vec<InvisibleChar> {
    let lines = event.lines().zip(1..);
    let found = lines.flat_map(|(text, line)| {
        let letters = letters(text)
            .into_iter()
            .filter(|letter| is_invisible(*letter));
        letters.map(move |letter| InvisibleChar { line, letter })
    });
    found.collect()
}

/// The letters of a line of JSON, with its `\u` escapes as letters.
fn letters(line: &str) -> Vec<char> {
    let mut letters = Vec::new();
    let mut units = Vec::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if let Some(unit) = escape(rest) {
            units.push(unit);
            rest = &rest[6..];
            continue;
        }
        flush(&mut units, &mut letters);
        // The letter after a backslash is no escape of its own.
        let skipped = if rest.starts_with("\\\\") {
            2
        } else {
            letter.len_utf8()
        };
        letters.push(letter);
        rest = &rest[skipped..];
    }
    flush(&mut units, &mut letters);
    letters
}

/// The value of an escape such as `\u200b` at the start of a text.
fn escape(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}

fn flush(units: &mut Vec<u16>, letters: &mut Vec<char>) {
    let found = char::decode_utf16(units.drain(..));
    letters.extend(found.map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

/// Writes the invisible characters of a JSON text as escapes, which mean the same there.
pub fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut units = [0; 2];
    for letter in json.chars() {
        // Line breaks are no part of a text in JSON.
        match is_invisible(letter) && letter != '\r' {
            true => {
                for unit in letter.encode_utf16(&mut units) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
            false => escaped.push(letter),
        }
    }
    escaped
}

/// `Invisible characters in the event: 1, line 20 U+200B`; nothing if there are none.
pub fn note(found: &[InvisibleChar]) -> Markup {
    html! {
        @if !found.is_empty() {
            "Invisible characters in the event: " (grouped(found.len()))
            @for invisible in found.iter().take(MAX_LISTED) {
                ", line " (invisible.line) " " (text(invisible.letter.encode_utf8(&mut [0; 4])))
            }
            @if found.len() > MAX_LISTED { ", …" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_and_their_escapes_are_found_with_their_lines() {
        let event = "{\n \"a\": \"vip\u{200b}\",\n \"b\": \"vip\\u200B\",\n \"c\": \"\\\\u200b\", \"d\": \"\\udb40\\udc41\"}";
        let found = find(event);
        let lines: Vec<_> = found
            .iter()
            .map(|found| (found.line, found.letter))
            .collect();
        assert_eq!(lines, [(2, '\u{200b}'), (3, '\u{200b}'), (4, '\u{e0041}')]);
        let html = note(&found).into_string();
        assert!(
            html.contains("Invisible characters in the event: 3, line 2"),
            "{html}"
        );
        assert!(html.contains(">U+200B</span>"), "{html}");
        assert!(
            note(&find("{\"a\": \"\\n\\t ü\"}"))
                .into_string()
                .is_empty()
        );
    }

    #[test]
    fn escapes_mean_the_same() {
        let json = "{\"a\":\"v\u{200b}\u{e0041}\"}";
        let shown = escaped(json);
        assert_eq!(shown, "{\"a\":\"v\\u200b\\udb40\\udc41\"}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(json), value(&shown));
    }

    #[test]
    fn an_unfinished_escape_is_no_character() {
        for text in ["\\u", "\\u20", "\\uüber", "\\", "\\\\"] {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
