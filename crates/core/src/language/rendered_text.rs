//! The result of rendering a template: text and JSON in which secrets are still names.
//! It never contains the value of a secret; the actions replace a name with its value when they run.

use std::fmt;

use serde_json::Value;

/// Text in parts. `Display` prints the redacted form: `Bearer [secret API_TOKEN]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderedText(pub Vec<TextPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPart {
    Text(String),
    Secret {
        name: String,
        encoding: SecretEncoding,
    },
}

/// How the value of a secret is encoded in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretEncoding {
    Plain,
    /// Unchanged, in the path of a URL: the value must be a valid part of a path.
    Path,
    Percent,
    Base64,
}

impl RenderedText {
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![TextPart::Text(text.into())])
    }

    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            TextPart::Text(_) => None,
            TextPart::Secret { name, .. } => Some(name.as_str()),
        })
    }
}

impl fmt::Display for RenderedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                TextPart::Text(text) => f.write_str(text)?,
                TextPart::Secret { name, .. } => write!(f, "[secret {name}]")?,
            }
        }
        Ok(())
    }
}

/// A JSON tree whose texts may contain secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum RenderedJson {
    /// A leaf without secrets.
    Value(Value),
    Text(RenderedText),
    List(Vec<RenderedJson>),
    Map(Vec<(String, RenderedJson)>),
}

impl RenderedJson {
    /// Returns the tree as JSON, with secrets redacted.
    pub fn redacted(&self) -> Value {
        match self {
            RenderedJson::Value(value) => value.clone(),
            RenderedJson::Text(text) => Value::String(text.to_string()),
            RenderedJson::List(items) => items.iter().map(RenderedJson::redacted).collect(),
            RenderedJson::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.redacted()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
