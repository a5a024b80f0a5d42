//! Secrets in templates: names that only the output accepts, and the marks that carry them through
//! it. It holds no value of a secret, and refuses whatever would read, compare or cut one.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};

use crate::language::rendered_text::{RenderedText, SecretEncoding, TextPart};

/// Opens and closes a secret's name in the output. Unicode reserves it for uses inside a program.
const MARK: char = '\u{fdd0}';
/// Stands before a mark that came from outside, so that no payload can forge one.
const QUOTE: char = '\u{fdd1}';
/// An empty value in a URL, which must not stand in its path.
pub const EMPTY: char = '\u{fdd2}';

/// `secret`: every name leads to a secret; which ones are set is not known here.
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
    pub fn write(&self, encoding: SecretEncoding, out: &mut impl fmt::Write) -> fmt::Result {
        let letter = match encoding {
            SecretEncoding::Plain => 'p',
            SecretEncoding::Percent => 'u',
            SecretEncoding::Base64 => 'b',
        };
        write!(out, "{MARK}{letter}{}{MARK}", self.name)
    }
}

/// Writes a value so that `split` gives it back unchanged.
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

/// What an author wrote, without the characters that the output uses as marks.
pub fn without_marks(text: String) -> String {
    match text.contains([MARK, QUOTE, EMPTY]) {
        true => text.replace([MARK, QUOTE, EMPTY], "\u{fffd}"),
        false => text,
    }
}

/// Cuts the output at its marks.
pub fn split(output: &str) -> RenderedText {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut chars = output.chars();
    while let Some(c) = chars.next() {
        match c {
            QUOTE => plain.extend(chars.next()),
            MARK => {
                if !plain.is_empty() {
                    pieces.push(TextPart::Text(std::mem::take(&mut plain)));
                }
                pieces.push(secret(chars.by_ref().take_while(|c| *c != MARK).collect()));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(TextPart::Text(plain));
    }
    RenderedText(pieces)
}

fn secret(marked: String) -> TextPart {
    let (letter, name) = marked.split_at(marked.len().min(1));
    let encoding = match letter {
        "u" => SecretEncoding::Percent,
        "b" => SecretEncoding::Base64,
        _ => SecretEncoding::Plain,
    };
    TextPart::Secret {
        name: name.to_owned(),
        encoding,
    }
}
