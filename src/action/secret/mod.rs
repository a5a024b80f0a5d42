//! Secrets and their values, and the one place where a rendered text turns into what is sent.
//! It refuses to print, compare or serialise a value; messages carry the name alone.

mod redaction;
mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub use crate::core::secret::SecretValue;
pub use source::Missing;

use crate::core::rule::rendered_text::{Encoding, Piece, Text, Tree};
use crate::core::run::CallFailure;
use crate::core::secret::SecretPlace;
use redaction::Redaction;

/// RFC 3986: only the unreserved characters stay.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The secrets that the loaded rules name, with their values. Cloning shares them.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    values: BTreeMap<String, SecretValue>,
    redaction: Redaction,
}

fn encoded(value: &SecretValue, encoding: Encoding) -> Cow<'_, str> {
    match encoding {
        Encoding::Plain => Cow::Borrowed(value.expose()),
        Encoding::Percent => percent(value.expose()),
        Encoding::Base64 => Cow::Owned(STANDARD.encode(value.expose())),
    }
}

/// `value` as it stands in a URL.
pub(super) fn percent(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, RESERVED).into()
}

impl Secrets {
    /// Reads every named secret once, and tells of those that cannot be had.
    pub fn load<'a>(
        places: &BTreeMap<String, SecretPlace>,
        names: impl Iterator<Item = &'a str>,
    ) -> (Self, Vec<Missing>) {
        let mut values = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for name in names {
            if values.contains_key(name) || missing.contains_key(name) {
                continue;
            }
            let place = match places.get(name) {
                Some(place) => place.clone(),
                None => SecretPlace::default_for(name),
            };
            match source::read(name, &place) {
                Ok(value) => drop(values.insert(name.to_owned(), value)),
                Err(why) => {
                    let name = name.to_owned();
                    missing.insert(name.clone(), Missing { name, place, why });
                }
            }
        }
        (Self::of(values), missing.into_values().collect())
    }

    /// The given values, wherever they come from.
    pub fn of(values: BTreeMap<String, SecretValue>) -> Self {
        let redaction = Redaction::of(&values);
        Self(Arc::new(Inner { values, redaction }))
    }

    pub fn none() -> Self {
        Self::of(BTreeMap::new())
    }

    /// These and one more that was made of them, such as the two halves of basic credentials.
    pub(super) fn and(&self, name: &str, value: SecretValue) -> Self {
        let mut values = self.0.values.clone();
        values.insert(name.to_owned(), value);
        Self::of(values)
    }

    /// These, and of the earlier ones those that have no newer value.
    pub(super) fn over(&self, earlier: &Self) -> Self {
        let mut values = earlier.0.values.clone();
        values.extend(self.0.values.clone());
        Self::of(values)
    }

    pub fn get(&self, name: &str) -> Option<&SecretValue> {
        self.0.values.get(name)
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.0.values.contains_key(name)
    }

    /// The text as it is sent.
    pub(super) fn reveal(&self, text: &Text) -> Result<SecretValue, CallFailure> {
        let mut revealed = String::new();
        for piece in &text.0 {
            match piece {
                Piece::Text(text) => revealed.push_str(text),
                Piece::Secret { name, encoding } => {
                    revealed.push_str(&encoded(self.value(name)?, *encoding));
                }
            }
        }
        Ok(SecretValue::new(revealed))
    }

    /// The tree as JSON, as it is sent.
    pub(super) fn reveal_tree(&self, tree: &Tree) -> Result<Value, CallFailure> {
        Ok(match tree {
            Tree::Value(value) => value.clone(),
            Tree::Text(text) => Value::String(self.reveal(text)?.expose().to_owned()),
            Tree::List(items) => items
                .iter()
                .map(|item| self.reveal_tree(item))
                .collect::<Result<_, _>>()?,
            Tree::Map(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.reveal_tree(value)?)))
                .collect::<Result<serde_json::Map<_, _>, CallFailure>>()?
                .into(),
        })
    }

    /// What came back from outside, with every secret's value replaced by its name.
    pub(super) fn redact(&self, text: &str) -> String {
        self.0.redaction.text(text).into_owned()
    }

    /// Like `redact`, of a text whose end was cut off.
    pub(super) fn redact_head(&self, text: &str) -> String {
        self.0.redaction.without_end(text)
    }

    /// Like `redact`, of a text whose beginning was cut off.
    pub(super) fn redact_tail(&self, text: &str) -> String {
        self.0.redaction.without_start(text)
    }

    /// Like `redact`, for every text in a value.
    pub(super) fn redact_value(&self, value: Value) -> Value {
        self.0.redaction.value(value)
    }

    fn value(&self, name: &str) -> Result<&SecretValue, CallFailure> {
        self.0.values.get(name).ok_or_else(|| {
            CallFailure::lasting(format!(
                "secret `{name}` is not set; set the environment variable \
                 `FLOWTRIGGER_SECRET_{name}`, or say in the configuration where it is kept"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(place: SecretPlace) -> (Secrets, Vec<Missing>) {
        let places = BTreeMap::from([("KEY".to_owned(), place)]);
        Secrets::load(&places, ["KEY", "KEY"].into_iter())
    }

    fn text(encoding: Encoding) -> Text {
        Text(vec![
            Piece::Text("key=".into()),
            Piece::Secret {
                name: "KEY".into(),
                encoding,
            },
        ])
    }

    fn revealed(secrets: &Secrets, encoding: Encoding) -> String {
        match secrets.reveal(&text(encoding)) {
            Ok(value) => value.expose().to_owned(),
            Err(failure) => panic!("{}", failure.message),
        }
    }

    #[test]
    fn a_secret_that_no_rule_names_any_more_stays_and_a_renewed_one_is_new() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            Secrets::of(
                pairs
                    .map(|(name, value)| ((*name).to_owned(), SecretValue::new(*value)))
                    .collect(),
            )
        };
        let before = of(&[("GONE", "old"), ("KEPT", "old")]);
        let now = of(&[("KEPT", "new")]).over(&before);
        assert_eq!(now.value("GONE").unwrap().expose(), "old");
        assert_eq!(now.value("KEPT").unwrap().expose(), "new");
    }

    #[test]
    fn a_file_gives_the_secret_without_its_last_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("KEY");
        for (content, value) in [("a/b\n", "a/b"), ("a/b\r\n", "a/b"), ("a/b\n\n", "a/b\n")] {
            std::fs::write(&path, content).unwrap();
            let (secrets, missing) = load(SecretPlace::File(path.clone()));
            assert_eq!(missing, []);
            assert_eq!(revealed(&secrets, Encoding::Plain), format!("key={value}"));
        }
        let (secrets, _) = load(SecretPlace::File(folder.path().to_owned()));
        assert!(secrets.is_set("KEY"), "a folder holds a file per secret");
    }

    #[test]
    fn a_secret_is_written_in_the_encoding_of_its_place() {
        let values = BTreeMap::from([("KEY".to_owned(), SecretValue::new("a/b ü"))]);
        let secrets = Secrets::of(values);
        assert_eq!(revealed(&secrets, Encoding::Plain), "key=a/b ü");
        assert_eq!(revealed(&secrets, Encoding::Percent), "key=a%2Fb%20%C3%BC");
        assert_eq!(revealed(&secrets, Encoding::Base64), "key=YS9iIMO8");
    }

    #[test]
    fn what_cannot_be_read_is_told_once_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent");
        let (secrets, missing) = load(SecretPlace::File(path.clone()));
        assert_eq!(missing.len(), 1);
        let message = missing[0].to_string();
        assert!(message.starts_with("secret `KEY`: the file `"), "{message}");
        assert!(
            message.contains("does not exist; write the value to it"),
            "{message}"
        );
        let failure = secrets.reveal(&text(Encoding::Plain)).err().unwrap();
        assert!(failure.message.starts_with("secret `KEY` is not set"));
        assert!(!failure.retryable);

        std::fs::write(&path, "\n").unwrap();
        assert_eq!(load(SecretPlace::File(path.clone())).1[0].why, "is empty");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(load(SecretPlace::File(path)).1[0].why, "is not UTF-8");
    }

    #[test]
    fn the_default_place_is_an_environment_variable() {
        let (_, missing) = Secrets::load(&BTreeMap::new(), ["NOT_SET_ANYWHERE"].into_iter());
        assert_eq!(
            missing[0].to_string(),
            "secret `NOT_SET_ANYWHERE`: the environment variable \
             `FLOWTRIGGER_SECRET_NOT_SET_ANYWHERE` is not set; set it, or name another place for \
             the secret in the configuration"
        );
    }
}
