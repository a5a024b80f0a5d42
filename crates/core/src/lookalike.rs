//! Letters of other alphabets that look like Latin letters, such as the Cyrillic `а`.
//! Diagnostics and explanations name them, because a reader cannot see the difference.

use std::borrow::Cow;

/// The pairs of a letter and the Latin letter that it looks like.
const CYRILLIC: &str = "аaеeоoрpсcуyхxіiјjѕsһhԁdԛqԝwАAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅS";
const GREEK: &str = "οoνvρpΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";
/// The first of the full-width forms of the characters from `!` on.
const FULL_WIDTH: u32 = 0xff01;

/// A letter that looks like a Latin one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookalike {
    pub letter: char,
    pub latin: char,
    alphabet: &'static str,
}

impl Lookalike {
    /// Names the letter with its number: "the Cyrillic letter `а` (U+0430)".
    pub fn named(self) -> String {
        let (alphabet, letter) = (self.alphabet, self.letter);
        format!(
            "the {alphabet} letter `{letter}` (U+{:04X})",
            u32::from(letter)
        )
    }
}

/// Returns the Latin letter that a letter looks like.
pub fn of(letter: char) -> Option<Lookalike> {
    if letter.is_ascii() {
        return None;
    }
    let found = |latin, alphabet| Lookalike {
        letter,
        latin,
        alphabet,
    };
    for (pairs, alphabet) in [(CYRILLIC, "Cyrillic"), (GREEK, "Greek")] {
        let mut letters = pairs.chars();
        while let (Some(known), Some(latin)) = (letters.next(), letters.next()) {
            if known == letter {
                return Some(found(latin, alphabet));
            }
        }
    }
    let number = u32::from(letter).checked_sub(FULL_WIDTH)? + u32::from('!');
    let latin = char::from_u32(number).filter(char::is_ascii_alphabetic)?;
    Some(found(latin, "full-width"))
}

/// Returns the text with Latin letters in place of those that look like them.
pub fn latin(text: &str) -> Cow<'_, str> {
    match text.is_ascii() {
        true => text.into(),
        false => text
            .chars()
            .map(|c| of(c).map_or(c, |found| found.latin))
            .collect(),
    }
}

/// Names such a letter in a word that also has Latin letters: nobody writes that on purpose.
pub fn in_mixed_text(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.find_map(|word| {
        let has_latin = word.chars().any(|c| c.is_ascii_alphabetic());
        let mut letters = word.chars().enumerate();
        let (at, letter) = letters.find_map(|(at, c)| Some((at, of(c)?)))?;
        has_latin.then(|| format!("`{word}` has {} as character {}", letter.named(), at + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_of_another_alphabet_in_a_latin_word_is_named() {
        for (text, named) in [
            (
                "unknown key `сurrent`",
                Some("`сurrent` has the Cyrillic letter `с` (U+0441) as character 1"),
            ),
            (
                "never \"urgеnt\"",
                Some("`urgеnt` has the Cyrillic letter `е` (U+0435) as character 4"),
            ),
            (
                "VΙP",
                Some("`VΙP` has the Greek letter `Ι` (U+0399) as character 2"),
            ),
            (
                "ＶIP",
                Some("`ＶIP` has the full-width letter `Ｖ` (U+FF36) as character 1"),
            ),
            ("срочно urgent", None),
            ("Größe 7 €", None),
            ("plain", None),
        ] {
            assert_eq!(in_mixed_text(text).as_deref(), named, "{text}");
        }
    }
}
