//! What a bundle's state sees of its document, and how it reads an error.
//! Steps have no document, and pass through here untouched.

use serde_json::{Value, json};

use super::Memory;
use crate::core::flow::step::{Action, Step};
use crate::core::rule::template::RenderError;
use crate::core::scope::Scope;

/// What a bundle's state sees instead of the whole document, where it says so.
pub fn seen(step: &Step, memory: &Memory<'_>) -> Result<Option<Value>, RenderError> {
    let Some(data) = &step.data else {
        return Ok(None);
    };
    let mut seen = None;
    if let Some(input) = &data.input {
        let found = input.resolve(&memory.scope()).to_json();
        let found = found.ok_or_else(|| RenderError::Absent {
            name: input.text.clone(),
        })?;
        seen = Some(found.into_owned());
    }
    // The parameters of a list are of its items.
    let parameters = match &step.action {
        Action::Each(_) => None,
        _ => data.parameters.as_ref(),
    };
    if let Some(parameters) = parameters {
        let scope = Scope {
            document: seen.as_ref().unwrap_or(&memory.document),
            ..memory.scope()
        };
        let rendered = parameters.render(&scope)?.redacted();
        seen = Some(rendered);
    }
    Ok(seen)
}

/// As a bundle's states read an error.
pub fn bundle_error(error: &Value) -> Value {
    let cause = match error["status"].as_u64() {
        Some(status) => format!("external action failed due to status code: {status}"),
        None => error["message"].as_str().unwrap_or_default().to_owned(),
    };
    json!({ "Error": "States.TaskFailed", "Cause": cause })
}
