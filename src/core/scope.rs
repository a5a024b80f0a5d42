//! What a path or a template can read: the event, the variables, and the results of earlier steps.
//! It borrows everything and looks nothing up elsewhere.

use serde_json::Value;

use crate::core::event::Event;

/// The values in reach while one rule is judged or one step is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub event: &'a Event,
    /// `vars.…`: the configuration's variables with the rule's own laid over them. An object.
    pub vars: &'a Value,
    /// `steps.NAME.…`: results of earlier steps of this run. An object.
    pub steps: &'a Value,
    /// `error.…`: what went wrong, in a flow that runs for that reason. Null in any other.
    pub error: &'a Value,
}
