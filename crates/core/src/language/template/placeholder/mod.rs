//! Templates of bundles: `{{$.path}}` inserts the value at this path of the flow's document.
//! Reports function calls, which ZIS does not have, and braces that look like a placeholder but are not.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use percent_encoding::utf8_percent_encode;
use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report};
use crate::document::{Entry, Node};
use crate::language::rendered_text::{RenderedText, SecretEncoding, TextPart};
use crate::language::resolver::NameResolver;
use crate::language::template::engine::{MAX_OUTPUT_BYTES, RESERVED};
use crate::language::template::json::JsonTemplate;
use crate::language::template::location::TextLocation;
use crate::language::template::secret::{EMPTY, without_marks};
use crate::language::template::{Compiled, Escape, RenderError, Template, TemplateBody, url};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

/// A text as a list of literal parts and paths.
#[derive(Debug)]
pub struct PlaceholderText(Box<[PlaceholderPart]>);

#[derive(Debug, Clone)]
enum PlaceholderPart {
    Text(Box<str>),
    Path(Arc<Path>),
    /// A text that is not in the document, such as an access token.
    Inserted(Template),
}

/// One `{{$.path}}` of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// The range with the braces.
    pub whole: Range<usize>,
    pub path: Range<usize>,
}

/// Returns the placeholders of a text in order. Braces without a path are text.
pub fn placeholders(text: &str) -> Vec<Placeholder> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|at| from + at) {
        let inner = &text[open + 2..];
        let Some(close) = inner.find("}}") else {
            break;
        };
        let lead = inner.len() - inner.trim_start().len();
        from = open + 2;
        if inner[lead..].starts_with('$') && lead < close {
            let path = inner[..close].trim();
            let start = open + 2 + lead;
            found.push(Placeholder {
                whole: open..open + 2 + close + 2,
                path: start..start + path.len(),
            });
            from = open + 2 + close + 2;
        }
    }
    found
}

impl Template {
    /// Lowers a text that reads a bundle's document, with a literal `prefix` before it. `text` is the
    /// node's text or a part of it.
    pub fn in_document(
        prefix: &str,
        text: &str,
        node: &Node,
        escape: Escape,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let written = node.as_text().unwrap_or_default();
        let location = TextLocation::new(node, written);
        let location = match written == text {
            true => location,
            false => location.whole_value(),
        };
        let mut parts = vec![literal(prefix)];
        let mut from = 0;
        let mut valid = check_braces(text, &location, diagnostics);
        for found in placeholders(text) {
            parts.push(literal(&text[from..found.whole.start]));
            match path(
                &text[found.path.clone()],
                &found.path,
                &location,
                diagnostics,
            ) {
                Some(path) => parts.push(PlaceholderPart::Path(Arc::new(path))),
                None => valid = false,
            }
            from = found.whole.end;
        }
        parts.push(literal(&text[from..]));
        let source = without_marks(format!("{prefix}{text}"));
        if escape == Escape::Url {
            let location = location.with_prefix(prefix.len());
            valid &= url::check_host(&source, &location, diagnostics);
        }
        valid.then(|| Self::from_parts(source, escape, parts))
    }

    fn from_parts(source: String, escape: Escape, mut parts: Vec<PlaceholderPart>) -> Self {
        parts.retain(|part| !matches!(part, PlaceholderPart::Text(text) if text.is_empty()));
        let fixed = parts
            .iter()
            .all(|part| matches!(part, PlaceholderPart::Text(_)));
        let body = match fixed {
            true => TemplateBody::Literal,
            false => TemplateBody::Filled(PlaceholderText(parts.into_boxed_slice())),
        };
        Self(Arc::new(Compiled {
            source: source.into_boxed_str(),
            escape,
            body,
        }))
    }
}

impl Template {
    /// Replaces the placeholders for which `find` has another text.
    pub fn with_parts(&self, find: &dyn Fn(&Path) -> Option<Template>) -> Self {
        let TemplateBody::Filled(PlaceholderText(parts)) = &self.0.body else {
            return self.clone();
        };
        let parts = parts.iter().map(|part| match part {
            PlaceholderPart::Path(path) => match find(path) {
                Some(template) => PlaceholderPart::Inserted(template),
                None => part.clone(),
            },
            PlaceholderPart::Text(_) | PlaceholderPart::Inserted(_) => part.clone(),
        });
        Self::from_parts(self.0.source.to_string(), self.0.escape, parts.collect())
    }
}

impl PlaceholderText {
    /// Returns the names of the secrets in inserted texts.
    pub fn secrets(&self) -> Vec<&str> {
        let inserted = self.0.iter().filter_map(|part| match part {
            PlaceholderPart::Inserted(template) => Some(template.secrets().collect::<Vec<_>>()),
            PlaceholderPart::Text(_) | PlaceholderPart::Path(_) => None,
        });
        inserted.flatten().collect()
    }

    pub fn render(&self, escape: Escape, scope: &Scope<'_>) -> Result<RenderedText, RenderError> {
        let (mut done, mut output) = (Vec::new(), String::new());
        for part in &self.0 {
            match part {
                PlaceholderPart::Text(text) => output.push_str(text),
                PlaceholderPart::Path(path) => write(&value(path, scope)?, escape, &mut output),
                PlaceholderPart::Inserted(template) => {
                    for part in template.render(scope)?.0 {
                        match part {
                            TextPart::Text(text) => write(&text.into(), escape, &mut output),
                            TextPart::Secret { name, encoding } => {
                                done.push(TextPart::Text(std::mem::take(&mut output)));
                                let encoding = encoded(encoding, escape);
                                done.push(TextPart::Secret { name, encoding });
                            }
                        }
                    }
                }
            }
            if output.len() > MAX_OUTPUT_BYTES {
                return Err(RenderError::TooMuch {
                    why: "it makes more than 256 KiB of text".into(),
                });
            }
        }
        done.push(TextPart::Text(output));
        done.retain(|part| !matches!(part, TextPart::Text(text) if text.is_empty()));
        let text = match done.is_empty() {
            true => RenderedText::plain(""),
            false => RenderedText(done),
        };
        match escape {
            Escape::None => Ok(text),
            Escape::Url => url::check_rendered(text),
        }
    }
}

/// The encoding of a secret in a text with this escape.
fn encoded(encoding: SecretEncoding, escape: Escape) -> SecretEncoding {
    match (encoding, escape) {
        (SecretEncoding::Plain, Escape::Url) => SecretEncoding::Percent,
        (encoding, Escape::Url | Escape::None) => encoding,
    }
}

fn literal(text: &str) -> PlaceholderPart {
    PlaceholderPart::Text(without_marks(text.to_owned()).into_boxed_str())
}

/// Writes a text unchanged, null as nothing, any other value as JSON.
fn write(value: &Json, escape: Escape, output: &mut String) {
    let written = match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    match escape {
        Escape::None => output.push_str(&written),
        Escape::Url if written.is_empty() => output.push(EMPTY),
        Escape::Url => output.extend(utf8_percent_encode(&written, RESERVED)),
    }
}

/// Returns the value at a path; an error if there is none.
pub fn value(path: &Path, scope: &Scope<'_>) -> Result<Json, RenderError> {
    match path.resolve(scope) {
        Resolved::Absent => Err(RenderError::Absent {
            name: path.text.clone(),
        }),
        found => Ok(found
            .to_json()
            .expect("a resolved path has a value")
            .into_owned()),
    }
}

/// Parses a path into the document; `None` after reporting an error.
fn path(
    text: &str,
    at: &Range<usize>,
    location: &TextLocation<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Path> {
    match Path::in_document(text) {
        Ok(path) => Some(path),
        Err(error) => {
            let diagnostic = Diagnostic::error(Code::BadPath, location.span(at), error.message);
            diagnostics.push(diagnostic.maybe_help(error.help));
            None
        }
    }
}

/// Warns about `{{ticket.id}}`, which would be sent unchanged, and reports an unclosed `{{$.x`.
fn check_braces(text: &str, location: &TextLocation<'_>, diagnostics: &mut Diagnostics) -> bool {
    let known = placeholders(text);
    for (open, _) in text.match_indices("{{") {
        if known.iter().any(|found| found.whole.contains(&open)) {
            continue;
        }
        let rest = text[open + 2..].trim_start();
        let at = location.span(&(open..open + 2));
        if rest.starts_with('$') {
            let help = "close it with `}}`";
            diagnostics.error(
                Code::BadTemplate,
                at,
                "this placeholder is not closed",
                help,
            );
            return false;
        }
        let word: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || "._".contains(*c))
            .collect();
        let closed = rest[word.len()..].trim_start().starts_with("}}");
        if closed && !word.is_empty() {
            let message = format!("`{{{{{word}}}}}` is not a placeholder and is sent unchanged");
            let help = format!("placeholders name a path: `{{{{$.{word}}}}}`");
            diagnostics.warning(Code::BadTemplate, at, message, help);
        }
    }
    true
}

impl JsonTemplate {
    /// Lowers a value of a bundle. The value of a key that ends in `.$` is a path or a text with
    /// placeholders; other texts may have placeholders too. A placeholder that is the whole text keeps the
    /// type of its value.
    pub fn in_document(node: &Node, names: &mut NameResolver<'_>) -> Option<Self> {
        let text = |node: &Node, names: &mut NameResolver<'_>| {
            text_in_document(node.as_text()?, node, names.diagnostics)
        };
        Self::lower_with(node, names, text, entry_in_document)
    }

    /// Lowers the value of a key that ends in `.$`.
    pub fn reference(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Some(text) = node.as_text() else {
            let message = format!("`{key}` takes a path, found {}", node.kind());
            let help = "a key that ends in `.$` names a path: `\"id.$\": \"$.input.ticket_event.ticket.id\"`; without `.$` the value is used unchanged";
            return diagnostics.reject(Code::WrongType, node.at, message, help);
        };
        if let Some(name) = intrinsic(text) {
            let message = format!("ZIS has no functions, such as `{name}`");
            let help = "make the value with a jq transform before: `zis:common:transform:Jq`";
            return diagnostics.reject(Code::BadPath, node.at, message, help);
        }
        if text.starts_with('$') {
            let location = TextLocation::new(node, text);
            let path = path(text.trim(), &(0..text.len()), &location, diagnostics)?;
            return Some(Self::Field(Arc::new(path)));
        }
        if placeholders(text).is_empty() {
            let plain = key.trim_end_matches(".$");
            let message = format!("`{key}` contains no path, so \"{text}\" is sent unchanged");
            let help = format!("write a path that begins with `$`, or name the key `{plain}`");
            diagnostics.warning(Code::BadPath, node.at, message, help);
        }
        text_in_document(text, node, diagnostics)
    }
}

/// Returns the name of the intrinsic function of the Amazon States Language that a text calls.
pub fn intrinsic(text: &str) -> Option<&str> {
    let name = text.strip_prefix("States.")?;
    let end = name.find('(')?;
    text.get(.."States.".len() + end)
}

fn entry_in_document(
    entry: &Entry,
    names: &mut NameResolver<'_>,
) -> Option<(Arc<str>, JsonTemplate)> {
    match entry.key.strip_suffix(".$") {
        Some(key) => {
            let value = JsonTemplate::reference(&entry.value, &entry.key, names.diagnostics)?;
            Some((names.interner.words.share(key), value))
        }
        None => {
            warn_about_literal_path(&entry.key, &entry.value, names.diagnostics);
            let value = JsonTemplate::in_document(&entry.value, names)?;
            Some((names.interner.words.share(entry.key.as_str()), value))
        }
    }
}

/// Warns about `"id": "$.ticket.id"`, which sends the path as text.
pub fn warn_about_literal_path(key: &str, node: &Node, diagnostics: &mut Diagnostics) {
    let is_path = |text: &&str| *text == "$" || text.starts_with("$.") || text.starts_with("$[");
    let Some(text) = node.as_text().filter(is_path) else {
        return;
    };
    let message = format!("\"{text}\" is sent as literal text");
    let help = format!("to send the value at this path, name the key `{key}.$`");
    diagnostics.warning(Code::BadPath, node.at, message, help);
}

fn text_in_document(
    text: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<JsonTemplate> {
    let location = TextLocation::new(node, text);
    if let [only] = placeholders(text).as_slice()
        && only.whole == (0..text.len())
    {
        let path = path(&text[only.path.clone()], &only.path, &location, diagnostics)?;
        return Some(JsonTemplate::Field(Arc::new(path)));
    }
    Template::in_document("", text, node, Escape::None, diagnostics).map(JsonTemplate::Text)
}
