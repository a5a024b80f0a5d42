//! Implements text filters: null is an empty text, and results are limited in size.
//! An undefined value is an error, except for `default`. A secret remains a name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Error;
use minijinja::value::{Kwargs, Rest, Value};
use percent_encoding::utf8_percent_encode;

use crate::language::rendered_text::SecretEncoding;
use crate::language::template::engine::{MAX_OUTPUT_BYTES, RESERVED, text, undefined};
use crate::language::template::filter::list::absent_item;
use crate::language::template::read_set::{MAX_VALUES, to_json, too_much};
use crate::language::template::secret::SecretReference;

pub fn default(value: &Value, other: Value, when_empty: Option<bool>) -> Value {
    let missing = value.is_undefined() || value.is_none();
    match missing || (when_empty == Some(true) && !value.is_true()) {
        true => other,
        false => value.clone(),
    }
}

pub fn upper(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.to_uppercase())
}

pub fn lower(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.to_lowercase())
}

pub fn capitalize(value: &Value) -> Result<String, Error> {
    Ok(capitalize_word(&text(value)?))
}

fn capitalize_word(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first
            .to_uppercase()
            .chain(chars.flat_map(char::to_lowercase))
            .collect(),
        None => String::new(),
    }
}

pub fn title(value: &Value) -> Result<String, Error> {
    let text = text(value)?;
    Ok(text
        .split_inclusive(char::is_whitespace)
        .map(capitalize_word)
        .collect())
}

pub fn trim(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.trim().to_owned())
}

pub fn truncate(value: &Value, length: usize, end: Option<String>) -> Result<String, Error> {
    let text = text(value)?;
    if text.chars().count() <= length {
        return Ok(text);
    }
    let end = end.unwrap_or_else(|| "…".into());
    let keep = length.saturating_sub(end.chars().count());
    let mut cut: String = text.chars().take(keep).collect();
    cut.push_str(&end);
    Ok(cut)
}

pub fn replace(value: &Value, from: &Value, to: &Value) -> Result<String, Error> {
    let (text, from, to) = (
        text(value)?,
        crate::language::template::engine::text(from)?,
        crate::language::template::engine::text(to)?,
    );
    if from.is_empty() {
        return Ok(text);
    }
    let added = text.matches(from.as_str()).count().saturating_mul(to.len());
    check_size(text.len().saturating_add(added))?;
    Ok(text.replace(&from, &to))
}

fn check_size(bytes: usize) -> Result<(), Error> {
    match bytes > MAX_OUTPUT_BYTES * 4 {
        true => Err(too_much("it makes more than 1 MB of text")),
        false => Ok(()),
    }
}

pub fn indent(
    value: &Value,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    named: Kwargs,
) -> Result<String, Error> {
    let width = width.or(named.get("width")?).unwrap_or(4);
    let first = first.or(named.get("first")?).unwrap_or_default();
    let blank = blank.or(named.get("blank")?).unwrap_or_default();
    let text = text(value)?;
    let lines = text.split('\n').count();
    check_size(text.len().saturating_add(lines.saturating_mul(width)))?;
    let margin = " ".repeat(width);
    let lines = text.split('\n').enumerate().map(|(number, line)| {
        let is_indented = (number > 0 || first) && (blank || !line.trim().is_empty());
        match is_indented {
            true => format!("{margin}{line}"),
            false => line.to_owned(),
        }
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

pub fn split(value: &Value, at: Option<String>) -> Result<Vec<String>, Error> {
    let text = text(value)?;
    match at.as_deref() {
        None | Some("") => limited_list(text.split_whitespace()),
        Some(at) => limited_list(text.split(at)),
    }
}

pub fn lines(value: &Value) -> Result<Vec<String>, Error> {
    limited_list(text(value)?.lines())
}

fn limited_list<'t>(parts: impl Iterator<Item = &'t str>) -> Result<Vec<String>, Error> {
    let parts: Vec<String> = parts.take(MAX_VALUES + 1).map(str::to_owned).collect();
    match parts.len() > MAX_VALUES {
        true => Err(too_much("it makes more than 50,000 values")),
        false => Ok(parts),
    }
}

pub fn string(value: &Value) -> Result<String, Error> {
    limited_text(text(value)?)
}

pub fn tojson(value: &Value) -> Result<String, Error> {
    limited_text(to_json(value)?.to_string())
}

/// Limits the size of a text: applied repeatedly, a filter that escapes or encodes grows it without end.
pub fn limited_text(text: String) -> Result<String, Error> {
    check_size(text.len())?;
    Ok(text)
}

pub fn urlencode(value: &Value) -> Result<Value, Error> {
    if let Some(secret) = encoded_secret(value, SecretEncoding::Percent) {
        return Ok(secret);
    }
    let encoded = utf8_percent_encode(&text(value)?, RESERVED).to_string();
    Ok(limited_text(encoded)?.into())
}

pub fn b64encode(value: &Value) -> Result<Value, Error> {
    if let Some(secret) = encoded_secret(value, SecretEncoding::Base64) {
        return Ok(secret);
    }
    Ok(limited_text(STANDARD.encode(text(value)?))?.into())
}

/// Returns the secret with this encoding, if the value is a secret.
fn encoded_secret(value: &Value, encoding: SecretEncoding) -> Option<Value> {
    let name = value.downcast_object_ref::<SecretReference>()?.name.clone();
    Some(Value::from_object(SecretReference { name, encoding }))
}

pub fn join(value: &Value, separator: Rest<Value>) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(undefined(value));
    }
    if value.as_str().is_some() || value.is_none() {
        return text(value);
    }
    let separator = separator.first().map(text).transpose()?;
    let separator = separator.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(&separator);
        }
        if item.is_undefined() {
            return Err(absent_item(index));
        }
        joined.push_str(&text(&item)?);
        check_size(joined.len())?;
    }
    Ok(joined)
}
