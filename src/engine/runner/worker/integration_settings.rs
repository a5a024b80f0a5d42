//! `LoadConfig` and `PatchConfig` of a bundle: the settings of the configuration, overlaid with stored changes.
//! Both are idempotent, so a retry is harmless.

use serde_json::{Map, Value};

use super::save::is_transient;
use crate::store::{Store, StoreError};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::unset_scope;
use flowtrigger_core::flow::call::SettingsCall;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};

pub async fn access<S: Store>(store: &S, config: &Config, call: &SettingsCall) -> CallResult {
    let integration = call.integration.as_str();
    let scope = match call.scope.contains('*') {
        true => match store.integration_scopes(integration).await {
            Ok(changed) => config.matching_scope(integration, &call.scope, changed),
            Err(error) => return Err(failure(&error)),
        },
        false => None,
    };
    let scope = scope.as_deref().unwrap_or(&call.scope);
    let changed = match &call.patch {
        Some(patch) => store
            .patch_integration_settings(integration, scope, patch.clone())
            .await
            .map(Some),
        None => store.integration_settings(integration, scope).await,
    };
    match (changed, config.settings_of(integration, scope)) {
        (Ok(None), None) => Err(CallFailure::permanent(unset_scope(integration, scope))),
        (Ok(changed), first) => Ok(Reply {
            value: laid_over(first, changed),
        }),
        (Err(error), _) => Err(failure(&error)),
    }
}

fn laid_over(first: Option<&Value>, changed: Option<Value>) -> Value {
    let mut settings = first.and_then(Value::as_object).cloned();
    let settings = settings.get_or_insert_with(Map::new);
    if let Some(Value::Object(changed)) = changed {
        settings.extend(changed);
    }
    Value::Object(std::mem::take(settings))
}

fn failure(error: &StoreError) -> CallFailure {
    let message = format!("reach the settings: {error}");
    match is_transient(error) {
        true => CallFailure::transient(message),
        false => CallFailure::permanent(message),
    }
}
