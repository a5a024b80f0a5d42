//! Numbers in JSONPath filters that the library could not parse without loss. Each is written as a marked text
//! before parsing, and read as a number again when the query is evaluated.

use crate::number::{fits_double, is_integer, parse_number};

/// Marks a text that is a number. It is a Unicode noncharacter, reserved for internal use.
pub const EXACT_NUMBER: char = '\u{fdd3}';

/// A query whose long numbers are marked texts.
#[derive(Debug, PartialEq, Eq)]
pub struct MarkedQuery {
    pub text: String,
    /// Where each mark ends, in characters of `text`, and how many characters were added so far.
    added: Vec<AddedCharacters>,
}

#[derive(Debug, PartialEq, Eq)]
struct AddedCharacters {
    behind: usize,
    count: usize,
}

impl MarkedQuery {
    /// The position in the query as written, for a position in `text`; both in characters.
    pub fn position(&self, at: usize) -> usize {
        let added = self.added.iter().take_while(|added| added.behind <= at);
        at - added.last().map_or(0, |added| added.count)
    }
}

/// What the innermost bracket encloses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Filter,
    /// Names, indexes and slices.
    Selectors,
    /// Parentheses of a filter.
    Group,
}

/// Marks the long numbers of all filters.
pub fn mark(query: &str) -> MarkedQuery {
    let mut marked = MarkedQuery {
        text: String::with_capacity(query.len()),
        added: Vec::new(),
    };
    let characters: Vec<char> = query.chars().collect();
    let (mut brackets, mut at) = (Vec::new(), 0);
    while let Some(character) = characters.get(at).copied() {
        let end = match character {
            '\'' | '"' => end_of_text(&characters, at),
            _ => end_of_number(&characters, at, brackets.last().copied()),
        };
        match character {
            '[' => brackets.push(kind(&characters, at + 1)),
            ',' if matches!(brackets.last(), Some(Bracket::Filter | Bracket::Selectors)) => {
                brackets.pop();
                brackets.push(kind(&characters, at + 1));
            }
            '(' => brackets.push(Bracket::Group),
            ']' | ')' => drop(brackets.pop()),
            _ => {}
        }
        let part: String = characters[at..end].iter().collect();
        match needs_mark(&part) {
            true => marked.push_number(&part),
            false => marked.text.push_str(&part),
        }
        at = end;
    }
    marked
}

impl MarkedQuery {
    fn push_number(&mut self, number: &str) {
        self.text.push('"');
        self.text.push(EXACT_NUMBER);
        self.text.push_str(number);
        self.text.push('"');
        let count = self.added.last().map_or(0, |added| added.count) + 3;
        let behind = self.text.chars().count();
        self.added.push(AddedCharacters { behind, count });
    }
}

fn kind(characters: &[char], from: usize) -> Bracket {
    let mut rest = characters[from..].iter();
    match rest.find(|character| !character.is_whitespace()) {
        Some('?') => Bracket::Filter,
        _ => Bracket::Selectors,
    }
}

fn end_of_text(characters: &[char], start: usize) -> usize {
    let quote = characters[start];
    let mut at = start + 1;
    while let Some(character) = characters.get(at) {
        match character {
            '\\' => at += 2,
            character if *character == quote => return at + 1,
            _ => at += 1,
        }
    }
    characters.len()
}

/// The end of a number that starts here; the next character if none does.
fn end_of_number(characters: &[char], start: usize, bracket: Option<Bracket>) -> usize {
    let is_name = |character: &char| character.is_alphanumeric() || "_.@$".contains(*character);
    let starts = matches!(characters[start], '-' | '0'..='9');
    let within_name = start > 0 && is_name(&characters[start - 1]);
    let in_filter = matches!(bracket, Some(Bracket::Filter | Bracket::Group));
    if !starts || within_name || !in_filter {
        return start + 1;
    }
    let mut at = start + 1;
    while let Some(character) = characters.get(at) {
        let after_exponent = matches!(characters[at - 1], 'e' | 'E');
        let continues = character.is_ascii_digit()
            || matches!(character, '.' | 'e' | 'E')
            || (after_exponent && matches!(character, '+' | '-'));
        if !continues {
            break;
        }
        at += 1;
    }
    at
}

fn needs_mark(part: &str) -> bool {
    const LAST_SAFE: u64 = (1 << 53) - 1;
    let is_safe = |number: &serde_json::Number| {
        let size = number.as_i64().map(i64::unsigned_abs);
        size.is_some_and(|size| size <= LAST_SAFE)
    };
    parse_number(part).is_some_and(|number| match is_integer(&number) {
        true => !is_safe(&number),
        false => !fits_double(&number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_numbers_of_filters_are_marked() {
        for query in [
            "$.raw.a[?@.id == 9007199254740991]",
            "$.raw.a[9007199254740993]",
            "$.raw.a[?@['9007199254740993'] == '9007199254740993']",
            "$.raw.a9007199254740993[?@.b9007199254740993 > 1.5]",
        ] {
            assert_eq!(mark(query).text, query);
        }
        let marked = mark("$.raw.a[?(@.id==-9007199254740993) && @.b > 1.25]");
        assert_eq!(
            marked.text,
            "$.raw.a[?(@.id==\"\u{fdd3}-9007199254740993\") && @.b > 1.25]"
        );
        assert_eq!((marked.position(10), marked.position(40)), (10, 37));
    }
}
