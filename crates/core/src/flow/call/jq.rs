//! Calls of jq programs: as written in a flow, and with their input.

use serde_json::{Value, json};

use crate::flow::call::{Call, CallRendering, RenderedCall};
use crate::flow::jq::with_now;
use crate::flow::step::StepSettings;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;

/// A jq program over a value.
#[derive(Debug, Clone)]
pub struct JqStep {
    pub program: Template,
    pub input: JqInput,
    pub clock: JqClock,
}

/// Whether a jq program has the function `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JqClock {
    /// No: the result depends on the input alone.
    Absent,
    /// `now` is the time of the run, the same in all attempts.
    RunTime,
}

#[derive(Debug, Clone)]
pub enum JqInput {
    /// The event's body, with `event`, `vars` and `steps` added to its fields.
    Everything,
    Tree(JsonTemplate),
}

/// A jq program with its input. It has no other input, and limits of time and memory.
#[derive(Debug, Clone, PartialEq)]
pub struct JqCall {
    pub program: String,
    pub input: Value,
}

impl CallRendering for JqStep {
    fn kind(&self) -> &'static str {
        "set"
    }

    fn secrets(&self) -> Vec<&str> {
        match &self.input {
            JqInput::Everything => Vec::new(),
            JqInput::Tree(tree) => tree.secrets(),
        }
    }

    fn reads_everything(&self) -> bool {
        matches!(self.input, JqInput::Everything)
    }

    fn render(&self, _: &StepSettings, scope: &Scope<'_>) -> Result<Call, RenderError> {
        let program = self.program.render(scope)?.to_string();
        Ok(Call::Jq(JqCall {
            program: match (self.clock, scope.now) {
                (JqClock::RunTime, Some(now)) => with_now(&program, now),
                (JqClock::RunTime, None) | (JqClock::Absent, _) => program,
            },
            input: match &self.input {
                JqInput::Tree(tree) => tree.render(scope)?.redacted(),
                JqInput::Everything => everything(scope),
            },
        }))
    }
}

impl RenderedCall for JqCall {
    fn kind(&self) -> &'static str {
        "jq"
    }

    fn to_json(&self) -> Value {
        json!({"program": self.program, "input": self.input})
    }
}

/// The event's body, with everything else that a step can read added to its fields. `body` is the whole body,
/// so that no name hides a field of the sender.
fn everything(scope: &Scope<'_>) -> Value {
    let mut all = scope.event.body.as_object().cloned().unwrap_or_default();
    all.insert("body".into(), scope.event.body.clone());
    all.insert("event".into(), scope.event.header_with_body());
    all.insert("vars".into(), scope.vars.clone());
    all.insert("steps".into(), scope.steps.clone());
    all.extend(scope.locals.as_object().cloned().unwrap_or_default());
    if !scope.error.is_null() {
        all.insert("error".into(), scope.error.clone());
    }
    all.into()
}
