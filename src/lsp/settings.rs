//! The settings that a client passes as `initializationOptions`.

use serde::Deserialize;
use serde_json::Value;

/// Settings of one session. Unknown keys are ignored, because clients add their own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Whether rules show their runs of the last 7 days. Default: false.
    pub inlay_hints: bool,
}

impl Settings {
    /// Reads the settings; those that cannot be read are the defaults, and logged.
    pub fn read(options: Option<&Value>) -> Self {
        let Some(options) = options.filter(|options| !options.is_null()) else {
            return Self::default();
        };
        match Self::deserialize(options) {
            Ok(settings) => settings,
            Err(error) => {
                tracing::warn!(%error, "invalid settings of the editor; the defaults apply");
                Self::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_have_defaults() {
        assert!(!Settings::read(None).inlay_hints);
        assert!(!Settings::read(Some(&Value::Null)).inlay_hints);
        assert!(!Settings::read(Some(&json!({ "inlayHints": 3 }))).inlay_hints);
        assert!(Settings::read(Some(&json!({ "inlayHints": true, "other": 1 }))).inlay_hints);
    }
}
