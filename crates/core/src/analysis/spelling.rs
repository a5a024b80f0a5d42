//! Texts that equal a text of a rule where letter case is ignored. Decides texts of ASCII characters; of others, only
//! examples are known.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir};

use crate::language::condition::spellings::spellings;

/// The sign of the unit kelvin, whose lower case letter is `k`.
const KELVIN: char = '\u{212a}';
/// A letter whose lower case is `i` with a dot above it.
const I_WITH_DOT: char = '\u{130}';

/// What follows a text within the text that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    Nothing,
    Anything,
}

/// Whether every text that equals this one without regard to letter case is known.
pub fn is_decided(text: &str) -> bool {
    text.is_ascii()
}

/// Returns the expression of the texts that equal a decided text without regard to letter case.
pub fn any_case(text: &str, following: Following) -> Hir {
    let last = text.chars().count().saturating_sub(1);
    let letters = text.chars().enumerate().map(|(number, letter)| {
        let mut spellings = vec![letter.to_ascii_lowercase(), letter.to_ascii_uppercase()];
        match letter.to_ascii_lowercase() {
            'k' => spellings.push(KELVIN),
            'i' if number == last && following == Following::Anything => {
                spellings.push(I_WITH_DOT);
            }
            _ => {}
        }
        let ranges = spellings.into_iter().map(|c| ClassUnicodeRange::new(c, c));
        Hir::class(Class::Unicode(ClassUnicode::new(ranges)))
    });
    Hir::concat(letters.collect())
}

/// Returns a text that equals this one without regard to letter case, and is none of the others.
pub fn other_spelling(text: &str, others: &[String]) -> Option<String> {
    let with_kelvin = text.replacen(['k', 'K'], &KELVIN.to_string(), 1);
    let mut spelt = spellings(text).chain([with_kelvin]);
    spelt.find(|spelt| spelt != text && !others.contains(spelt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_spelling_of_one_letter_is_found() {
        let mut known = vec!["k".to_owned()];
        while let Some(next) = other_spelling("k", &known) {
            assert_eq!(next.to_lowercase(), "k");
            known.push(next);
        }
        assert_eq!(known, ["k", "K", "\u{212a}"]);
        assert_eq!(other_spelling("7", &[]), None);
    }

    /// All characters whose lower case has an ASCII letter are known.
    #[test]
    fn no_other_character_has_an_ascii_letter_as_lower_case() {
        let others = ('\u{80}'..=char::MAX).filter(|c| c.to_lowercase().any(|l| l.is_ascii()));
        assert_eq!(others.collect::<Vec<_>>(), [I_WITH_DOT, KELVIN]);
    }
}
