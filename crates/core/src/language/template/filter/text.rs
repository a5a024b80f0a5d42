//! Filters of our own: they read null as an empty text, keep what they make within limits, and leave
//! a secret a name. They refuse values that are absent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Error;
use minijinja::value::{Rest, Value};
use percent_encoding::utf8_percent_encode;

use crate::language::rendered_text::SecretEncoding;
use crate::language::template::engine::{MOST_OUTPUT, RESERVED, text, undefined};
use crate::language::template::read_set::{MOST_VALUES, to_json, too_much};
use crate::language::template::secret::SecretReference;

pub fn default(value: &Value, other: Value, when_empty: Option<bool>) -> Value {
    let lacking = value.is_undefined() || value.is_none();
    match lacking || (when_empty == Some(true) && !value.is_true()) {
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
    Ok(capital(&text(value)?))
}

fn capital(word: &str) -> String {
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
        .map(capital)
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
    let grown = text.matches(from.as_str()).count().saturating_mul(to.len());
    within_limit(text.len().saturating_add(grown))?;
    Ok(text.replace(&from, &to))
}

fn within_limit(bytes: usize) -> Result<(), Error> {
    match bytes > MOST_OUTPUT * 4 {
        true => Err(too_much("it makes more than 1 MB of text")),
        false => Ok(()),
    }
}

pub fn split(value: &Value, at: Option<String>) -> Result<Vec<String>, Error> {
    let text = text(value)?;
    match at.as_deref() {
        None | Some("") => few(text.split_whitespace()),
        Some(at) => few(text.split(at)),
    }
}

pub fn lines(value: &Value) -> Result<Vec<String>, Error> {
    few(text(value)?.lines())
}

fn few<'t>(parts: impl Iterator<Item = &'t str>) -> Result<Vec<String>, Error> {
    let parts: Vec<String> = parts.take(MOST_VALUES + 1).map(str::to_owned).collect();
    match parts.len() > MOST_VALUES {
        true => Err(too_much("it makes more than 50,000 values")),
        false => Ok(parts),
    }
}

pub fn string(value: &Value) -> Result<String, Error> {
    bounded(text(value)?)
}

pub fn tojson(value: &Value) -> Result<String, Error> {
    bounded(to_json(value)?.to_string())
}

/// Put through again and again, what escapes and encodes grows without end.
fn bounded(text: String) -> Result<String, Error> {
    within_limit(text.len())?;
    Ok(text)
}

pub fn urlencode(value: &Value) -> Result<Value, Error> {
    if let Some(secret) = encoded(value, SecretEncoding::Percent) {
        return Ok(secret);
    }
    let encoded = utf8_percent_encode(&text(value)?, RESERVED).to_string();
    Ok(bounded(encoded)?.into())
}

pub fn b64encode(value: &Value) -> Result<Value, Error> {
    if let Some(secret) = encoded(value, SecretEncoding::Base64) {
        return Ok(secret);
    }
    Ok(bounded(STANDARD.encode(text(value)?))?.into())
}

/// A secret that is to be written in this encoding.
fn encoded(value: &Value, encoding: SecretEncoding) -> Option<Value> {
    let name = value.downcast_object_ref::<SecretReference>()?.name.clone();
    Some(Value::from_object(SecretReference { name, encoding }))
}

pub fn join(value: &Value, between: Rest<Value>) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(undefined(value));
    }
    if value.as_str().is_some() || value.is_none() {
        return text(value);
    }
    let between = between.first().map(text).transpose()?.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(&between);
        }
        joined.push_str(&text(&item)?);
        within_limit(joined.len())?;
    }
    Ok(joined)
}
