//! Diagnostics for YAML errors: invalid syntax, limits, and misread templates.
//! The help depends on the text near the error.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::{LineIndex, Node, Yaml, json_error};

pub fn unquoted_template(at: Span) -> Diagnostic {
    Diagnostic::error(
        Code::UnquotedTemplate,
        at,
        "YAML reads an unquoted `{{ … }}` as a mapping",
    )
    .help("put quotes around the whole value: \"{{ … }}\"")
}

pub fn duplicate(key: &str, at: Span, first: u32) -> Diagnostic {
    let message = format!("duplicate key `{key}`");
    let help = format!("first defined on line {first}; remove one of them");
    Diagnostic::error(Code::DuplicateKey, at, message).help(help)
}

/// Reports texts such as `text: #{{ ticket.id }}`, which YAML reads as null and a comment.
pub fn templates_in_comments(node: &Node, lines: &LineIndex<'_>, diagnostics: &mut Diagnostics) {
    let text = lines.chunk.text;
    if !text.contains("#{{") {
        return;
    }
    let mut scalars = Vec::new();
    spans(node, &mut scalars);
    for (number, line) in text.lines().enumerate() {
        let Some(found) = line.find(" #{{").map(|found| found + 1) else {
            continue;
        };
        let at = lines.at(number + 1, line[..found].chars().count() + 1);
        let inside = scalars
            .iter()
            .any(|&(start, end)| (start..end).contains(&at.start));
        if inside || line.trim_start().starts_with('#') {
            continue;
        }
        diagnostics.push(
            Diagnostic::error(
                Code::UnquotedTemplate,
                Span { len: 3, ..at },
                "YAML reads `#{{ …` as a comment, so this text is cut off",
            )
            .help("put quotes around the whole value: \"#{{ … }}\""),
        );
    }
}

/// Collects the start and end of every text of a document.
fn spans(node: &Node, found: &mut Vec<(u32, u32)>) {
    match &node.value {
        Yaml::Text(_) => found.push((node.at.start, node.at.start + node.at.len)),
        Yaml::List(items) => items.iter().for_each(|item| spans(item, found)),
        Yaml::Map(entries) => entries.iter().for_each(|entry| spans(&entry.value, found)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

pub fn syntax_error(error: &serde_yaml::Error, lines: &LineIndex<'_>) -> Diagnostic {
    let at = error.location().map_or_else(
        || Span {
            file: lines.file,
            line: lines.chunk.line + 1,
            column: 1,
            start: lines.chunk.start,
            len: 0,
        },
        |location| lines.error_span(location),
    );
    let message = error.without_snippet().to_string();
    if let Some(limit) = limit_error(&message, at) {
        return limit;
    }
    if let Some(error) = json_error(lines) {
        return error;
    }
    if let Some(template) = unquoted_near(lines, at) {
        return unquoted_template(template);
    }
    let message = message.split(" at line ").next().unwrap_or(&message);
    let first = message.lines().next().unwrap_or(message).trim();
    Diagnostic::error(Code::Syntax, at, format!("not valid YAML: {first}"))
        .maybe_help(syntax_help(first, lines, at))
}

/// Returns the JSON error of a text that was meant as JSON: it begins with an object with a quoted key.
fn json_error(lines: &LineIndex<'_>) -> Option<Diagnostic> {
    let text = lines.chunk.text;
    let inside = text.trim_start().strip_prefix('{')?;
    if !inside.trim_start().starts_with('"') {
        return None;
    }
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let (line, column) = (error.line().max(1), error.column().max(1));
    let at = lines.at(line, column);
    let message = json_error::reason(&error);
    let help = match message.as_str() {
        "expected `,` or `}`" | "expected `,` or `]`" => {
            "put a comma after the previous value, or close the open bracket"
        }
        "trailing comma" => "remove the comma before this bracket",
        _ => "check commas, quotes and brackets on this line and the one above",
    };
    let diagnostic = Diagnostic::error(Code::Syntax, at, format!("not valid JSON: {message}"));
    Some(diagnostic.help(help))
}

fn limit_error(message: &str, at: Span) -> Option<Diagnostic> {
    let text = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (message, help) = if says(&["depth", "recursion"]) {
        let help = "use fewer levels: a list means any of, `none` negates several";
        ("this document is nested deeper than 48 levels", help)
    } else if says(&["budget", "alias"]) {
        let help = "write the values out; a few aliases are fine, aliases of aliases multiply";
        ("this document exceeds the limit on size or aliases", help)
    } else {
        return None;
    };
    Some(Diagnostic::error(Code::Syntax, at, message).help(help))
}

/// Returns the unquoted template that caused the error, on this line or the one above:
/// `url: {{ vars.base }}/path`.
fn unquoted_near(lines: &LineIndex<'_>, at: Span) -> Option<Span> {
    let index = at.line.saturating_sub(lines.chunk.line + 1) as usize;
    let near = lines
        .chunk
        .text
        .lines()
        .enumerate()
        .skip(index.saturating_sub(1))
        .take(2);
    let mut found = near.filter_map(|(number, line)| {
        let before = [": {{", "- {{"].iter().find_map(|start| line.find(start))? + 2;
        let at = lines.at(number + 1, line[..before].chars().count() + 1);
        Some(Span { len: 2, ..at })
    });
    found.next()
}

/// Whether a key is indented deeper than the `key: value` above it, which already has a value.
fn is_deeper_key(line: &str, above: Option<&str>) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let one_colon = line.matches(": ").count() + usize::from(line.trim_end().ends_with(':')) == 1;
    one_colon && above.is_some_and(|above| above.contains(": ") && indent(line) > indent(above))
}

fn syntax_help(message: &str, lines: &LineIndex<'_>, at: Span) -> Option<String> {
    let index = at.line.saturating_sub(lines.chunk.line + 1) as usize;
    let line = lines.chunk.text.lines().nth(index).unwrap_or_default();
    if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
        return Some("indent with spaces; YAML allows no tabs there".into());
    }
    if message.to_lowercase().contains("mapping values") {
        if is_deeper_key(line, lines.chunk.text.lines().nth(index.wrapping_sub(1))) {
            let help =
                "indent this key like the one above; a key with a value cannot hold keys as well";
            return Some(help.into());
        }
        return Some("put quotes around a text that contains `: `".into());
    }
    Some("check indentation, quotes and brackets on this line and the one above".into())
}
