//! Splits a payload into text and placeholders, and escapes text for a template.

/// A part of a text.
pub(super) enum PayloadPart<'t> {
    Text(&'t str),
    /// The text between the braces.
    Placeholder(&'t str),
}

/// Marks a placeholder outside the strings of a JSON payload.
pub(super) const BARE: char = '\u{f8ff}';

/// The parts of a payload, in order.
pub(super) fn parts(text: &str) -> Vec<PayloadPart<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(close) = rest[open..].find("}}").map(|close| open + close) else {
            break;
        };
        // Braces with JSON between them are not a placeholder.
        let inside = &rest[open + 2..close];
        if inside.contains(['"', '{', '\n']) {
            parts.push(PayloadPart::Text(&rest[..open + 2]));
            rest = &rest[open + 2..];
            continue;
        }
        if open > 0 {
            parts.push(PayloadPart::Text(&rest[..open]));
        }
        parts.push(PayloadPart::Placeholder(inside));
        rest = &rest[close + 2..];
    }
    if !rest.is_empty() {
        parts.push(PayloadPart::Text(rest));
    }
    parts
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

/// The JSON payload with each placeholder outside its strings replaced by a marked string, and those
/// placeholders.
pub(super) fn mask(text: &str) -> (String, Vec<String>) {
    let (mut masked, mut bare) = (String::new(), Vec::new());
    let mut inside = false;
    for part in parts(text) {
        match part {
            PayloadPart::Text(text) => {
                inside = ends_inside(text, inside);
                masked += text;
            }
            PayloadPart::Placeholder(name) if inside => {
                masked += &format!("{{{{{}}}}}", name);
            }
            PayloadPart::Placeholder(name) => {
                masked += &format!("\"{BARE}{}{BARE}\"", bare.len());
                bare.push(name.to_owned());
            }
        }
    }
    (masked, bare)
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
