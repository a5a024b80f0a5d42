//! Differences between texts that a reader does not see: blanks of other kinds, characters without width, and the
//! two ways of writing a letter with an accent. Names the difference, and escapes such characters.

use std::borrow::Cow;
use std::fmt::Write as _;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::language::operator::equality::fold;
use crate::lookalike;

/// Returns the text with every unseen character escaped: `VIP\u00a0customer`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(is_unseen) {
        return text.into();
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_unseen(character) {
            true => visible.push_str(&escaped(character)),
            false => visible.push(character),
        }
    }
    visible.into()
}

/// Explains how a value differs from the text of the rule, if both look the same. Letter case may differ too.
pub fn difference(value: &str, expected: &str) -> Option<String> {
    if value.is_ascii() && expected.is_ascii() {
        return None;
    }
    let (seen, wanted) = (seen(value), seen(expected));
    match seen == wanted || fold(&seen) == fold(&wanted) {
        true => first_difference(value, expected),
        false => None,
    }
}

/// The same for a text that contains, starts or ends with a part: whether it does once both look the same.
pub fn part_difference(
    value: &str,
    part: &str,
    holds: impl Fn(&str, &str) -> bool,
) -> Option<String> {
    if value.is_ascii() && part.is_ascii() {
        return None;
    }
    if !holds(&seen(value), &seen(part)) {
        return None;
    }
    if let Some(letter) = lookalike_in(value, part) {
        return Some(letter);
    }
    let unseen = [("the value", value), ("the rule", part)];
    let named = unseen.iter().find_map(|(owner, text)| {
        let (at, character) = text.chars().enumerate().find(|(_, c)| is_unseen(*c))?;
        Some(format!(
            "{owner} has {} at character {}",
            named(character),
            at + 1
        ))
    });
    Some(
        named.unwrap_or_else(|| "the letters are written in different Unicode normal forms".into()),
    )
}

/// Names the letter by which a section of the value differs from the part that it looks like.
fn lookalike_in(value: &str, part: &str) -> Option<String> {
    let (value, wanted): (Vec<char>, Vec<char>) = (value.chars().collect(), part.chars().collect());
    let part = fold(&seen(part));
    let sections = value.windows(wanted.len().max(1)).enumerate();
    let mut alike =
        sections.filter(|(_, section)| fold(&seen(&String::from_iter(*section))) == part);
    alike.find_map(|(start, section)| {
        let mut pairs = section.iter().zip(&wanted).enumerate();
        pairs.find_map(|(at, (got, want))| {
            let (owner, letter, at) = match (lookalike::of(*got), lookalike::of(*want)) {
                (Some(_), Some(_)) if got == want => return None,
                (Some(letter), _) => ("the value", letter, start + at),
                (None, Some(letter)) => ("the rule", letter, at),
                (None, None) => return None,
            };
            Some(format!(
                "{owner} has {}, at character {}",
                letter.named(),
                at + 1
            ))
        })
    })
}

/// The text as a reader sees it: composed letters, one kind of blank, nothing without width, and Latin letters
/// for those that look like them.
fn seen(text: &str) -> String {
    let plain = text.chars().filter_map(|character| match character {
        character if is_blank(character) => Some(' '),
        character if is_zero_width(character) => None,
        character => Some(lookalike::of(character).map_or(character, |found| found.latin)),
    });
    let plain: String = plain.collect();
    composed(&plain).into_owned()
}

fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

fn first_difference(value: &str, expected: &str) -> Option<String> {
    if fold(&composed(value)) == fold(&composed(expected)) {
        let form = |text: &str| match composed(text) == text {
            true => "composed (NFC)",
            false => "decomposed (NFD)",
        };
        let (got, want) = (form(value), form(expected));
        return (got != want).then(|| {
            format!(
                "the letters are the same in another Unicode normal form: the value is {got}, the rule {want}"
            )
        });
    }
    let mut characters = value.chars().zip(expected.chars()).enumerate();
    let unequal = characters.find(|(_, (got, want))| fold_char(*got) != fold_char(*want));
    let at = match unequal {
        Some((at, _)) => at,
        None => value.chars().count().min(expected.chars().count()),
    };
    let place = |text: &str| text.chars().nth(at);
    let is_alike = |character: char| is_unseen(character) || lookalike::of(character).is_some();
    let unseen = |text: &str| place(text).filter(|character| is_alike(*character));
    let words = match (unseen(value), unseen(expected)) {
        (Some(got), Some(want)) => {
            format!("the value has {}, the rule {}", named(got), named(want))
        }
        (Some(got), None) => match place(expected) {
            Some(' ') => format!("the value has {}, the rule a space", named(got)),
            _ => format!("the value has {}", named(got)),
        },
        (None, Some(want)) => match place(value) {
            Some(' ') => format!("the rule has {}, the value a space", named(want)),
            _ => format!("the rule has {}", named(want)),
        },
        (None, None) => {
            return Some("the letters are written in different Unicode normal forms".into());
        }
    };
    Some(format!("{words}, at character {}", at + 1))
}

fn fold_char(character: char) -> String {
    character.to_lowercase().collect()
}

/// A blank other than the space, a character without width, or an accent that combines with a letter.
fn is_unseen(character: char) -> bool {
    (is_blank(character) && character != ' ') || is_zero_width(character) || is_combining(character)
}

fn is_blank(character: char) -> bool {
    // The Hangul filler and the Braille blank are blanks too, though Unicode does not call them white space.
    character.is_whitespace()
        || matches!(character, '\u{3164}' | '\u{2800}' | '\u{115f}' | '\u{1160}')
}

fn is_zero_width(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_combining(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// The escape of a character as JSON writes it.
fn escaped(character: char) -> String {
    let mut units = [0; 2];
    let mut text = String::new();
    for unit in character.encode_utf16(&mut units) {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
    text
}

/// The name of a character with its number: "a no-break space (U+00A0)".
fn named(character: char) -> String {
    if let Some(letter) = lookalike::of(character) {
        return letter.named();
    }
    let name = match character {
        '\t' => "a tab",
        '\n' => "a line break",
        '\r' => "a carriage return",
        '\u{a0}' => "a no-break space",
        '\u{ad}' => "a soft hyphen",
        '\u{2002}' => "an en space",
        '\u{2003}' => "an em space",
        '\u{2009}' => "a thin space",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' => "a zero-width non-joiner",
        '\u{200d}' => "a zero-width joiner",
        '\u{200e}' => "a left-to-right mark",
        '\u{200f}' => "a right-to-left mark",
        '\u{202f}' => "a narrow no-break space",
        '\u{2060}' => "a word joiner",
        '\u{3000}' => "an ideographic space",
        '\u{feff}' => "a byte order mark",
        character if is_blank(character) => "a blank",
        character if is_combining(character) => "a combining accent",
        _ => "an invisible character",
    };
    format!("{name} (U+{:04X})", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_characters_are_escaped_and_others_stay() {
        assert_eq!(visible("Grüße, 7 € 😀"), "Grüße, 7 € 😀");
        assert_eq!(visible("VIP\u{a0}customer"), "VIP\\u00a0customer");
        assert_eq!(
            visible("A\u{308}rger\u{e0041}"),
            "A\\u0308rger\\udb40\\udc41"
        );
    }

    #[test]
    fn a_letter_of_another_alphabet_is_named_within_a_text() {
        let contains = |value: &str, part: &str| value.contains(part);
        let found = |value: &str, part: &str| part_difference(value, part, contains);
        assert_eq!(
            found("срочно: VIР customer", "VIP").as_deref(),
            Some("the value has the Cyrillic letter `Р` (U+0420), at character 11")
        );
        assert_eq!(
            found("a VIP customer", "VIР").as_deref(),
            Some("the rule has the Cyrillic letter `Р` (U+0420), at character 3")
        );
        assert_eq!(found("срочно", "VIP"), None);
    }

    #[test]
    fn the_difference_is_named() {
        for (value, expected, words) in [
            (
                "VIP\u{a0}customer",
                "VIP customer",
                Some("the value has a no-break space (U+00A0), the rule a space, at character 4"),
            ),
            (
                "vip customer",
                "VIP\u{202f}customer",
                Some(
                    "the rule has a narrow no-break space (U+202F), the value a space, at character 4",
                ),
            ),
            (
                "vip\u{200b}",
                "vip",
                Some("the value has a zero-width space (U+200B), at character 4"),
            ),
            (
                "vip",
                "\u{feff}vip",
                Some("the rule has a byte order mark (U+FEFF), at character 1"),
            ),
            (
                "a\tä",
                "a ä",
                Some("the value has a tab (U+0009), the rule a space, at character 2"),
            ),
            (
                "A\u{308}rger",
                "Ärger",
                Some(
                    "the letters are the same in another Unicode normal form: the value is decomposed (NFD), the rule composed (NFC)",
                ),
            ),
            (
                "Ärger",
                "a\u{308}rger",
                Some(
                    "the letters are the same in another Unicode normal form: the value is composed (NFC), the rule decomposed (NFD)",
                ),
            ),
            (
                "VIР",
                "VIP",
                Some("the value has the Cyrillic letter `Р` (U+0420), at character 3"),
            ),
            (
                "vip",
                "vіp",
                Some("the rule has the Cyrillic letter `і` (U+0456), at character 2"),
            ),
            ("Ärger", "Arger", None),
            ("vip", "VIP", None),
        ] {
            assert_eq!(
                difference(value, expected).as_deref(),
                words,
                "{value:?} {expected:?}"
            );
        }
    }
}
