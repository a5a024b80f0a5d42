//! Escapes control characters in foreign text, so that it cannot control the terminal.
//! All other characters stay, so that the text can be copied.

use std::borrow::Cow;

/// Returns the text with control characters escaped: `\n`, `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match is_control(letter) {
            true => plain.extend(letter.escape_default()),
            false => plain.push(letter),
        }
    }
    plain.into()
}

/// Control characters, and characters that change the text direction.
pub fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use crate::cli::render::escape::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("Grüße, 7 €"), "Grüße, 7 €");
        assert_eq!(plain("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\\nc");
        assert_eq!(plain("\u{9b}1m\u{202e}x"), "\\u{9b}1m\\u{202e}x");
    }
}
