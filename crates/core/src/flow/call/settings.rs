//! Access to the integration settings of a bundle: as a template of a state, and rendered.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::flow::call::{Call, CallRendering, RenderedCall};
use crate::flow::step::StepSettings;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;

/// Access to the integration settings of a bundle: `LoadConfig` and `PatchConfig`.
#[derive(Debug, Clone)]
pub struct SettingsAccess {
    pub integration: Arc<str>,
    pub scope: Template,
    /// The keys to set. `None` only reads.
    pub patch: Option<JsonTemplate>,
}

/// Reads or changes the integration settings of a bundle in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsCall {
    pub integration: String,
    pub scope: String,
    /// The keys to set. `None` only reads.
    pub patch: Option<Value>,
}

impl CallRendering for SettingsAccess {
    fn kind(&self) -> &'static str {
        match self.patch {
            Some(_) => "patch_config",
            None => "load_config",
        }
    }

    fn secrets(&self) -> Vec<&str> {
        Vec::new()
    }

    fn render(&self, _: &StepSettings, scope: &Scope<'_>) -> Result<Call, RenderError> {
        let patch = self.patch.as_ref().map(|patch| patch.render(scope));
        Ok(Call::Config(SettingsCall {
            integration: self.integration.to_string(),
            scope: self.scope.render(scope)?.to_string(),
            patch: patch.transpose()?.map(|patch| patch.redacted()),
        }))
    }
}

impl RenderedCall for SettingsCall {
    fn kind(&self) -> &'static str {
        "config"
    }

    fn to_json(&self) -> Value {
        json!({"integration": self.integration, "scope": self.scope, "patch": self.patch})
    }
}
