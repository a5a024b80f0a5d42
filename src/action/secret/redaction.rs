//! Finds secrets' values in text that came from outside and puts their names in their place.
//! It refuses to guess: a value is looked for in the encodings that senders and receivers use, and in no
//! others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{SecretValue, percent};

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

    /// The same of a text whose end was cut off, perhaps within a secret.
    pub(super) fn without_end(&self, text: &str) -> String {
        let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let cut =
            self.cut(|form, length| form.get(..length).is_some_and(|part| whole.ends_with(part)));
        match cut {
            Some((length, label)) => {
                format!("{}{label}", self.text(&whole[..whole.len() - length]))
            }
            None => self.text(text).into_owned(),
        }
    }

    /// The same of a text whose beginning was cut off.
    pub(super) fn without_start(&self, text: &str) -> String {
        let whole = text.trim_start_matches(char::REPLACEMENT_CHARACTER);
        let cut = self.cut(|form, length| {
            let part = form.get(form.len() - length..);
            part.is_some_and(|part| whole.starts_with(part))
        });
        match cut {
            Some((length, label)) => format!("{label}{}", self.text(&whole[length..])),
            None => self.text(text).into_owned(),
        }
    }

    /// The longest part of a form, in bytes, that is there; fewer than three tell nothing.
    fn cut(&self, is_there: impl Fn(&str, usize) -> bool) -> Option<(usize, &str)> {
        let parts = self.0.iter().filter_map(|needle| {
            let mut lengths = (3..needle.text.len()).rev();
            let length = lengths.find(|length| is_there(&needle.text, *length))?;
            Some((length, needle.label.as_str()))
        });
        parts.max_by_key(|(length, _)| *length)
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

/// How a value may come back: as it is, as a URL, a form or a JSON text writes it, in base64, in
/// hexadecimal, and in lower case as a host name.
fn forms(value: &str) -> impl Iterator<Item = String> {
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let whole = [
        value.to_owned(),
        small_digits(&percent(value)),
        percent(value).into_owned(),
        small_digits(&form),
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
    // Short ones stand in any text.
    let parts = parts.filter(|text| text.len() >= SHORTEST);
    whole.into_iter().chain(parts)
}

/// Characters of a form that stands for a part of a value, or a value in other letters.
const SHORTEST: usize = 8;

/// `%2f` for `%2F`.
fn small_digits(encoded: &str) -> String {
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

/// As it stands between the quotes of a JSON text.
fn escaped(value: &str) -> String {
    let json = Value::String(value.to_owned()).to_string();
    json[1..json.len() - 1].to_owned()
}

/// What base64 makes of a value inside of a longer text: for each place that it may begin at, the
/// characters that nothing beside the value decides.
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
    fn what_receivers_make_of_a_value_is_replaced_too() {
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
            let clean = Redaction::of(&secrets).text(form).into_owned();
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
    fn a_value_that_is_cut_off_is_replaced_as_far_as_it_goes() {
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
