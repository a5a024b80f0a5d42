//! Escapes control characters and characters without width in text from outside: an event, a reply, a file name.
//! Every such text is written with [`plain`], so that it stays on its line and hides nothing. All other characters
//! stay, so that the text can be copied.

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

/// Control characters, and characters that change the text direction or are not seen. The joiners of letters and
/// emoji are among them: they are escaped too, because a reader cannot see them.
pub fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use crate::report::render::escape::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("Grüße, 7 €"), "Grüße, 7 €");
        assert_eq!(plain("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\\nc");
        assert_eq!(plain("\u{9b}1m\u{202e}x"), "\\u{9b}1m\\u{202e}x");
        assert_eq!(
            plain("v\u{200b}i\u{2060}p\u{feff}"),
            "v\\u{200b}i\\u{2060}p\\u{feff}"
        );
    }
}
