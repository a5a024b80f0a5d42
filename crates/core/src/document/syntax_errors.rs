//! Diagnostics for YAML errors: invalid syntax, limits, aliases, and misread templates.
//! The help depends on the text near the error.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Span};
use crate::document::reader::ReadError;
use crate::document::syntax_messages::message;
use crate::document::{LineIndex, Node, Yaml, json_error};
use granit_parser::{ErrorKind, ScanError};

pub fn unquoted_template(at: Span) -> Diagnostic {
    Diagnostic::error(
        Code::UnquotedTemplate,
        at,
        "YAML reads an unquoted `{{ … }}` as a mapping",
    )
    .help("put quotes around the whole value: \"{{ … }}\"")
}

/// Whether the text of a mapping starts with `{{`, spaces after its own bracket aside.
pub fn is_template(at: Span, lines: &LineIndex<'_>) -> bool {
    let start = (at.start - lines.chunk.start) as usize;
    let text = lines.chunk.text.get(start..).unwrap_or_default();
    let within = text.strip_prefix('{').unwrap_or_default().trim_start();
    text.starts_with("{{") || within.starts_with("{{")
}

pub fn nameless_key(at: Span) -> Diagnostic {
    let message = "a key that is a list or a mapping";
    let help = "write a text as the key; put quotes around a text that contains brackets";
    Diagnostic::error(Code::Syntax, at, message).help(help)
}

pub fn duplicate(key: &str, at: Span, first: u32) -> Diagnostic {
    let message = format!("duplicate key `{key}`");
    let help = format!("first defined on line {first}; remove one of them");
    Diagnostic::error(Code::DuplicateKey, at, message).help(help)
}

/// The help for a `*` that was meant as text.
pub fn unknown_alias(name: &str, at: Span, lines: &LineIndex<'_>) -> Diagnostic {
    let text = lines.chunk.text;
    let start = (at.start - lines.chunk.start) as usize;
    let value = text.get(start..).unwrap_or_default();
    let value = value.lines().next().unwrap_or_default();
    let value = value.split(" #").next().unwrap_or_default();
    let value = value.trim_end_matches([' ', ',', '}', ']']);
    let message = format!("unknown anchor `{name}`: YAML reads `*` as a reference to an anchor");
    let help = format!("put quotes around the whole value: \"{value}\"");
    Diagnostic::error(Code::Syntax, at, message).help(help)
}

pub fn too_deep(at: Span) -> Diagnostic {
    let message = "this document is nested deeper than 48 levels";
    let help = "use fewer levels: a list means any of, `none` negates several";
    Diagnostic::error(Code::Syntax, at, message).help(help)
}

pub fn too_large(at: Span) -> Diagnostic {
    let message = "this document exceeds the limit on size or aliases";
    let help = "write the values out; a few aliases are fine, aliases of aliases multiply";
    Diagnostic::error(Code::Syntax, at, message).help(help)
}

/// Reports texts such as `text: #{{ ticket.id }}`, which YAML reads as null and a comment.
pub fn templates_in_comments(node: &Node, lines: &LineIndex<'_>, diagnostics: &mut Diagnostics) {
    if !lines.chunk.text.contains("#{{") {
        return;
    }
    let mut scalars = Vec::new();
    spans(node, &mut scalars);
    for at in comment_templates(lines) {
        let inside = |&(start, end): &(u32, u32)| (start..end).contains(&at.start);
        if !scalars.iter().any(inside) {
            diagnostics.push(template_in_comment(at));
        }
    }
}

/// Returns where ` #{{` stands in lines that are not only a comment.
fn comment_templates(lines: &LineIndex<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    for (number, line) in lines.chunk.text.lines().enumerate() {
        let Some(start) = line.find(" #{{").map(|start| start + 1) else {
            continue;
        };
        if !line.trim_start().starts_with('#') {
            let at = lines.at(number + 1, line[..start].chars().count() + 1);
            found.push(Span { len: 3, ..at });
        }
    }
    found
}

fn template_in_comment(at: Span) -> Diagnostic {
    let message = "YAML reads `#{{ …` as a comment, so this text is cut off";
    let help = "put quotes around the whole value: \"#{{ … }}\"";
    Diagnostic::error(Code::UnquotedTemplate, at, message).help(help)
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

/// Adds the error after which a document could not be read.
pub fn add_error(error: ReadError, lines: &LineIndex<'_>, found: &mut Vec<Diagnostic>) {
    let error = match error {
        ReadError::Scan(error) => error,
        ReadError::Limit(limit) => return found.push(limit),
    };
    let at = lines.at(error.marker().line().max(1), error.marker().col() + 1);
    // An unquoted `{{ … }}` or `*word` on this line was reported: the rest of the line causes this error.
    let is_cause = |d: &Diagnostic| d.severity == Severity::Error && d.at.line + 1 >= at.line;
    if found
        .iter()
        .any(|d| is_cause(d) && d.code != Code::DuplicateKey)
    {
        return;
    }
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => found.push(too_deep(at)),
        _ => found.extend(syntax_errors(&error, at, lines)),
    }
}

fn syntax_errors(error: &ScanError, at: Span, lines: &LineIndex<'_>) -> Vec<Diagnostic> {
    // In brackets, the comment hides the closing bracket, which is reported on a later line.
    let cut: Vec<Diagnostic> = comment_templates(lines)
        .into_iter()
        .filter(|cut| cut.line <= at.line && !is_quoted(lines, *cut))
        .map(template_in_comment)
        .collect();
    if !cut.is_empty() {
        return cut;
    }
    if let Some(error) = json_error(lines) {
        return vec![error];
    }
    if let Some(template) = unquoted_near(lines, at) {
        return vec![unquoted_template(template)];
    }
    let index = at.line.saturating_sub(lines.chunk.line + 1) as usize;
    let mut text = lines.chunk.text.lines().skip(index.saturating_sub(1));
    let (above, line) = match index {
        0 => (None, text.next()),
        _ => (text.next(), text.next()),
    };
    let (message, help) = message(error.kind(), line.unwrap_or_default(), above);
    let error = Diagnostic::error(Code::Syntax, at, format!("not valid YAML: {message}"));
    vec![error.help(help)]
}

/// Whether a position is within quotes, by the quotes before it on its line.
fn is_quoted(lines: &LineIndex<'_>, at: Span) -> bool {
    let start = (at.start - lines.chunk.start) as usize;
    let before = &lines.chunk.text[..start];
    let line = before.rsplit('\n').next().unwrap_or_default();
    let mut open = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (open, c) {
            (None, '"' | '\'') => open = Some(c),
            (Some('"'), '\\') => drop(chars.next()),
            (Some(quote), c) if c == quote => open = None,
            (_, _) => {}
        }
    }
    open.is_some()
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
