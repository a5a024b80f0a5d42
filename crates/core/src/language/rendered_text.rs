//! The result of rendering a template: text and JSON in which secrets are still names.
//! Holds no secret's value; only `action` replaces a name by its value.

use std::fmt;

use serde_json::Value;

/// Text in pieces. `Display` is the redacted form: `Bearer [secret API_TOKEN]`.
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

/// How a secret's value is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretEncoding {
    Plain,
    Percent,
    Base64,
}

impl RenderedText {
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![TextPart::Text(text.into())])
    }

    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            TextPart::Text(_) => None,
            TextPart::Secret { name, .. } => Some(name.as_str()),
        })
    }
}

impl fmt::Display for RenderedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                TextPart::Text(text) => f.write_str(text)?,
                TextPart::Secret { name, .. } => write!(f, "[secret {name}]")?,
            }
        }
        Ok(())
    }
}

/// A JSON tree whose texts may hold secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum RenderedJson {
    /// A leaf that holds no secret.
    Value(Value),
    Text(RenderedText),
    List(Vec<RenderedJson>),
    Map(Vec<(String, RenderedJson)>),
}

impl RenderedJson {
    /// The tree as JSON, with secrets redacted.
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
