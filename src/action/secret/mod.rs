//! The values of secrets, and the only code that puts them into rendered text.
//! Values are never printed, compared or serialized; messages contain the name.

mod redaction;
mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub use flowtrigger_core::secret::SecretValue;
pub use source::MissingSecret;

use flowtrigger_core::language::rendered_text::{
    RenderedJson, RenderedText, SecretEncoding, TextPart,
};
use flowtrigger_core::run::call_result::CallFailure;
use flowtrigger_core::secret::SecretSource;
use redaction::Redactor;

/// Everything except the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The secrets of the loaded rules with their values. Clones share them.
#[derive(Clone)]
pub struct SecretStore(Arc<SecretStoreInner>);

struct SecretStoreInner {
    values: BTreeMap<String, SecretValue>,
    redaction: Redactor,
}

fn encoded(value: &SecretValue, encoding: SecretEncoding) -> Cow<'_, str> {
    match encoding {
        SecretEncoding::Plain => Cow::Borrowed(value.expose()),
        SecretEncoding::Percent => percent(value.expose()),
        SecretEncoding::Base64 => Cow::Owned(STANDARD.encode(value.expose())),
    }
}

/// The value as in a URL.
pub(super) fn percent(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, RESERVED).into()
}

impl SecretStore {
    /// Reads each secret once, and returns those that cannot be read too.
    pub fn load<'a>(
        places: &BTreeMap<String, SecretSource>,
        names: impl Iterator<Item = &'a str>,
    ) -> (Self, Vec<MissingSecret>) {
        let mut values = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for name in names {
            if values.contains_key(name) || missing.contains_key(name) {
                continue;
            }
            let place = match places.get(name) {
                Some(place) => place.clone(),
                None => SecretSource::default_for(name),
            };
            match source::read(name, &place) {
                Ok(value) => drop(values.insert(name.to_owned(), value)),
                Err(why) => {
                    let name = name.to_owned();
                    missing.insert(name.clone(), MissingSecret { name, place, why });
                }
            }
        }
        (Self::new(values), missing.into_values().collect())
    }

    /// A store with the given values.
    pub fn new(values: BTreeMap<String, SecretValue>) -> Self {
        let redaction = Redactor::new(&values);
        Self(Arc::new(SecretStoreInner { values, redaction }))
    }

    pub fn none() -> Self {
        Self::new(BTreeMap::new())
    }

    /// These secrets and one that was derived from them, such as basic credentials.
    pub(super) fn and(&self, name: &str, value: SecretValue) -> Self {
        let mut values = self.0.values.clone();
        values.insert(name.to_owned(), value);
        Self::new(values)
    }

    /// These secrets, and the earlier ones that have no newer value.
    pub(super) fn over(&self, earlier: &Self) -> Self {
        let mut values = earlier.0.values.clone();
        values.extend(self.0.values.clone());
        Self::new(values)
    }

    pub fn get(&self, name: &str) -> Option<&SecretValue> {
        self.0.values.get(name)
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.0.values.contains_key(name)
    }

    /// The text with the values of its secrets.
    pub(super) fn expose_text(&self, text: &RenderedText) -> Result<SecretValue, CallFailure> {
        let mut exposed = String::new();
        for piece in &text.0 {
            match piece {
                TextPart::Text(text) => exposed.push_str(text),
                TextPart::Secret { name, encoding } => {
                    exposed.push_str(&encoded(self.value(name)?, *encoding));
                }
            }
        }
        Ok(SecretValue::new(exposed))
    }

    /// The tree as JSON with the values of its secrets.
    pub(super) fn expose_tree(&self, tree: &RenderedJson) -> Result<Value, CallFailure> {
        Ok(match tree {
            RenderedJson::Value(value) => value.clone(),
            RenderedJson::Text(text) => Value::String(self.expose_text(text)?.expose().to_owned()),
            RenderedJson::List(items) => items
                .iter()
                .map(|item| self.expose_tree(item))
                .collect::<Result<_, _>>()?,
            RenderedJson::Map(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.expose_tree(value)?)))
                .collect::<Result<serde_json::Map<_, _>, CallFailure>>()?
                .into(),
        })
    }

    /// The text with the value of every secret replaced by its name.
    pub(super) fn redact(&self, text: &str) -> String {
        self.0.redaction.text(text).into_owned()
    }

    /// Like `redact`, for a text whose end was cut off.
    pub(super) fn redact_head(&self, text: &str) -> String {
        self.0.redaction.without_end(text)
    }

    /// Like `redact`, for a text whose beginning was cut off.
    pub(super) fn redact_tail(&self, text: &str) -> String {
        self.0.redaction.without_start(text)
    }

    /// Like `redact`, for all texts in a value.
    pub(super) fn redact_value(&self, value: Value) -> Value {
        self.0.redaction.value(value)
    }

    fn value(&self, name: &str) -> Result<&SecretValue, CallFailure> {
        self.0.values.get(name).ok_or_else(|| {
            CallFailure::permanent(format!(
                "secret `{name}` is not set; set the environment variable \
                 `FLOWTRIGGER_SECRET_{name}`, or say in the configuration where it is kept"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(place: SecretSource) -> (SecretStore, Vec<MissingSecret>) {
        let places = BTreeMap::from([("KEY".to_owned(), place)]);
        SecretStore::load(&places, ["KEY", "KEY"].into_iter())
    }

    fn text(encoding: SecretEncoding) -> RenderedText {
        RenderedText(vec![
            TextPart::Text("key=".into()),
            TextPart::Secret {
                name: "KEY".into(),
                encoding,
            },
        ])
    }

    fn exposed(secrets: &SecretStore, encoding: SecretEncoding) -> String {
        match secrets.expose_text(&text(encoding)) {
            Ok(value) => value.expose().to_owned(),
            Err(failure) => panic!("{}", failure.message),
        }
    }

    #[test]
    fn a_secret_that_no_rule_names_any_more_stays_and_a_renewed_one_is_new() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            SecretStore::new(
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
            let (secrets, missing) = load(SecretSource::File(path.clone()));
            assert_eq!(missing, []);
            assert_eq!(
                exposed(&secrets, SecretEncoding::Plain),
                format!("key={value}")
            );
        }
        let (secrets, _) = load(SecretSource::File(folder.path().to_owned()));
        assert!(secrets.is_set("KEY"), "a folder holds a file per secret");
    }

    #[test]
    fn a_secret_is_written_in_the_encoding_of_its_place() {
        let values = BTreeMap::from([("KEY".to_owned(), SecretValue::new("a/b ü"))]);
        let secrets = SecretStore::new(values);
        assert_eq!(exposed(&secrets, SecretEncoding::Plain), "key=a/b ü");
        assert_eq!(
            exposed(&secrets, SecretEncoding::Percent),
            "key=a%2Fb%20%C3%BC"
        );
        assert_eq!(exposed(&secrets, SecretEncoding::Base64), "key=YS9iIMO8");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_reported_once_with_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent");
        let (secrets, missing) = load(SecretSource::File(path.clone()));
        assert_eq!(missing.len(), 1);
        let message = missing[0].to_string();
        assert!(message.starts_with("secret `KEY`: the file `"), "{message}");
        assert!(
            message.contains("does not exist; write the value to it"),
            "{message}"
        );
        let failure = secrets
            .expose_text(&text(SecretEncoding::Plain))
            .err()
            .unwrap();
        assert!(failure.message.starts_with("secret `KEY` is not set"));
        assert!(!failure.retryable);

        std::fs::write(&path, "\n").unwrap();
        assert_eq!(load(SecretSource::File(path.clone())).1[0].why, "is empty");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(load(SecretSource::File(path)).1[0].why, "is not UTF-8");
    }

    #[test]
    fn the_default_source_is_an_environment_variable() {
        let (_, missing) = SecretStore::load(&BTreeMap::new(), ["NOT_SET_ANYWHERE"].into_iter());
        assert_eq!(
            missing[0].to_string(),
            "secret `NOT_SET_ANYWHERE`: the environment variable \
             `FLOWTRIGGER_SECRET_NOT_SET_ANYWHERE` is not set; set it, or configure another source for the secret"
        );
    }
}
