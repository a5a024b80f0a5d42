//! A text of an exchange in which secrets are names with the forms in which their values were inserted, so that
//! a command that repeats the request can insert them again.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::language::rendered_text::{RenderedJson, RenderedText, SecretEncoding, TextPart};

/// Text in parts. `Display` writes secrets by name: `Bearer [secret API_TOKEN]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "StoredText", into = "StoredText")]
pub struct ExchangeText(pub Vec<ExchangePart>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExchangePart {
    Text(String),
    Secret {
        secret: String,
        /// Applied to the value one after the other.
        forms: Vec<SecretForm>,
    },
    /// These parts in base64: the credentials of `Basic`.
    Base64 {
        base64: Vec<ExchangePart>,
    },
}

/// How a value is changed before it is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretForm {
    Percent,
    Base64,
    /// Escaped as within a JSON string.
    Json,
}

/// A text without secrets is stored as a string.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredText {
    Plain(String),
    Parts(Vec<ExchangePart>),
}

impl From<StoredText> for ExchangeText {
    fn from(stored: StoredText) -> Self {
        match stored {
            StoredText::Plain(text) => Self::plain(text),
            StoredText::Parts(parts) => Self(parts),
        }
    }
}

impl From<ExchangeText> for StoredText {
    fn from(text: ExchangeText) -> Self {
        match <[ExchangePart; 1]>::try_from(text.0) {
            Ok([ExchangePart::Text(text)]) => StoredText::Plain(text),
            Ok(parts) => StoredText::Parts(parts.into()),
            Err(parts) => StoredText::Parts(parts),
        }
    }
}

/// How a rendered text becomes a part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Insertion {
    AsIs,
    Json,
    Form,
}

impl ExchangeText {
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![ExchangePart::Text(text.into())])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty() || self.0 == [ExchangePart::Text(String::new())]
    }

    pub fn has_secrets(&self) -> bool {
        self.0
            .iter()
            .any(|part| !matches!(part, ExchangePart::Text(_)))
    }

    /// A text that is sent as it was rendered.
    pub fn from_rendered(text: &RenderedText) -> Self {
        let mut built = Self::default();
        built.append(text, Insertion::AsIs);
        built
    }

    /// A JSON body, written as it is sent.
    pub fn from_json(tree: &RenderedJson) -> Self {
        let mut built = Self::default();
        built.append_json(tree);
        built
    }

    /// The body of a form, written as it is sent.
    pub fn from_form(fields: &[(String, RenderedText)]) -> Self {
        let mut built = Self::default();
        for (index, (name, value)) in fields.iter().enumerate() {
            let separator = if index == 0 { "" } else { "&" };
            built.push(&format!("{separator}{}=", form_encoded(name)));
            built.append(value, Insertion::Form);
        }
        built
    }

    /// Changes the plain parts. Returns whether one of them changed.
    pub fn change(&mut self, change: &dyn Fn(&str) -> Option<String>) -> bool {
        change_parts(&mut self.0, change)
    }

    /// Adds plain text.
    pub fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(ExchangePart::Text(before)) => before.push_str(text),
            Some(ExchangePart::Secret { .. } | ExchangePart::Base64 { .. }) | None => {
                self.0.push(ExchangePart::Text(text.to_owned()));
            }
        }
    }

    fn append(&mut self, text: &RenderedText, insertion: Insertion) {
        for part in &text.0 {
            match part {
                TextPart::Text(text) => self.push(&match insertion {
                    Insertion::AsIs => Cow::Borrowed(text.as_str()),
                    Insertion::Json => Cow::Owned(json_escaped(text)),
                    Insertion::Form => Cow::Owned(form_encoded(text)),
                }),
                TextPart::Secret { name, encoding } => self.0.push(ExchangePart::Secret {
                    secret: name.clone(),
                    forms: forms(*encoding, insertion),
                }),
            }
        }
    }

    fn append_json(&mut self, tree: &RenderedJson) {
        match tree {
            RenderedJson::Value(value) => self.push(&value.to_string()),
            RenderedJson::Text(text) => {
                self.push("\"");
                self.append(text, Insertion::Json);
                self.push("\"");
            }
            RenderedJson::List(items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    self.push(if index == 0 { "" } else { "," });
                    self.append_json(item);
                }
                self.push("]");
            }
            RenderedJson::Map(entries) => {
                self.push("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.push(if index == 0 { "" } else { "," });
                    self.push(&Value::from(key.as_str()).to_string());
                    self.push(":");
                    self.append_json(value);
                }
                self.push("}");
            }
        }
    }
}

fn change_parts(parts: &mut [ExchangePart], change: &dyn Fn(&str) -> Option<String>) -> bool {
    let mut changed = false;
    for part in parts {
        changed |= match part {
            ExchangePart::Text(text) => match change(text) {
                Some(new) => {
                    *text = new;
                    true
                }
                None => false,
            },
            ExchangePart::Secret { .. } => false,
            ExchangePart::Base64 { base64 } => change_parts(base64, change),
        };
    }
    changed
}

fn forms(encoding: SecretEncoding, insertion: Insertion) -> Vec<SecretForm> {
    let mut forms = match encoding {
        SecretEncoding::Plain | SecretEncoding::Path => Vec::new(),
        SecretEncoding::Percent => vec![SecretForm::Percent],
        SecretEncoding::Base64 => vec![SecretForm::Base64],
    };
    match insertion {
        Insertion::AsIs => {}
        Insertion::Json => forms.push(SecretForm::Json),
        Insertion::Form => forms.push(SecretForm::Percent),
    }
    forms
}

fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl fmt::Display for ExchangeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

impl fmt::Display for ExchangePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExchangePart::Text(text) => f.write_str(text),
            ExchangePart::Secret { secret, .. } => write!(f, "[secret {secret}]"),
            ExchangePart::Base64 { base64 } => {
                f.write_str("[base64 of ")?;
                base64.iter().try_for_each(|part| part.fmt(f))?;
                f.write_str("]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_secret(before: &str, encoding: SecretEncoding) -> RenderedText {
        RenderedText(vec![
            TextPart::Text(before.into()),
            TextPart::Secret {
                name: "KEY".into(),
                encoding,
            },
        ])
    }

    #[test]
    fn a_json_body_is_written_as_it_is_sent() {
        let tree = RenderedJson::Map(vec![
            ("a\"".into(), RenderedJson::Value(json!({"x": [1, null]}))),
            (
                "b".into(),
                RenderedJson::List(vec![
                    RenderedJson::Text(with_secret("say \"hi\" ", SecretEncoding::Plain)),
                    RenderedJson::Text(RenderedText::plain("\n")),
                ]),
            ),
        ]);
        let text = ExchangeText::from_json(&tree);
        assert_eq!(
            text.to_string(),
            r#"{"a\"":{"x":[1,null]},"b":["say \"hi\" [secret KEY]","\n"]}"#
        );
        assert_eq!(
            text.0[1],
            ExchangePart::Secret {
                secret: "KEY".into(),
                forms: vec![SecretForm::Json]
            }
        );
    }

    #[test]
    fn a_form_is_written_as_it_is_sent() {
        let text = ExchangeText::from_form(&[
            ("a b".into(), RenderedText::plain("1&2")),
            ("k".into(), with_secret("", SecretEncoding::Base64)),
        ]);
        assert_eq!(text.to_string(), "a+b=1%262&k=[secret KEY]");
        assert_eq!(
            text.0[1],
            ExchangePart::Secret {
                secret: "KEY".into(),
                forms: vec![SecretForm::Base64, SecretForm::Percent]
            }
        );
    }

    /// A customer can write the name of a secret; repeating the request must not insert its value.
    #[test]
    fn a_text_that_looks_like_a_secret_stays_text() {
        let text = ExchangeText::from_rendered(&RenderedText::plain("[secret KEY]"));
        assert!(!text.has_secrets());
        let stored = serde_json::to_string(&text).unwrap();
        let read: ExchangeText = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, text);
    }
}
