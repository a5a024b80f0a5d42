//! Text from outside as part of a line: nothing in it moves the cursor, recolours or begins a line.
//! It leaves everything else as it is, so that what is shown can be copied.

use std::borrow::Cow;

/// The text with what a terminal would obey written out: `\n`, `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match is_obeyed(letter) {
            true => plain.extend(letter.escape_default()),
            false => plain.push(letter),
        }
    }
    plain.into()
}

/// Control characters of both sets, and those that turn the direction of what follows.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use crate::cli::render::escape::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(plain("Grüße, 7 €"), "Grüße, 7 €");
        assert_eq!(plain("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\\nc");
        assert_eq!(plain("\u{9b}1m\u{202e}x"), "\\u{9b}1m\\u{202e}x");
    }
}
