//! The input of a bundle's state (`InputPath`, `Parameters`) and the error object for its catchers.

use serde_json::{Value, json};

use crate::flow::step::{Action, Step};
use crate::flow::walk::variables::Variables;
use crate::language::template::RenderError;
use crate::path::scope::Scope;

/// The input of a bundle's state. `None` if it is the whole document, and for steps.
pub fn state_input(step: &Step, variables: &Variables<'_>) -> Result<Option<Value>, RenderError> {
    let Some(data) = &step.data else {
        return Ok(None);
    };
    let mut state_input = None;
    if let Some(input) = &data.input {
        let found = input.resolve(&variables.scope()).to_json();
        let found = found.ok_or_else(|| RenderError::Absent {
            name: input.text.clone(),
        })?;
        state_input = Some(found.into_owned());
    }
    // The parameters of a Map state apply to its items.
    let parameters = match &step.action {
        Action::Each(_) => None,
        _ => data.parameters.as_ref(),
    };
    if let Some(parameters) = parameters {
        let scope = Scope {
            document: state_input.as_ref().unwrap_or(&variables.document),
            ..variables.scope()
        };
        let rendered = parameters.render(&scope)?.redacted();
        state_input = Some(rendered);
    }
    Ok(state_input)
}

/// An error as bundle states read it.
pub fn bundle_error(error: &Value) -> Value {
    let cause = match error["status"].as_u64() {
        Some(status) => format!("external action failed due to status code: {status}"),
        None => error["message"].as_str().unwrap_or_default().to_owned(),
    };
    json!({ "Error": "States.TaskFailed", "Cause": cause })
}
