//! A payload in its texts and placeholders, and a text that is sent as it stands.
//! It refuses to take for a placeholder what only looks like one.

/// A part of a text.
pub(super) enum Part<'t> {
    Text(&'t str),
    /// What stands between the braces.
    Placeholder(&'t str),
}

/// Stands for a placeholder outside of the texts of a JSON payload.
pub(super) const BARE: char = '\u{f8ff}';

/// The texts and placeholders of a payload.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(close) = rest[open..].find("}}").map(|close| open + close) else {
            break;
        };
        // Braces that only look like one are sent as they stand.
        let inside = &rest[open + 2..close];
        if inside.contains(['"', '{', '\n']) {
            parts.push(Part::Text(&rest[..open + 2]));
            rest = &rest[open + 2..];
            continue;
        }
        if open > 0 {
            parts.push(Part::Text(&rest[..open]));
        }
        parts.push(Part::Placeholder(inside));
        rest = &rest[close + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// A text that is sent as it stands.
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

/// A JSON payload with every placeholder outside of its texts as a text of its own, and those
/// placeholders.
pub(super) fn mask(text: &str) -> (String, Vec<String>) {
    let (mut masked, mut bare) = (String::new(), Vec::new());
    let mut inside = false;
    for part in parts(text) {
        match part {
            Part::Text(text) => {
                inside = ends_inside(text, inside);
                masked += text;
            }
            Part::Placeholder(name) if inside => {
                masked += &format!("{{{{{}}}}}", name);
            }
            Part::Placeholder(name) => {
                masked += &format!("\"{BARE}{}{BARE}\"", bare.len());
                bare.push(name.to_owned());
            }
        }
    }
    (masked, bare)
}

/// Whether a text of JSON is open behind this.
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
