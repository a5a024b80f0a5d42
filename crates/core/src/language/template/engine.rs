//! Configures the template engine: strict about undefined values, limited in steps and output.
//! Values are escaped only in URLs. Writing an undefined value is an error.

use std::fmt::Write as _;
use std::io;
use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::language::rendered_text::SecretEncoding;
use crate::language::template::read_set::to_json;
use crate::language::template::secret;
use crate::language::template::secret::SecretReference;
use crate::language::template::{Escape, filter};

/// The maximum number of engine steps of one rendering.
const FUEL: u64 = 200_000;
/// The maximum size of one rendered text, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// All characters except the unreserved characters of RFC 3986.
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the environment for this escaping; it contains no templates.
pub fn environment(escape: Escape) -> &'static Environment<'static> {
    static PLAIN: OnceLock<Environment<'static>> = OnceLock::new();
    static URL: OnceLock<Environment<'static>> = OnceLock::new();
    match escape {
        Escape::None => PLAIN.get_or_init(|| build(write_plain)),
        Escape::Url => URL.get_or_init(|| build(write_in_url)),
    }
}

/// Returns the syntax: a line break at the end of a text is kept.
pub fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax
        .keep_trailing_newline(true)
        .build()
        .expect("the usual delimiters are a syntax")
}

type Formatter = fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error>;

fn build(formatter: Formatter) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    environment.set_syntax(syntax());
    environment.set_formatter(formatter);
    environment.add_function("range", minijinja::functions::range);
    filter::install(&mut environment);
    environment
}

fn write_plain(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if let Some(secret) = value.downcast_object_ref::<SecretReference>() {
        return Ok(secret.write(secret.encoding, out)?);
    }
    Ok(secret::write_value(&text(value)?, out)?)
}

fn write_in_url(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if let Some(secret) = value.downcast_object_ref::<SecretReference>() {
        let encoding = match secret.encoding {
            SecretEncoding::Plain => SecretEncoding::Path,
            other => other,
        };
        return Ok(secret.write(encoding, out)?);
    }
    let text = text(value)?;
    if text.is_empty() {
        return Ok(out.write_char(secret::EMPTY)?);
    }
    Ok(write!(out, "{}", utf8_percent_encode(&text, RESERVED))?)
}

/// Formats a value for output in a text: null is empty, lists and objects are JSON.
pub fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(undefined(value)),
        ValueKind::None => Ok(String::new()),
        ValueKind::String => Ok(value.to_string()),
        _ => Ok(to_json(value)?.to_string()),
    }
}

/// Returns the error for an undefined value. Reading an attribute of it makes the engine name the value.
pub fn undefined(value: &Value) -> Error {
    let named = value.get_attr("it").err();
    named.unwrap_or_else(|| Error::from(ErrorKind::UndefinedError))
}

/// Collects the output, up to the limit.
#[derive(Debug, Default)]
pub struct LimitedWriter {
    bytes: Vec<u8>,
    full: bool,
}

impl LimitedWriter {
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn into_text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl io::Write for LimitedWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + buf.len() > MAX_OUTPUT_BYTES {
            self.full = true;
            return Err(io::Error::other("too much output"));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
