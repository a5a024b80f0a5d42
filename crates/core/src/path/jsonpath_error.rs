//! Describes why a text is not JSONPath, with the position, and suggests the path that was probably meant.

use crate::path::PathError;
use crate::path::exact_literals::MarkedQuery;
use crate::path::jsonpath::is_valid;
use crate::path::well_typed::MisusedFunction;

/// The error of the library's parser. `reason` is its message.
pub fn of_syntax(text: &str, marked: &MarkedQuery, reason: &str, help: &str) -> PathError {
    let characters: Vec<char> = text.chars().collect();
    let at = position(reason).map(|at| marked.position(at));
    let why = match at.map(|at| (at, characters.get(at))) {
        Some((at, Some(character))) => {
            format!("unexpected `{character}` at character {}", at + 1)
        }
        Some((_, None)) => format!("it ends too early, at character {}", characters.len()),
        None => match misused_function(text, reason) {
            Some(why) => why,
            None => last_line(reason).to_owned(),
        },
    };
    let help = match suggestion(text) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => syntax_help(&characters, at).unwrap_or(help).to_owned(),
    };
    PathError {
        message: format!("`{text}` is not JSONPath: {why}"),
        help: Some(help),
    }
}

/// What to write where brackets or filters are wrong; `None` for another mistake.
fn syntax_help(text: &[char], at: Option<usize>) -> Option<&'static str> {
    let (mut quote, mut open, mut filter) = (None, Vec::new(), None);
    for (place, character) in text.iter().enumerate() {
        match (quote, character) {
            (Some(quoted), character) if quoted == *character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(*character),
            (None, '[' | '(') => open.push(*character),
            (None, ']' | ')') => {
                open.pop();
            }
            (None, '?') if filter.is_none() => filter = Some(place),
            (None, _) => {}
        }
    }
    if quote.is_some() {
        return Some("close the quote, with the character that opens it");
    }
    match (filter, at, open.last()) {
        (Some(filter), Some(at), _) if at > filter && text.get(at).is_some_and(|c| is_word(*c)) => {
            Some(FILTER)
        }
        (_, _, Some('(')) => Some("close the bracket with `)`"),
        (_, _, Some(_)) => Some("close the bracket with `]`"),
        (Some(filter), at, None) if at.is_none_or(|at| at >= filter) => Some(FILTER),
        (_, _, None) => None,
    }
}

const FILTER: &str = "a filter compares parts of the element `@`: `[?@.status == 'open']`; its functions are `length`, `count`, `value`, `match` and `search`";

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Describes a function that the parser rejects by name, with its position.
fn misused_function(text: &str, reason: &str) -> Option<String> {
    let (_, name) = reason.split_once("the function `")?;
    let (name, _) = name.split_once('`')?;
    let before = text.split_once(&format!("{name}("))?.0;
    let at = before.chars().count() + 1;
    Some(format!(
        "`{name}` has an argument of the wrong kind, at character {at}"
    ))
}

/// The position of a blank within a name, which the library's parser accepts: `$.raw.a b`.
pub fn blank_in_name(text: &str) -> Option<usize> {
    let characters: Vec<char> = text.chars().collect();
    let is_name = |character: &char| character.is_alphanumeric() || *character == '_';
    let (mut quote, mut at) = (None, 0);
    while at < characters.len() {
        match (quote, characters[at]) {
            (Some(_), '\\') => at += 1,
            (Some(quoted), character) if quoted == character => quote = None,
            (None, '\'' | '"') => quote = Some(characters[at]),
            (None, character) if character.is_whitespace() && at > 0 => {
                let next = characters[at..].iter().find(|next| !next.is_whitespace());
                if is_name(&characters[at - 1]) && next.is_some_and(is_name) {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The error of a blank within a name.
pub fn of_blank(text: &str, at: usize, help: &str) -> PathError {
    let help = match suggestion(text) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => help.to_owned(),
    };
    PathError {
        message: format!(
            "`{text}` is not JSONPath: unexpected ` ` at character {}",
            at + 1
        ),
        help: Some(help),
    }
}

/// The error of a function that is used in a wrong way.
pub fn of_function(text: &str, misused: MisusedFunction) -> PathError {
    let at = call_position(text, misused.calls_before);
    PathError {
        message: format!(
            "`{text}` is not JSONPath: {}, at character {}",
            misused.message,
            at + 1
        ),
        help: Some(misused.help),
    }
}

/// The column that the parser's message names, from 0.
fn position(reason: &str) -> Option<usize> {
    let (_, place) = reason.split_once("--> ")?;
    let column = place.split_whitespace().next()?.split(':').nth(1)?;
    column.parse::<usize>().ok()?.checked_sub(1)
}

fn last_line(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim);
    let line = lines.rfind(|line| !line.is_empty());
    line.map_or("it cannot be read", |line| line.trim_start_matches("= "))
}

/// The start of the call with this number, in characters.
fn call_position(text: &str, number: usize) -> usize {
    let characters: Vec<char> = text.chars().collect();
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let (mut quote, mut calls, mut at) = (None, 0, 0);
    while at < characters.len() {
        match (quote, characters[at]) {
            (Some(_), '\\') => at += 1,
            (Some(quoted), character) if quoted == character => quote = None,
            (None, '\'' | '"') => quote = Some(characters[at]),
            (None, '(') if at > 0 && is_name(characters[at - 1]) => {
                if calls == number {
                    let name = characters[..at].iter().rev();
                    return at - name.take_while(|character| is_name(**character)).count();
                }
                calls += 1;
            }
            _ => {}
        }
        at += 1;
    }
    0
}

/// How many mistakes of one path are corrected.
const MAX_CORRECTIONS: usize = 8;

/// A valid path that differs only by frequent mistakes.
fn suggestion(text: &str) -> Option<String> {
    let mut meant = text.to_owned();
    for _ in 0..MAX_CORRECTIONS {
        match is_valid(&meant) {
            Ok(()) => return (meant != text).then_some(meant),
            Err(at) => meant = corrected(&meant, at?)?,
        }
    }
    None
}

fn corrected(text: &str, at: usize) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let joined = |parts: &[&[char]]| {
        parts
            .iter()
            .flat_map(|part| part.iter())
            .collect::<String>()
    };
    // `$raw` lacks the dot.
    if at == 1 && characters.get(1)?.is_alphabetic() {
        return Some(format!("$.{}", joined(&[&characters[1..]])));
    }
    // A dot at the end.
    if at >= characters.len() && characters.last() == Some(&'.') {
        return Some(joined(&[&characters[..characters.len() - 1]]));
    }
    let character = *characters.get(at)?;
    // `=` for `==`, `&` for `&&`, `|` for `||`.
    let operator = [at, at.checked_sub(1)?].into_iter().find(|at| {
        let single = matches!(characters.get(*at), Some('=' | '&' | '|'));
        single
            && at
                .checked_sub(1)
                .is_none_or(|before| !"=!<>&|".contains(characters[before]))
    });
    if let Some(operator) = operator {
        let doubled = [characters[operator]];
        return Some(joined(&[
            &characters[..operator],
            &doubled,
            &characters[operator..],
        ]));
    }
    let ends_name = |character: &char| ".[]()'\"?,".contains(*character);
    let start = characters[..at].iter().rposition(ends_name)?;
    let end = characters[at..].iter().position(ends_name);
    let end = end.map_or(characters.len(), |length| at + length);
    let name: String = characters[start + 1..end].iter().collect();
    if name.is_empty()
        || name.contains(['=', '<', '>', '&', '|', '!', '@', '$'])
        || character == '*'
    {
        return None;
    }
    let index = name.trim_start_matches('0');
    if characters[start] == '[' && name.chars().all(|c| c.is_ascii_digit()) {
        let index = if index.is_empty() { "0" } else { index };
        let index: Vec<char> = index.chars().collect();
        return Some(joined(&[&characters[..=start], &index, &characters[end..]]));
    }
    let is_index = characters[start] == '.' && name.chars().all(|c| c.is_ascii_digit());
    let quoted: Vec<char> = match is_index {
        true => name.chars().collect(),
        false => format!("'{}'", name.trim()).chars().collect(),
    };
    match characters[start] {
        '.' => Some(joined(&[
            &characters[..start],
            &['['],
            &quoted,
            &[']'],
            &characters[end..],
        ])),
        '[' if characters.get(end) == Some(&']') => Some(joined(&[
            &characters[..=start],
            &quoted,
            &characters[end..],
        ])),
        _ => None,
    }
}

/// The position of a parser's error in the text as written; `None` without one.
pub fn error_position(marked: &MarkedQuery, reason: &str) -> Option<usize> {
    position(reason).map(|at| marked.position(at))
}
