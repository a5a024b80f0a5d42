//! Walks `for_each`: the state of each item, and the list of results.
//! An item that has ended has one log entry.

use serde_json::{Map, Value, json};

use crate::flow::walk::{End, Fault, Halt, Pass, Walk};
use crate::flow::walk::variables::Memory;
use crate::flow::limits;
use crate::flow::control::{Each, OnFailure};
use crate::flow::plan::What;
use crate::flow::step::Step;
use crate::flow::walk::history::Last;
use crate::path::Found;
use crate::language::template::RenderError;
use crate::run::call_result::{CallFailure, CallResult, Reply};
use crate::path::scope::Scope;

/// The items that a plan shows.
const MAX_PLANNED_ITEMS: usize = 3;

/// The items so far.
#[derive(Default)]
struct Items {
    results: Vec<Value>,
    in_progress: u32,
}

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn each(
        &mut self,
        step: &'a Step,
        step_path: &str,
        each: &'a Each,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if self.recorder.is_some() && variables.depends_on_unknown_path(&each.items) {
            self.plan_step(step, step_path, What::Later);
            return Ok(Pass::NextWithoutResult);
        }
        let items = match items(each, variables) {
            Ok(items) => items,
            Err(message) => return Ok(self.fail_step(step, step_path, message)),
        };
        if items.len() > limits::MAX_ITEMS {
            let why = limits::items(step_path, items.len());
            return Err(Halt::Exceeded { why });
        }
        self.plan_step(step, step_path, What::Items(items.len()));
        let before = (self.tasks.len(), self.waits.len());
        let (unknown, hidden) = (self.unknown_count(), self.is_hidden());
        let mut progress = Items::default();
        for (index, item) in items.into_iter().enumerate() {
            if progress.in_progress == each.concurrency {
                break;
            }
            if index == MAX_PLANNED_ITEMS {
                self.plan_step(step, step_path, What::More);
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
                return Ok(Pass::End(End::Failed(failure)));
            }
        }
        self.hide(hidden);
        match progress.in_progress {
            // The result of an item is unknown.
            0 if self.unknown_count() > unknown => Ok(Pass::NextWithoutResult),
            0 => Ok(Pass::Next(Value::Array(progress.results))),
            _ => Err(Halt::Stops),
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
        each: &'a Each,
        item: Value,
        variables: &Memory<'a>,
        progress: &mut Items,
    ) -> Result<Result<(), Fault>, Halt> {
        if let Last::Attempt(end) = self.log.history(step_path).last {
            progress.results.push(result(&end.outcome));
            return Ok(Ok(()));
        }
        let mut inner = match item_memory(step, each, item, variables) {
            Ok(inner) => inner,
            Err(error) => {
                let Pass::End(End::Failed(failure)) =
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
            Ok(End::Finished(result)) => result,
            Ok(End::Succeeded { .. } | End::Skipped { .. }) => Value::Null,
            Ok(End::Failed(failure)) => {
                return self.item_failed(step_path, each, failure, progress);
            }
            Err(Halt::Stops) => {
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
        each: &Each,
        failure: Fault,
        progress: &mut Items,
    ) -> Result<Result<(), Fault>, Halt> {
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

fn items(each: &Each, variables: &Memory<'_>) -> Result<Vec<Value>, String> {
    let path = &each.items.text;
    match each.items.resolve(&variables.scope()) {
        Found::One(Value::Array(items)) => Ok(items.clone()),
        Found::Many(items) => Ok(items),
        Found::Absent => Err(format!(
            "the list `{path}` is absent; test it in a guard before"
        )),
        Found::One(other) => Err(format!(
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
    each: &Each,
    item: Value,
    variables: &Memory<'a>,
) -> Result<Memory<'a>, RenderError> {
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
