//! Splits a payload into text, placeholders and Liquid tags, and escapes text for a template.

/// A part of a text.
#[derive(Debug, PartialEq)]
pub(super) enum PayloadPart<'t> {
    Text(&'t str),
    /// The text between `{{` and `}}`.
    Placeholder(&'t str),
    /// The text between `{%` and `%}`.
    Tag(&'t str),
}

/// Marks a placeholder or tag outside the strings of a JSON payload.
const BARE: char = '\u{f8ff}';
/// Marks a placeholder or tag in a string of a JSON payload.
const HELD: char = '\u{f8fe}';

/// The placeholders and tags of a JSON payload, in order.
#[derive(Debug, Default)]
pub(super) struct HeldParts(Vec<String>);

/// The parts of a payload, in order.
pub(super) fn parts(text: &str) -> Vec<PayloadPart<'_>> {
    let mut parts = Vec::new();
    let (mut plain_from, mut at) = (0, 0);
    while let Some(open) = next_opening(text, at) {
        let end = if text[open..].starts_with("{{") {
            "}}"
        } else {
            "%}"
        };
        let Some(close) = text[open..].find(end).map(|close| open + close) else {
            break;
        };
        let inside = &text[open + 2..close];
        // Braces with JSON between them are not a placeholder.
        if end == "}}" && inside.contains('{') {
            at = open + 1;
            continue;
        }
        if open > plain_from {
            parts.push(PayloadPart::Text(&text[plain_from..open]));
        }
        parts.push(match end {
            "}}" => PayloadPart::Placeholder(inside),
            _ => PayloadPart::Tag(inside),
        });
        at = close + 2;
        plain_from = at;
    }
    if plain_from < text.len() {
        parts.push(PayloadPart::Text(&text[plain_from..]));
    }
    parts
}

fn next_opening(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let openings = ["{{", "{%"].into_iter();
    let first = openings.filter_map(|open| rest.find(open)).min()?;
    Some(from + first)
}

/// A template that renders as the text.
pub fn literal(text: &str) -> String {
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = ["{{", "{%", "{#"]
        .iter()
        .filter_map(|open| rest.find(open))
        .min()
    {
        literal += &rest[..at];
        literal += &format!("{{{{ '{}' }}}}", &rest[at..at + 2]);
        rest = &rest[at + 2..];
    }
    literal + rest
}

/// The JSON payload with a mark in place of each placeholder and tag, and those parts. A trigger fills
/// them in before the text is JSON, so they may contain quotes.
pub(super) fn mask(text: &str) -> Result<(String, HeldParts), String> {
    if text.contains([BARE, HELD]) {
        return Err("it contains characters of a private use area".into());
    }
    let (mut masked, mut held) = (String::new(), HeldParts::default());
    let mut inside = false;
    for part in parts(text) {
        let source = match part {
            PayloadPart::Text(text) => {
                inside = ends_inside(text, inside);
                masked += text;
                continue;
            }
            PayloadPart::Placeholder(name) => format!("{{{{{name}}}}}"),
            PayloadPart::Tag(tag) => format!("{{%{tag}%}}"),
        };
        let number = held.0.len();
        masked += &match inside {
            true => format!("{HELD}{number}{HELD}"),
            false => format!("\"{BARE}{HELD}{number}{HELD}{BARE}\""),
        };
        held.0.push(source.replace("\\\"", "\""));
    }
    Ok((masked, held))
}

/// Whether the string of a masked payload is a part outside its strings.
pub(super) fn is_bare(text: &str) -> bool {
    text.starts_with(BARE)
}

impl HeldParts {
    /// The text with its parts in place of the marks.
    pub(super) fn restore(&self, text: &str) -> String {
        let mut pieces = text.split(HELD);
        let mut restored = pieces.next().unwrap_or_default().to_owned();
        while let Some(number) = pieces.next() {
            let number: Option<usize> = number.parse().ok();
            let part = number.and_then(|number| self.0.get(number));
            restored += part.map_or("", String::as_str);
            restored += pieces.next().unwrap_or_default();
        }
        restored.replace(BARE, "")
    }
}

/// Whether a JSON string is open after the text.
fn ends_inside(text: &str, mut inside: bool) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ => {}
        }
    }
    inside
}
