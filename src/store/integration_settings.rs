//! Settings of integrations: how a patch changes them, and their limits. Settings are not a place for data.

use serde_json::{Map, Value};

/// Bytes of one settings object, as JSON.
pub const MAX_BYTES: usize = 64 * 1024;
/// Scopes in which one integration has settings.
pub const MAX_SCOPES: usize = 1_000;

/// Why settings were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(
        "expected an object as the change of the settings of `{0}`, such as `{{\"limit\": 3}}`"
    )]
    NotAnObject(String),
    #[error(
        "the settings of `{integration}` in `{scope}` would be {size} bytes, and {most} is the limit; store lists and texts elsewhere",
        most = MAX_BYTES
    )]
    TooLarge {
        integration: String,
        scope: String,
        size: usize,
    },
    #[error(
        "`{integration}` has settings in {most} scopes, the limit; combine some of them",
        most = MAX_SCOPES
    )]
    TooManyScopes { integration: String },
}

/// An integration and one of its scopes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingsScope {
    pub integration: String,
    pub scope: String,
}

impl SettingsScope {
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
        if text.len() > MAX_BYTES {
            return Err(SettingsError::TooLarge {
                integration: self.integration.clone(),
                scope: self.scope.clone(),
                size: text.len(),
            });
        }
        Ok((settings, text))
    }

    /// # Errors
    /// If the integration already has settings in the maximum number of scopes.
    pub fn check_count(&self, scopes: usize) -> Result<(), SettingsError> {
        match scopes < MAX_SCOPES {
            true => Ok(()),
            false => Err(SettingsError::TooManyScopes {
                integration: self.integration.clone(),
            }),
        }
    }
}
