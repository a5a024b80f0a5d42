//! The values of secrets, and the only code that puts them into rendered text.
//! Values are never printed, compared or serialized; messages contain the name.

mod encoded;
pub(in crate::action) mod redaction;
mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
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

/// Everything except the characters of a path in RFC 3986, `/` and `%`.
const NOT_IN_PATH: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/')
    .remove(b'%');

/// The secrets of the loaded rules with their values. Clones share them.
#[derive(Clone)]
pub struct SecretStore(Arc<SecretStoreInner>);

struct SecretStoreInner {
    values: BTreeMap<String, SecretValue>,
    redaction: Redactor,
}

/// The value as it is inserted. `None` if it is inserted in a path and would change its structure.
fn encoded(value: &SecretValue, encoding: SecretEncoding) -> Option<Cow<'_, str>> {
    match encoding {
        SecretEncoding::Plain => Some(Cow::Borrowed(value.expose())),
        SecretEncoding::Path => is_path(value.expose()).then(|| in_path(value.expose())),
        SecretEncoding::Percent => Some(percent(value.expose())),
        SecretEncoding::Base64 => Some(Cow::Owned(STANDARD.encode(value.expose()))),
    }
}

/// Whether a text is one or several segments of a path, none of which leads elsewhere.
fn is_path(text: &str) -> bool {
    let ends_path = |c: char| matches!(c, '?' | '#' | '\\') || c.is_control();
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let leads_elsewhere = |segment: &str| {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        matches!(segment.as_ref(), "." | "..")
    };
    !text.contains(ends_path)
        && text.split('%').skip(1).all(is_escape)
        && !text.split('/').any(leads_elsewhere)
}

/// The value as in a path: unchanged, except for characters that no URL may contain.
pub(super) fn in_path(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, NOT_IN_PATH).into()
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
                    let value = encoded(self.value(name)?, *encoding);
                    exposed.push_str(&value.ok_or_else(|| not_a_path(name))?);
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

fn not_a_path(name: &str) -> CallFailure {
    CallFailure::permanent(format!(
        "secret `{name}` is not part of a path: it has a `?`, `#`, `\\`, control character or incomplete \
         `%` escape, or a segment `.` or `..`; write `{{{{ secret.{name} | urlencode }}}}` to insert it encoded, or put it \
         under `query`"
    ))
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
    fn a_secret_in_a_path_is_unchanged_and_must_be_a_path() {
        let store = |value: &str| {
            SecretStore::new(BTreeMap::from([(
                "KEY".to_owned(),
                SecretValue::new(value),
            )]))
        };
        for value in [
            "T0/B0/x-y_z",
            "123456:AB-cd",
            "a%2Fb",
            "/a//b/",
            "...",
            "a=b&c",
        ] {
            assert_eq!(
                exposed(&store(value), SecretEncoding::Path),
                format!("key={value}")
            );
        }
        assert_eq!(
            exposed(&store("a b/\"ü\"+"), SecretEncoding::Path),
            "key=a%20b/%22%C3%BC%22+"
        );
        for value in [
            "a?b", "a#b", "a\\b", "a\nb", "..", "a/../b", "a/.", "%2e%2e/b", "a%b", "a%2",
        ] {
            let failure = store(value).expose_text(&text(SecretEncoding::Path));
            let failure = failure.err().expect(value);
            assert!(failure.message.contains("`KEY` is not part of a path"));
            assert!(!failure.message.contains("a/") && !failure.retryable);
        }
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
        let denied = MissingSecret {
            why: "cannot be read: permission denied".to_owned(),
            ..missing[0].clone()
        };
        let message = denied.to_string();
        assert!(
            message.ends_with("give the user that runs flowtrigger read permission"),
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
