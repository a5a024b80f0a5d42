//! The address of a request: written in the rule, or one value of the event or of a step's result.
//! A value must have the origin of the request's connection; otherwise the request is not sent.

use crate::language::rendered_text::RenderedText;
use crate::language::template::url::check_origin;
use crate::language::template::{RenderError, Template};
use crate::path::Path;
use crate::path::scope::Scope;

/// How the address of a request is formed.
#[derive(Debug, Clone)]
pub enum UrlTemplate {
    /// The rule's text. Values in it are escaped and never form the host.
    Written(Template),
    /// One value is the whole address.
    Value {
        address: Template,
        /// The base URL of the connection, whose origin the address must have.
        base: Box<str>,
    },
}

/// The longest part of a rejected address in a message.
const MAX_SHOWN_CHARS: usize = 200;

impl UrlTemplate {
    /// Returns the text of the address; the base URL if the address is a value.
    pub fn source(&self) -> &str {
        match self {
            UrlTemplate::Written(text) => text.source(),
            UrlTemplate::Value { base, .. } => base,
        }
    }

    /// Returns the literal text before the first placeholder. It contains the host.
    pub fn beginning(&self) -> &str {
        match self {
            UrlTemplate::Written(text) => text.beginning(),
            UrlTemplate::Value { base, .. } => base,
        }
    }

    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let template = match self {
            UrlTemplate::Written(text) => text,
            UrlTemplate::Value { address, .. } => address,
        };
        template.secrets()
    }

    /// Replaces the placeholders for which `find` has another text.
    pub fn with_parts(&self, find: &dyn Fn(&Path) -> Option<Template>) -> Self {
        match self {
            UrlTemplate::Written(text) => UrlTemplate::Written(text.with_parts(find)),
            UrlTemplate::Value { address, base } => UrlTemplate::Value {
                address: address.with_parts(find),
                base: base.clone(),
            },
        }
    }

    pub fn render(&self, scope: &Scope<'_>) -> Result<RenderedText, RenderError> {
        let (address, base) = match self {
            UrlTemplate::Written(text) => return text.render(scope),
            UrlTemplate::Value { address, base } => (address, base),
        };
        let rendered = address.render(scope)?;
        let text = rendered.to_string();
        match check_origin(&text, base) {
            Ok(()) => Ok(rendered),
            Err(why) => Err(RenderError::ForeignAddress {
                address: text.chars().take(MAX_SHOWN_CHARS).collect(),
                why,
                base: base.to_string(),
            }),
        }
    }
}
