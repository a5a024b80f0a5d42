//! Replaces the values of secrets in text from outside by their names.
//! Values are searched as they are and in the encodings that senders and receivers use.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::encoded::EncodedValue;
use super::{in_path, percent};
use flowtrigger_core::secret::SecretValue;

/// The texts to search, longest first, so that a part does not hide the whole.
pub(in crate::action) struct Redactor {
    /// Exact texts.
    needles: Vec<RedactedValue>,
    /// Values whose characters may be encoded in any way.
    values: Vec<LabelledValue>,
    /// The values that a text with this first byte may start with.
    by_byte: Vec<Vec<usize>>,
}

struct LabelledValue {
    value: EncodedValue,
    label: String,
}

/// A place in a text and what replaces it.
struct FoundValue<'r> {
    at: usize,
    end: usize,
    label: &'r str,
}

/// A value and what replaces it.
pub(in crate::action) struct RedactedValue {
    pub(in crate::action) text: String,
    pub(in crate::action) label: String,
}

impl Redactor {
    pub(super) fn new(values: &BTreeMap<String, SecretValue>) -> Self {
        Self::from_values(values.iter().map(|(name, value)| RedactedValue {
            text: value.expose().to_owned(),
            label: format!("[secret {name}]"),
        }))
    }

    /// Replaces these values, in every form, by their labels.
    pub(in crate::action) fn from_values(values: impl Iterator<Item = RedactedValue>) -> Self {
        let (mut needles, mut encoded) = (Vec::new(), Vec::new());
        for RedactedValue { text, label } in values.filter(|value| !value.text.is_empty()) {
            encoded.push(LabelledValue {
                value: EncodedValue::new(&text),
                label: label.clone(),
            });
            let forms = forms(&text).filter(|text| !text.is_empty());
            needles.extend(forms.map(|text| RedactedValue {
                text,
                label: label.clone(),
            }));
        }
        needles.sort_by(|a, b| {
            b.text
                .len()
                .cmp(&a.text.len())
                .then_with(|| a.text.cmp(&b.text))
        });
        needles.dedup_by(|a, b| a.text == b.text);
        let starting = |byte: u8| {
            let values = encoded.iter().enumerate();
            let starting = values.filter(|(_, labelled)| labelled.value.may_start_with(byte));
            starting.map(|(index, _)| index).collect()
        };
        let by_byte = (0..=u8::MAX).map(starting).collect();
        Self {
            needles,
            by_byte,
            values: encoded,
        }
    }

    /// Replaces the values in the text. Each needle is searched once through the text.
    pub(in crate::action) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut positions: Vec<Option<usize>> = self
            .needles
            .iter()
            .map(|needle| text.find(&needle.text))
            .collect();
        let mut encoded = self.next_encoded(text, 0);
        let mut clean = String::new();
        let mut from = 0;
        while let Some(found) = first(self.next(&positions), encoded.as_ref()) {
            clean.push_str(&text[from..found.at]);
            clean.push_str(found.label);
            from = found.end;
            for (position, needle) in positions.iter_mut().zip(&self.needles) {
                if position.is_some_and(|at| at < from) {
                    *position = text[from..].find(&needle.text).map(|at| from + at);
                }
            }
            if encoded.as_ref().is_some_and(|encoded| encoded.at < from) {
                encoded = self.next_encoded(text, from);
            }
        }
        if from == 0 {
            return Cow::Borrowed(text);
        }
        clean.push_str(&text[from..]);
        Cow::Owned(clean)
    }

    /// Like `text`, for a text whose end was cut off, perhaps within a secret.
    pub(in crate::action) fn without_end(&self, text: &str) -> String {
        let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let exact = self.cut(whole.len(), |form, length| {
            form.get(..length).is_some_and(|part| whole.ends_with(part))
        });
        let exact = exact.map(|(length, label)| (whole.len() - length, label));
        let encoded = self.values.iter().filter_map(|labelled| {
            let start = labelled.value.start_of_cut(whole)?;
            Some((start, labelled.label.as_str()))
        });
        match exact
            .into_iter()
            .chain(encoded)
            .min_by_key(|(start, _)| *start)
        {
            Some((start, label)) => format!("{}{label}", self.text(&whole[..start])),
            None => self.text(text).into_owned(),
        }
    }

    /// Like `text`, for a text whose beginning was cut off.
    pub(in crate::action) fn without_start(&self, text: &str) -> String {
        let whole = text.trim_start_matches(char::REPLACEMENT_CHARACTER);
        let exact = self.cut(whole.len(), |form, length| {
            let part = form.get(form.len() - length..);
            part.is_some_and(|part| whole.starts_with(part))
        });
        let encoded = self.values.iter().filter_map(|labelled| {
            let end = labelled.value.end_of_cut(whole)?;
            Some((end, labelled.label.as_str()))
        });
        match encoded.chain(exact).max_by_key(|(end, _)| *end) {
            Some((end, label)) => format!("{label}{}", self.text(&whole[end..])),
            None => self.text(text).into_owned(),
        }
    }

    /// The longest part of a needle, in bytes, at the cut of a text of `limit` bytes; at least three bytes.
    fn cut(&self, limit: usize, is_there: impl Fn(&str, usize) -> bool) -> Option<(usize, &str)> {
        let parts = self.needles.iter().filter_map(|needle| {
            let mut lengths = (3..needle.text.len().min(limit + 1)).rev();
            let length = lengths.find(|length| is_there(&needle.text, *length))?;
            Some((length, needle.label.as_str()))
        });
        parts.max_by_key(|(length, _)| *length)
    }

    /// Replaces the values in all texts and keys of a JSON value.
    pub(super) fn value(&self, value: Value) -> Value {
        if self.needles.is_empty() {
            return value;
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(entries) => entries
                .into_iter()
                .map(|(key, value)| (self.text(&key).into_owned(), self.value(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The first needle in the text; the longer one if two start at one position.
    fn next(&self, positions: &[Option<usize>]) -> Option<FoundValue<'_>> {
        let found = positions.iter().zip(&self.needles);
        let found = found.filter_map(|(position, needle)| {
            let at = (*position)?;
            Some(FoundValue {
                at,
                end: at + needle.text.len(),
                label: &needle.label,
            })
        });
        found.min_by_key(FoundValue::order)
    }

    /// The first encoded value from this position.
    fn next_encoded(&self, text: &str, from: usize) -> Option<FoundValue<'_>> {
        let bytes = text.as_bytes();
        (from..bytes.len()).find_map(|at| {
            let values = self.by_byte[usize::from(bytes[at])].iter();
            let found = values.filter_map(|index| {
                let labelled = &self.values[*index];
                let end = labelled.value.end(text, at)?;
                Some(FoundValue {
                    at,
                    end,
                    label: &labelled.label,
                })
            });
            found.min_by_key(FoundValue::order)
        })
    }
}

impl FoundValue<'_> {
    fn order(&self) -> (usize, usize) {
        (self.at, usize::MAX - self.end)
    }
}

fn first<'r>(
    exact: Option<FoundValue<'r>>,
    encoded: Option<&FoundValue<'r>>,
) -> Option<FoundValue<'r>> {
    let encoded = encoded.map(|found| FoundValue { ..*found });
    exact
        .into_iter()
        .chain(encoded)
        .min_by_key(FoundValue::order)
}

/// The forms of a value in text: as it is, as in a URL or its path, a form or a JSON string, in base64, in hexadecimal, and
/// in lower case as in a host name.
fn forms(value: &str) -> impl Iterator<Item = String> {
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let whole = [
        value.to_owned(),
        lower_hex(&percent(value)),
        percent(value).into_owned(),
        lower_hex(&in_path(value)),
        in_path(value).into_owned(),
        lower_hex(&form),
        form,
        escaped(&escaped(value)),
        escaped(value),
        STANDARD.encode(value),
        value.to_lowercase(),
    ];
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let parts = [hex.to_uppercase(), hex]
        .into_iter()
        .chain(within_base64(value));
    // Short parts occur in any text.
    let parts = parts.filter(|text| text.len() >= MIN_SECRET_CHARS);
    whole.into_iter().chain(parts)
}

/// The minimum length of a form that is a part of a value or in hexadecimal.
const MIN_SECRET_CHARS: usize = 8;

/// Percent-encoding with lower-case digits: `%2f` instead of `%2F`.
fn lower_hex(encoded: &str) -> String {
    let mut left = 0;
    let small = encoded.chars().map(|c| match (c, left) {
        ('%', _) => {
            left = 2;
            c
        }
        (_, 0) => c,
        (_, _) => {
            left -= 1;
            c.to_ascii_lowercase()
        }
    });
    small.collect()
}

/// The value as in a JSON string, without the quotes.
fn escaped(value: &str) -> String {
    let json = Value::String(value.to_owned()).to_string();
    json[1..json.len() - 1].to_owned()
}

/// The base64 of a value within a longer text: for each possible offset, the characters that depend on the value
/// only.
fn within_base64(value: &str) -> impl Iterator<Item = String> {
    (0..3usize).flat_map(move |before| {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value.as_bytes());
        let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        let engines = [STANDARD_NO_PAD, URL_SAFE_NO_PAD];
        engines.map(|engine| {
            let encoded = engine.encode(&bytes);
            encoded.get(own.clone()).unwrap_or_default().to_owned()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn redaction() -> Redactor {
        Redactor::new(&BTreeMap::from([
            ("LONG".to_owned(), SecretValue::new("secret \"Key\"/1")),
            ("SHORT".to_owned(), SecretValue::new("secret")),
        ]))
    }

    #[test]
    fn every_form_of_a_value_is_replaced_by_its_name() {
        for form in [
            "secret \"Key\"/1",
            "secret%20%22Key%22%2F1",
            "secret+%22Key%22%2F1",
            "secret \\\"Key\\\"/1",
            "c2VjcmV0ICJLZXkiLzE=",
            "secret \"key\"/1",
        ] {
            let text = format!("a {form} b {form}");
            assert_eq!(redaction().text(&text), "a [secret LONG] b [secret LONG]");
        }
    }

    #[test]
    fn encoded_values_are_replaced() {
        for form in [
            "secret%20%22Key%22%2f1",
            "736563726574204b6579",
            "736563726574204B6579",
            "secret \\\\\"Key",
        ] {
            let secrets = BTreeMap::from([(
                "S".to_owned(),
                SecretValue::new(match form.starts_with('7') {
                    true => "secret Key",
                    false => "secret \"Key\"/1",
                }),
            )]);
            let clean = Redactor::new(&secrets).text(form).into_owned();
            assert!(
                clean.starts_with("[secret S]") || form.contains("\\\\"),
                "{form}: {clean}"
            );
        }
        for before in ["", "a", "ab", "abc", "user:"] {
            let text = format!("{before}secret \"Key\"/1 and more");
            for engine in [STANDARD, base64::engine::general_purpose::URL_SAFE] {
                let clean = redaction().text(&engine.encode(&text)).into_owned();
                assert!(clean.contains("[secret LONG]"), "{text}: {clean}");
            }
        }
    }

    #[test]
    fn the_rest_of_a_truncated_value_is_replaced() {
        let redaction = redaction();
        assert_eq!(
            redaction.without_end("secret! secret \"Ke"),
            "[secret SHORT]! [secret LONG]"
        );
        assert_eq!(redaction.without_end("a secr"), "a [secret SHORT]");
        assert_eq!(redaction.without_end("a se"), "a se");
        assert_eq!(redaction.without_end("a secr\u{fffd}"), "a [secret SHORT]");
        assert_eq!(redaction.without_start("Key\"/1 b"), "[secret LONG] b");
        assert_eq!(redaction.without_start("ret b"), "[secret SHORT] b");
        assert_eq!(redaction.without_start("et b"), "et b");
    }

    #[test]
    fn an_inserted_name_is_not_replaced_again() {
        assert_eq!(
            redaction().text("secretsecret!"),
            "[secret SHORT][secret SHORT]!"
        );
    }

    #[test]
    fn other_text_is_unchanged() {
        assert!(matches!(
            redaction().text("sécret ü"),
            Cow::Borrowed("sécret ü")
        ));
    }

    #[test]
    fn keys_and_texts_of_a_value_are_replaced() {
        assert_eq!(
            redaction().value(json!({"secret": ["a secret", 1, null]})),
            json!({"[secret SHORT]": ["a [secret SHORT]", 1, null]})
        );
    }
}
