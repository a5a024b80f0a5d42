//! Walks `for_each`: the state of each item, and the list of results.
//! An item that has ended has one log entry.

use serde_json::{Map, Value, json};

use crate::flow::control::{ForEach, OnFailure};
use crate::flow::limits;
use crate::flow::plan::PlanStepKind;
use crate::flow::step::Step;
use crate::flow::walk::history::LastEntry;
use crate::flow::walk::variables::Variables;
use crate::flow::walk::{FlowEnd, Interrupt, StepFailure, Transition, Walk};
use crate::language::template::RenderError;
use crate::path::Resolved;
use crate::path::scope::Scope;
use crate::run::call_result::{CallFailure, CallResult, Reply};

/// The items that a plan shows.
const MAX_PLANNED_ITEMS: usize = 3;

/// The items so far.
#[derive(Default)]
struct ItemResults {
    results: Vec<Value>,
    in_progress: u32,
}

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn each(
        &mut self,
        step: &'a Step,
        step_path: &str,
        each: &'a ForEach,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        if self.is_forecast() && variables.depends_on_unknown_path(&each.items) {
            self.plan_step(step, step_path, PlanStepKind::Later);
            return Ok(Transition::NextWithoutResult);
        }
        let items = match items(each, variables) {
            Ok(items) => items,
            Err(message) => return Ok(self.fail_step(step, step_path, message)),
        };
        if items.len() > limits::MAX_ITEMS {
            let why = limits::items(step_path, items.len());
            return Err(Interrupt::Exceeded { why });
        }
        self.plan_step(step, step_path, PlanStepKind::Items(items.len()));
        let before = (self.tasks.len(), self.waits.len());
        let (unknown, hidden) = (self.unknown_count(), self.is_hidden());
        let mut progress = ItemResults::default();
        for (index, item) in items.into_iter().enumerate() {
            if progress.in_progress == each.concurrency {
                break;
            }
            if index == MAX_PLANNED_ITEMS && self.is_forecast() {
                self.plan_step(step, step_path, PlanStepKind::More);
                self.hide(true);
            }
            if let Err(failure) = self.item(
                step,
                &format!("{step_path}[{index}]"),
                each,
                item,
                variables,
                &mut progress,
            )? {
                // Calls in progress end on their own; no more start.
                self.hide(hidden);
                self.tasks.truncate(before.0);
                self.waits.truncate(before.1);
                return Ok(Transition::End(FlowEnd::Failed(failure)));
            }
        }
        self.hide(hidden);
        match progress.in_progress {
            // The result of an item is unknown.
            0 if self.unknown_count() > unknown => Ok(Transition::NextWithoutResult),
            0 => Ok(Transition::Next(Value::Array(progress.results))),
            _ => Err(Interrupt::Stops),
        }
    }

    fn is_hidden(&self) -> bool {
        self.recorder
            .as_ref()
            .is_some_and(|recorder| recorder.hidden)
    }

    fn hide(&mut self, hidden: bool) {
        if let Some(recorder) = &mut self.recorder {
            recorder.hidden = hidden;
        }
    }

    /// Walks one item. Returns its failure if that ends the whole list.
    fn item(
        &mut self,
        step: &'a Step,
        step_path: &str,
        each: &'a ForEach,
        item: Value,
        variables: &Variables<'a>,
        progress: &mut ItemResults,
    ) -> Result<Result<(), StepFailure>, Interrupt> {
        if let LastEntry::Attempt(end) = self.log.history(step_path).last {
            progress.results.push(result(&end.outcome));
            return Ok(Ok(()));
        }
        let mut inner = match item_memory(step, each, item, variables) {
            Ok(inner) => inner,
            Err(error) => {
                let Transition::End(FlowEnd::Failed(failure)) =
                    self.failed_to_render(step, step_path, &error, variables)
                else {
                    return Ok(Ok(()));
                };
                return self.item_failed(step_path, each, failure, progress);
            }
        };
        let end = self.enter(step_path, |walk| {
            walk.flow(&each.flow, &format!("{step_path}."), &mut inner)
        });
        let result = match end {
            Ok(FlowEnd::Finished(result)) => result,
            // In a bundle the item's document is the result, however its flow ends.
            Ok(FlowEnd::Succeeded { .. }) if each.name.is_none() => inner.document.take(),
            Ok(FlowEnd::Succeeded { .. } | FlowEnd::Skipped { .. }) => Value::Null,
            Ok(FlowEnd::Failed(failure)) => {
                return self.item_failed(step_path, each, failure, progress);
            }
            Err(Interrupt::Stops) => {
                progress.in_progress += 1;
                return Ok(Ok(()));
            }
            Err(halt) => return Err(halt),
        };
        if self.recorder.is_some() {
            progress.results.push(result);
            return Ok(Ok(()));
        }
        Err(self.record_result(step_path, result))
    }

    fn item_failed(
        &mut self,
        step_path: &str,
        each: &ForEach,
        failure: StepFailure,
        progress: &mut ItemResults,
    ) -> Result<Result<(), StepFailure>, Interrupt> {
        let outcome = match each.on_failure {
            OnFailure::Stop => return Ok(Err(failure)),
            OnFailure::Continue => Err(CallFailure {
                status: failure.status,
                ..CallFailure::permanent(failure.why)
            }),
        };
        if self.recorder.is_some() {
            progress.results.push(result(&outcome));
            return Ok(Ok(()));
        }
        Err(self.record_attempt(step_path, outcome))
    }
}

fn items(each: &ForEach, variables: &Variables<'_>) -> Result<Vec<Value>, String> {
    let path = &each.items.text;
    match each.items.resolve(&variables.scope()) {
        Resolved::One(Value::Array(items)) => Ok(items.clone()),
        Resolved::Many(items) => Ok(items),
        Resolved::Absent => Err(format!(
            "the list `{path}` is absent; test it in a guard before"
        )),
        Resolved::One(other) => Err(format!(
            "expected a list for `for_each`, `{path}` is {}",
            kind(other)
        )),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The variables of an item's flow.
fn item_memory<'a>(
    step: &Step,
    each: &ForEach,
    item: Value,
    variables: &Variables<'a>,
) -> Result<Variables<'a>, RenderError> {
    let mut inner = variables.clone();
    if let Some(name) = &each.name {
        let mut locals = match inner.locals.take() {
            Value::Object(locals) => locals,
            _ => Map::new(),
        };
        locals.insert(name.to_string(), item);
        inner.locals = Value::Object(locals);
        return Ok(inner);
    }
    let parameters = step.data.as_ref().and_then(|data| data.parameters.as_ref());
    inner.document = match parameters {
        None => item,
        Some(parameters) => {
            let locals = json!({ "item": item });
            let scope = Scope {
                locals: &locals,
                ..variables.scope()
            };
            parameters.render(&scope)?.redacted()
        }
    };
    inner.unknown.clear();
    Ok(inner)
}

/// The result of an item that has ended.
fn result(outcome: &CallResult) -> Value {
    match outcome {
        Ok(Reply { value: result }) => result.clone(),
        Err(CallFailure {
            message, status, ..
        }) => json!({ "error": { "message": message, "status": status } }),
    }
}
