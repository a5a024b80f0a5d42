//! Templates: texts with `{{ … }}`, compiled at load and rendered when a step starts.
//! Mistakes are reported at load. A template and its result never contain the value of a secret.

pub(crate) mod attribute_chain;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod dollar_braces;
pub(crate) mod engine;
pub(crate) mod exact_number;
pub mod filter;
pub mod json;
pub(crate) mod location;
pub(crate) mod placeholder;
pub(crate) mod read_set;
pub(crate) mod render_error;
pub(crate) mod scan;
pub(crate) mod secret;
pub(crate) mod size_bound;
pub(crate) mod syntax_help;
#[cfg(test)]
mod tests;
pub(crate) mod url;

use std::fmt;
use std::sync::Arc;

use minijinja::machinery::parse;
use minijinja::{Environment, Error};

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Node, Yaml};
use crate::language::rendered_text::RenderedText;
use crate::language::resolver::NameResolver;
use crate::language::template::cache::Form;
use crate::language::template::check::TemplateReads;
use crate::language::template::engine::{LimitedWriter, environment, syntax};
use crate::language::template::location::TextLocation;
use crate::language::template::placeholder::PlaceholderText;
use crate::language::template::scan::{Segment, scan};
use crate::lookalike;
use crate::path::scope::Scope;

pub use crate::language::template::cache::TemplateCache;
pub use crate::language::template::engine::RESERVED;
pub use crate::language::template::json::JsonTemplate;
pub use crate::language::template::read_set::ReadSet;
pub use crate::language::template::render_error::RenderError;

/// How values are escaped when they are inserted in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escape {
    None,
    /// The text is a URL: values are percent-encoded and can never form the host.
    Url,
}

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    escape: Escape,
    body: TemplateBody,
}

enum TemplateBody {
    /// A text without placeholders, used unchanged.
    Literal,
    /// A text that the engine parses at each rendering, since a parsed template takes much more memory.
    Rendered(Arc<ReadSet>),
    /// A text of a bundle: literal parts and paths into its document.
    Filled(PlaceholderText),
}

/// The name of every template in the engine.
const NAME: &str = "text";

impl Template {
    /// Creates a template from a text that is used unchanged.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(Arc::new(Compiled {
            source: text.into().into_boxed_str(),
            escape: Escape::None,
            body: TemplateBody::Literal,
        }))
    }

    /// Lowers a text, number or boolean of a rule. `key` names it in messages.
    pub fn lower(
        node: &Node,
        key: &str,
        escape: Escape,
        names: &mut NameResolver<'_>,
    ) -> Option<Self> {
        require_scalar(node, key, names.diagnostics)?;
        TemplateSource::new(node, escape, names)?.compile(names)
    }

    /// Lowers the rest of a URL that starts with `prefix`, the base address of a connection.
    pub fn lower_behind(
        prefix: &str,
        node: &Node,
        key: &str,
        names: &mut NameResolver<'_>,
    ) -> Option<Self> {
        require_scalar(node, key, names.diagnostics)?;
        TemplateSource::url_with_prefix(prefix, node, names)?.compile(names)
    }

    /// Returns the span of a range of the node's text; of the whole value if the position is uncertain.
    pub fn span_of(node: &Node, range: &std::ops::Range<usize>) -> Span {
        location_of(node).span(range)
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the text if it has no placeholders.
    pub fn constant(&self) -> Option<&str> {
        match &self.0.body {
            TemplateBody::Literal => Some(&self.0.source),
            TemplateBody::Rendered(_) | TemplateBody::Filled(_) => None,
        }
    }

    /// Returns whether a text is exactly one `{{ … }}`.
    pub fn is_one_value(text: &str) -> bool {
        let text = text.trim();
        matches!(scan(text).as_deref(), Ok([Segment::Expression { whole, .. }]) if whole.len() == text.len())
    }

    /// Returns the literal text before the first placeholder.
    pub fn beginning(&self) -> &str {
        scan::literal_prefix(&self.0.source)
    }

    /// Returns the names of the secrets that it contains.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        match &self.0.body {
            TemplateBody::Literal => Vec::new().into_iter(),
            TemplateBody::Filled(parts) => parts.secrets().into_iter(),
            TemplateBody::Rendered(reads) => reads.secrets().collect::<Vec<_>>().into_iter(),
        }
    }

    /// Renders the template with the values in `scope`.
    pub fn render(&self, scope: &Scope<'_>) -> Result<RenderedText, RenderError> {
        let reads = match &self.0.body {
            TemplateBody::Literal => return Ok(RenderedText::plain(&*self.0.source)),
            TemplateBody::Rendered(reads) => reads,
            TemplateBody::Filled(parts) => return parts.render(self.0.escape, scope),
        };
        RenderError::check_steps(reads, scope)?;
        let mut output = LimitedWriter::default();
        let environment: &Environment<'_> = environment(self.0.escape);
        let template = environment.template_from_named_str(NAME, &self.0.source);
        let rendered = template.and_then(|template| {
            template
                .render_captured_to(reads.context(scope), &mut output)
                .map(|_| ())
        });
        if output.is_full() {
            return Err(RenderError::TooMuch {
                why: "it makes more than 256 KiB of text".into(),
            });
        }
        rendered.map_err(|error| RenderError::new(&error, &self.0.source))?;
        let text = secret::split(&output.into_text());
        match self.0.escape {
            Escape::None => Ok(text),
            Escape::Url => url::check_rendered(text),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.0.source).finish()
    }
}

fn require_scalar(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<()> {
    match node.value {
        Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => Some(()),
        Yaml::Null | Yaml::List(_) | Yaml::Map(_) => diagnostics.reject_type(node, key, "text"),
    }
}

/// A text that is being compiled.
pub struct TemplateSource<'a> {
    text: String,
    segments: Vec<Segment>,
    escape: Escape,
    location: TextLocation<'a>,
}

impl<'a> TemplateSource<'a> {
    fn new(node: &'a Node, escape: Escape, names: &mut NameResolver<'_>) -> Option<Self> {
        match escape {
            Escape::None => {
                let location = location_of(node);
                Self::scan(scalar_text(node), escape, location, names.diagnostics)
            }
            Escape::Url => Self::url_with_prefix("", node, names),
        }
    }

    fn url_with_prefix(prefix: &str, node: &'a Node, names: &mut NameResolver<'_>) -> Option<Self> {
        let location = location_of(node);
        let text = scalar_text(node);
        let expanded = url::insert_variables(&text, &location, names)?;
        let location = match expanded.changed || !text.starts_with(&expanded.text) {
            true => location.whole_value(),
            false => location.with_prefix(prefix.len()),
        };
        let text = format!("{prefix}{}", expanded.text);
        let source = Self::scan(text, Escape::Url, location, names.diagnostics)?;
        url::check_host(&source.text, &source.location, names.diagnostics).then_some(source)
    }

    fn scan(
        text: String,
        escape: Escape,
        location: TextLocation<'a>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let text = secret::without_marks(text);
        match scan(&text) {
            Ok(segments) => Some(Self {
                text,
                segments,
                escape,
                location,
            }),
            Err(error) => {
                let at = location.span(&error.at);
                diagnostics.reject(Code::BadTemplate, at, error.message, error.help)
            }
        }
    }

    /// Returns what the text reads; `None` after reporting errors.
    fn check(&self, names: &mut NameResolver<'_>) -> Option<TemplateReads> {
        let template = parse(&self.text, NAME, syntax())
            .map_err(|error| self.syntax_error(&error, names.diagnostics))
            .ok()?;
        check::check(&template, &self.location, self.escape, names)
    }

    fn syntax_error(&self, error: &Error, diagnostics: &mut Diagnostics) {
        let range = error.range().unwrap_or(0..self.text.len());
        let at = self.location.span(&range);
        let why = error.detail().unwrap_or("it cannot be read");
        let message = format!("not a template: {}", syntax_help::reason(why));
        let letter = lookalike::in_mixed_text(&self.text);
        let help = syntax_help::find(&self.text, &range, why)
            .or(letter)
            .unwrap_or_else(|| {
                "values are written `{{ ticket.id }}`, filters follow them: `{{ current | upper }}`"
                    .into()
            });
        diagnostics.error(Code::BadTemplate, at, message, &help);
    }

    fn compile(self, names: &mut NameResolver<'_>) -> Option<Template> {
        let form = Form::Text(self.escape);
        let compiled = cache::lower_cached(&self, form, names, |source, names| {
            let template = source.compile_uncached(names)?;
            Some(JsonTemplate::Text(template))
        })?;
        match compiled {
            JsonTemplate::Text(template) => Some(template),
            _ => None,
        }
    }

    fn compile_uncached(&self, names: &mut NameResolver<'_>) -> Option<Template> {
        if !dollar_braces::check(&self.text, &self.location, names) {
            return None;
        }
        let literal = self.segments.iter().all(|segment| *segment == Segment::Raw);
        let body = match literal {
            true => TemplateBody::Literal,
            false => {
                let reading = self.check(names)?;
                self.check_compiles(names.diagnostics)?;
                TemplateBody::Rendered(names.interner.reads.share(reading.reads))
            }
        };
        Some(Template(Arc::new(Compiled {
            source: self.text.as_str().into(),
            escape: self.escape,
            body,
        })))
    }

    fn check_compiles(&self, diagnostics: &mut Diagnostics) -> Option<()> {
        let environment: &Environment<'_> = environment(self.escape);
        environment
            .template_from_named_str(NAME, &self.text)
            .map(|_| ())
            .map_err(|error| self.syntax_error(&error, diagnostics))
            .ok()
    }
}

fn location_of(node: &Node) -> TextLocation<'_> {
    TextLocation::new(node, node.as_text().unwrap_or_default())
}

fn scalar_text(node: &Node) -> String {
    match &node.value {
        Yaml::Text(text) => text.clone(),
        Yaml::Bool(_) | Yaml::Number(_) => node.to_json().to_string(),
        Yaml::Null | Yaml::List(_) | Yaml::Map(_) => String::new(),
    }
}
