//! The result of rendering a template: text and JSON in which secrets are still names.
//! Holds no secret's value; only `action` replaces a name by its value.

use std::fmt;

use serde_json::Value;

/// Text in pieces. `Display` is the redacted form: `Bearer [secret API_TOKEN]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Secret { name: String, encoding: Encoding },
}

/// How a secret's value is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Plain,
    Percent,
    Base64,
}

impl Text {
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Secret { name, .. } => Some(name.as_str()),
        })
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Secret { name, .. } => write!(f, "[secret {name}]")?,
            }
        }
        Ok(())
    }
}

/// A JSON tree whose texts may hold secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// A leaf that holds no secret.
    Value(Value),
    Text(Text),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// The tree as JSON, with secrets redacted.
    pub fn redacted(&self) -> Value {
        match self {
            Tree::Value(value) => value.clone(),
            Tree::Text(text) => Value::String(text.to_string()),
            Tree::List(items) => items.iter().map(Tree::redacted).collect(),
            Tree::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.redacted()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
