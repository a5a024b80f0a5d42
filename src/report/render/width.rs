//! Measures, pads and cuts text by terminal columns; a character takes none, one or two.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub fn width(text: &str) -> usize {
    text.width()
}

/// Pads the text with spaces to a width.
pub fn padded(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(gap))
}

/// Cuts the text to a width, with `…` in the last column if something is missing.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 1;
    let fits = |letter: &char| {
        taken += letter.width().unwrap_or_default();
        taken <= width
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use crate::report::render::width::*;

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(padded("東京", 6), "東京  ");
        assert_eq!(padded("東京", 3), "東京");
        assert_eq!(cut("東京都", 6), "東京都");
        assert_eq!(cut("東京都", 5), "東京…");
        assert_eq!(cut("東京都", 4), "東…");
        assert_eq!(cut("e\u{301}a", 2), "e\u{301}a");
    }
}
