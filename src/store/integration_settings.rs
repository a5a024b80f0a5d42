//! Settings of integrations: a patch laid over them, within bounds.
//! It refuses what is no object and what would not stay small: settings are no place for data.

use serde_json::{Map, Value};

/// Bytes of one settings object, as JSON.
pub const MOST_BYTES: usize = 64 * 1024;
/// Scopes that one integration has settings in.
pub const MOST_SCOPES: usize = 1_000;

/// Why settings were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(
        "settings of `{0}` are changed by an object, such as `{{\"limit\": 3}}`; what was given is none"
    )]
    NotAnObject(String),
    #[error(
        "the settings of `{integration}` in `{scope}` would be {size} bytes, and {most} is the limit; keep lists and texts elsewhere",
        most = MOST_BYTES
    )]
    TooLarge {
        integration: String,
        scope: String,
        size: usize,
    },
    #[error(
        "`{integration}` has settings in {most} scopes, the limit; put what belongs together into one",
        most = MOST_SCOPES
    )]
    TooManyScopes { integration: String },
}

/// Whose settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    pub integration: String,
    pub scope: String,
}

impl Scope {
    pub fn new(integration: &str, scope: &str) -> Self {
        Self {
            integration: integration.to_owned(),
            scope: scope.to_owned(),
        }
    }

    /// The settings after a patch, and as text.
    pub fn patched(
        &self,
        before: Option<Value>,
        patch: Value,
    ) -> Result<(Value, String), SettingsError> {
        let Value::Object(patch) = patch else {
            return Err(SettingsError::NotAnObject(self.integration.clone()));
        };
        let mut settings = match before {
            Some(Value::Object(before)) => before,
            Some(_) | None => Map::new(),
        };
        settings.extend(patch);
        let settings = Value::Object(settings);
        let text = settings.to_string();
        if text.len() > MOST_BYTES {
            return Err(SettingsError::TooLarge {
                integration: self.integration.clone(),
                scope: self.scope.clone(),
                size: text.len(),
            });
        }
        Ok((settings, text))
    }

    /// Whether one more scope has room beside so many.
    pub fn has_room(&self, scopes: usize) -> Result<(), SettingsError> {
        match scopes < MOST_SCOPES {
            true => Ok(()),
            false => Err(SettingsError::TooManyScopes {
                integration: self.integration.clone(),
            }),
        }
    }
}
