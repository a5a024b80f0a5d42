//! Filters for texts of people in HTML: `escape` makes any text safe in HTML, `striptags` makes plain text of
//! HTML.

use minijinja::Error;
use minijinja::value::Value;

use crate::language::template::engine::text;
use crate::language::template::filter::text::limited_text;

/// Replaces the characters that have a meaning in HTML, also within quoted attributes.
pub fn escape(value: &Value) -> Result<String, Error> {
    let text = text(value)?;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    limited_text(escaped)
}

/// Removes tags, comments, scripts and styles, replaces character references, and joins white space.
pub fn striptags(value: &Value) -> Result<String, Error> {
    let html = text(value)?;
    let mut plain = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        let tag = &rest[start..];
        let Some(length) = length_of_tag(tag) else {
            plain.push('<');
            rest = &tag[1..];
            continue;
        };
        if separates(name_of(tag)) {
            plain.push(' ');
        }
        rest = &tag[length..];
    }
    plain.push_str(rest);
    let words = unescape(&plain);
    let words: Vec<&str> = words.split_whitespace().collect();
    limited_text(words.join(" "))
}

/// Returns the length of the tag or comment at the start of a text, with the content of scripts and styles.
/// `None` if it is not a tag: `a < b`.
fn length_of_tag(tag: &str) -> Option<usize> {
    if tag.starts_with("<!--") {
        return Some(tag.find("-->").map_or(tag.len(), |end| end + 3));
    }
    let is_tag = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
    if !tag[1..].starts_with(is_tag) {
        return None;
    }
    let end = end_of_tag(tag)?;
    let name = name_of(tag).to_ascii_lowercase();
    if !matches!(name.as_str(), "script" | "style") {
        return Some(end);
    }
    let close = format!("</{name}");
    let after = tag[end..].to_ascii_lowercase();
    let content = after.find(&close).unwrap_or(after.len());
    let closing = end_of_tag(&tag[end + content..]).unwrap_or(after.len() - content);
    Some(end + content + closing)
}

/// Returns the end of a tag: the first `>` that is not within a quoted attribute.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, _) => {}
        }
    }
    // A quote that is not closed ends with the tag.
    tag.find('>').map(|end| end + 1)
}

fn name_of(tag: &str) -> &str {
    let name = tag[1..].trim_start_matches('/');
    let end = name.find(|c: char| !c.is_ascii_alphanumeric());
    &name[..end.unwrap_or(name.len())]
}

/// Whether an element starts a new line or cell, so that the words around its tag are not joined.
fn separates(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "tr",
        "ul",
    ];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Replaces the character references that HTML needs, and those by number.
fn unescape(text: &str) -> String {
    const LONGEST: usize = 10;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.char_indices().take(LONGEST).find(|(_, c)| *c == ';');
        match end.and_then(|(end, _)| Some((character(&rest[1..end])?, end))) {
            Some((c, end)) => {
                plain.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(reference: &str) -> Option<char> {
    if let Some(number) = reference.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    Some(match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => return None,
    })
}
