//! The values that a path or template can read: event, variables, step results, error and locals.

use jiff::Timestamp;
use serde_json::Value;

use crate::event::Event;

static NONE: Value = Value::Null;

/// The values in scope while a rule is evaluated or a step is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub event: &'a Event,
    /// `vars.…`: the variables of the configuration, overridden by those of the rule. An object.
    pub vars: &'a Value,
    /// `steps.NAME.…`: results of earlier steps of this run. An object.
    pub steps: &'a Value,
    /// `error.…`: the failure that an `on_dead` or `catch` flow handles. Null in any other flow.
    pub error: &'a Value,
    /// Local names: the item of `for_each`, the `events` that a debounce collected. An object, or null
    /// without locals.
    pub locals: &'a Value,
    /// `$` in a bundle's flow: the document that its states change. Null in any other flow.
    pub document: &'a Value,
    /// The time of the run, for jq programs of bundles. `None` before a run.
    pub now: Option<Timestamp>,
}

impl<'a> Scope<'a> {
    /// A scope with an event and the variables of its rule, before any step.
    pub const fn new(event: &'a Event, vars: &'a Value) -> Self {
        Self {
            event,
            vars,
            steps: &NONE,
            error: &NONE,
            locals: &NONE,
            document: &NONE,
            now: None,
        }
    }
}
