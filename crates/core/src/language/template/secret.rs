//! Represents secrets in templates: references by name, written to the output between marks.
//! The value of a secret is never known here. Reading, comparing or cutting a secret is an error.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};

use crate::language::rendered_text::{RenderedText, SecretEncoding, TextPart};

/// Encloses the name of a secret in the output. It is a Unicode noncharacter, reserved for internal use.
const MARK: char = '\u{fdd0}';
/// Escapes a mark that is part of a value, so that an event cannot forge a secret.
const QUOTE: char = '\u{fdd1}';
/// Marks an empty value in a URL, which is an error in its path.
pub const EMPTY: char = '\u{fdd2}';

/// The variable `secret`: every attribute is a reference, whether or not the secret is configured.
#[derive(Debug)]
pub struct SecretNamespace;

impl Object for SecretNamespace {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?.to_owned();
        Some(Value::from_object(SecretReference {
            name,
            encoding: SecretEncoding::Plain,
        }))
    }
}

/// A secret by name, with the encoding of its value.
#[derive(Debug, Clone)]
pub struct SecretReference {
    pub name: String,
    pub encoding: SecretEncoding,
}

impl Object for SecretReference {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[secret {}]", self.name)
    }
}

impl SecretReference {
    /// Writes the reference between marks.
    pub fn write(&self, encoding: SecretEncoding, out: &mut impl fmt::Write) -> fmt::Result {
        let letter = match encoding {
            SecretEncoding::Plain => 'p',
            SecretEncoding::Path => 'v',
            SecretEncoding::Percent => 'u',
            SecretEncoding::Base64 => 'b',
        };
        write!(out, "{MARK}{letter}{}{MARK}", self.name)
    }
}

/// Writes a value so that [`split`] returns it unchanged.
pub fn write_value(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    if !text.contains([MARK, QUOTE, EMPTY]) {
        return out.write_str(text);
    }
    for c in text.chars() {
        if matches!(c, MARK | QUOTE | EMPTY) {
            out.write_char(QUOTE)?;
        }
        out.write_char(c)?;
    }
    Ok(())
}

/// Replaces the characters that the output uses as marks.
pub fn without_marks(text: String) -> String {
    match text.contains([MARK, QUOTE, EMPTY]) {
        true => text.replace([MARK, QUOTE, EMPTY], "\u{fffd}"),
        false => text,
    }
}

/// Splits the output at its marks into text and secrets.
pub fn split(output: &str) -> RenderedText {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut chars = output.chars();
    while let Some(c) = chars.next() {
        match c {
            QUOTE => plain.extend(chars.next()),
            MARK => {
                if !plain.is_empty() {
                    parts.push(TextPart::Text(std::mem::take(&mut plain)));
                }
                parts.push(secret(chars.by_ref().take_while(|c| *c != MARK).collect()));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() || parts.is_empty() {
        parts.push(TextPart::Text(plain));
    }
    RenderedText(parts)
}

fn secret(marked: String) -> TextPart {
    let (letter, name) = marked.split_at(marked.len().min(1));
    let encoding = match letter {
        "u" => SecretEncoding::Percent,
        "v" => SecretEncoding::Path,
        "b" => SecretEncoding::Base64,
        _ => SecretEncoding::Plain,
    };
    TextPart::Secret {
        name: name.to_owned(),
        encoding,
    }
}
