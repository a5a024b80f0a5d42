//! The help for a template that cannot be parsed, by the spelling of other template languages in it.

use std::ops::Range;

use crate::document::suggest;

/// Returns what to write instead, if the text around the error is known from another language.
pub fn find(text: &str, error: &Range<usize>, why: &str) -> Option<String> {
    if let Some(statement) = why.strip_prefix("unknown statement ") {
        return suggest::for_template_statement(statement.trim_matches('`')).map(str::to_owned);
    }
    let expression = expression_at(text, error.start);
    arguments_after_colon(expression).or_else(|| {
        let spelling = suggest::for_template_spelling(expression)?;
        Some(spelling.to_owned())
    })
}

/// The words of the engine's parser, and those of a template.
const WORDS: [(&str, &str); 9] = [
    ("end of variable block", "`}}`"),
    ("start of variable block", "`{{`"),
    ("end of block", "`%}`"),
    ("start of block", "`{%`"),
    ("identifier or integer", "a name or a number"),
    ("identifier", "a name"),
    ("string", "a text"),
    ("integer", "a number"),
    ("float", "a number"),
];

/// Returns why a template cannot be parsed, in words of a template.
pub fn reason(why: &str) -> String {
    let Some(what) = why.strip_prefix("unexpected ") else {
        return why.to_owned();
    };
    let plain = |what: &str| {
        let known = WORDS.iter().find(|(word, _)| *word == what);
        known.map_or(what, |(_, plain)| plain).to_owned()
    };
    match what.split_once(", expected ") {
        Some((found, expected)) => {
            format!("expected {}, found {}", plain(expected), plain(found))
        }
        None => format!("unexpected {}", plain(what)),
    }
}

/// Returns the text between the braces around a position.
fn expression_at(text: &str, at: usize) -> &str {
    let at = (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let at = at.unwrap_or_default();
    let start = text[..at].rfind(['{', '%']).map_or(0, |open| open + 1);
    let rest = &text[start..];
    let end = ["}}", "%}"]
        .into_iter()
        .filter_map(|close| rest.find(close))
        .min();
    &rest[..end.unwrap_or(rest.len())]
}

/// `| truncate: 80`, as in Liquid: `truncate(80)`.
fn arguments_after_colon(expression: &str) -> Option<String> {
    expression.split('|').skip(1).find_map(|filter| {
        let (name, arguments) = filter.split_once(':')?;
        let name = name.trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_name.then(|| {
            if let Some(operator) = operator(name) {
                let value = expression.split('|').next().unwrap_or_default().trim();
                let right = arguments.trim();
                return format!("write the operator: `{{{{ {value} {operator} {right} }}}}`");
            }
            let call = format!("`{name}({})`", arguments.trim());
            match suggest::for_template_filter(name) {
                Some(help) => format!("write the values of a filter in brackets: {call}; {help}"),
                None => format!("write the values of a filter in brackets: {call}"),
            }
        })
    })
}

/// The operator that does what a filter of Liquid does.
fn operator(filter: &str) -> Option<char> {
    match filter {
        "plus" => Some('+'),
        "minus" => Some('-'),
        "times" => Some('*'),
        "divided_by" => Some('/'),
        "modulo" => Some('%'),
        _ => None,
    }
}
