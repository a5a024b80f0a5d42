//! Finds secrets' values in text that came from outside and puts their names in their place.
//! It refuses to guess: a value is looked for in the encodings that we send, and in no others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::secret::{SecretValue, percent};

/// The texts to look for, the longest first, so that a part never hides the whole.
pub(super) struct Redaction(Vec<Needle>);

struct Needle {
    text: String,
    label: String,
}

impl Redaction {
    pub(super) fn of(values: &BTreeMap<String, SecretValue>) -> Self {
        let mut needles: Vec<Needle> = values
            .iter()
            .flat_map(|(name, value)| {
                forms(value.expose())
                    .filter(|text| !text.is_empty())
                    .map(move |text| Needle {
                        text,
                        label: format!("[secret {name}]"),
                    })
            })
            .collect();
        needles.sort_by(|a, b| {
            b.text
                .len()
                .cmp(&a.text.len())
                .then_with(|| a.text.cmp(&b.text))
        });
        needles.dedup_by(|a, b| a.text == b.text);
        Self(needles)
    }

    /// Every place is looked at once for each needle, however often a value stands in the text.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut places: Vec<Option<usize>> = self
            .0
            .iter()
            .map(|needle| text.find(&needle.text))
            .collect();
        let mut clean = String::new();
        let mut from = 0;
        while let Some((at, needle)) = self.next(&places) {
            clean.push_str(&text[from..at]);
            clean.push_str(&needle.label);
            from = at + needle.text.len();
            for (place, needle) in places.iter_mut().zip(&self.0) {
                if place.is_some_and(|at| at < from) {
                    *place = text[from..].find(&needle.text).map(|at| from + at);
                }
            }
        }
        if from == 0 {
            return Cow::Borrowed(text);
        }
        clean.push_str(&text[from..]);
        Cow::Owned(clean)
    }

    /// Texts and keys anywhere in the value.
    pub(super) fn value(&self, value: Value) -> Value {
        if self.0.is_empty() {
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

    /// The first needle in the text; of two at one place, the longer.
    fn next(&self, places: &[Option<usize>]) -> Option<(usize, &Needle)> {
        let found = places.iter().zip(&self.0);
        found
            .filter_map(|(place, needle)| Some(((*place)?, needle)))
            .min_by_key(|(at, needle)| (*at, usize::MAX - needle.text.len()))
    }
}

/// How a value may come back: as it is, as a URL, a form or a JSON text writes it, in base64, and in
/// lower case as a host name.
fn forms(value: &str) -> impl Iterator<Item = String> {
    let json = Value::String(value.to_owned()).to_string();
    [
        value.to_owned(),
        percent(value).into_owned(),
        url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
        json[1..json.len() - 1].to_owned(),
        STANDARD.encode(value),
        value.to_lowercase(),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn redaction() -> Redaction {
        Redaction::of(&BTreeMap::from([
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
    fn the_name_put_in_is_not_looked_at_again() {
        assert_eq!(
            redaction().text("secretsecret!"),
            "[secret SHORT][secret SHORT]!"
        );
    }

    #[test]
    fn other_text_stays_as_it_is() {
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
