//! What a path or a template can read: the event, the variables, the results of earlier steps and what
//! the flow named. It borrows everything and looks nothing up elsewhere.

use serde_json::Value;

use crate::core::event::Event;

static NOTHING: Value = Value::Null;

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
    /// What the flow gave names to, each a name of the top: the item under `for_each`, the `events`
    /// that a gate gathered. An object, or null where there is none.
    pub locals: &'a Value,
    /// `$` in a bundle's flow, which its states make and change; null in any other flow.
    pub document: &'a Value,
}

impl<'a> Scope<'a> {
    /// An event and its rule's variables, before any step.
    pub const fn new(event: &'a Event, vars: &'a Value) -> Self {
        Self {
            event,
            vars,
            steps: &NOTHING,
            error: &NOTHING,
            locals: &NOTHING,
            document: &NOTHING,
        }
    }
}
