//! A flow for each item of a list, several at once: which item stands where, and the list of results.
//! An item that is over is known by one line of the log, whatever it did.

use serde_json::{Map, Value, json};

use super::{End, Fault, Halt, Memory, Pass, Walk};
use crate::core::flow::bounds;
use crate::core::flow::control::{Each, OnFailure};
use crate::core::flow::plan::What;
use crate::core::flow::step::Step;
use crate::core::flow::walk::story::Last;
use crate::core::rule::path::Found;
use crate::core::rule::template::RenderError;
use crate::core::run::{CallFailure, CallResult, Reply};
use crate::core::scope::Scope;

/// Items that a plan shows.
const SHOWN: usize = 3;

/// What is known of the items so far.
#[derive(Default)]
struct Items {
    results: Vec<Value>,
    under_way: u32,
}

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn each(
        &mut self,
        step: &'a Step,
        place: &str,
        each: &'a Each,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if self.sketch.is_some() && memory.awaits_path(&each.items) {
            self.sketch(step, place, What::Later);
            return Ok(Pass::Past);
        }
        let items = match items(each, memory) {
            Ok(items) => items,
            Err(message) => return Ok(self.unfit(step, place, message)),
        };
        if items.len() > bounds::MOST_ITEMS {
            let why = bounds::items(place, items.len());
            return Err(Halt::Exceeded { why });
        }
        self.sketch(step, place, What::Items(items.len()));
        let before = (self.tasks.len(), self.waits.len());
        let (unknown, hidden) = (self.unknown(), self.is_hidden());
        let mut known = Items::default();
        for (index, item) in items.into_iter().enumerate() {
            if known.under_way == each.concurrency {
                break;
            }
            if index == SHOWN {
                self.sketch(step, place, What::More);
                self.hide(true);
            }
            if let Err(fault) = self.item(
                step,
                &format!("{place}[{index}]"),
                each,
                item,
                memory,
                &mut known,
            )? {
                // What is under way ends by itself; nothing more begins.
                self.hide(hidden);
                self.tasks.truncate(before.0);
                self.waits.truncate(before.1);
                return Ok(Pass::End(End::Failed(fault)));
            }
        }
        self.hide(hidden);
        match known.under_way {
            // What one item gives nobody knows.
            0 if self.unknown() > unknown => Ok(Pass::Past),
            0 => Ok(Pass::On(Value::Array(known.results))),
            _ => Err(Halt::Stops),
        }
    }

    fn is_hidden(&self) -> bool {
        self.sketch.as_ref().is_some_and(|sketch| sketch.hidden)
    }

    fn hide(&mut self, hidden: bool) {
        if let Some(sketch) = &mut self.sketch {
            sketch.hidden = hidden;
        }
    }

    /// How one item stands; its failure where that ends the others.
    fn item(
        &mut self,
        step: &'a Step,
        place: &str,
        each: &'a Each,
        item: Value,
        memory: &Memory<'a>,
        known: &mut Items,
    ) -> Result<Result<(), Fault>, Halt> {
        if let Last::Attempt(end) = self.log.story(place).last {
            known.results.push(result(&end.outcome));
            return Ok(Ok(()));
        }
        let mut inner = match inner(step, each, item, memory) {
            Ok(inner) => inner,
            Err(error) => {
                let Pass::End(End::Failed(fault)) =
                    self.failed_to_render(step, place, &error, memory)
                else {
                    return Ok(Ok(()));
                };
                return self.failed(place, each, fault, known);
            }
        };
        let end = self.enter(place, |walk| {
            walk.flow(&each.flow, &format!("{place}."), &mut inner)
        });
        let result = match end {
            Ok(End::Finished(result)) => result,
            Ok(End::Succeeded { .. } | End::Skipped { .. }) => Value::Null,
            Ok(End::Failed(fault)) => return self.failed(place, each, fault, known),
            Err(Halt::Stops) => {
                known.under_way += 1;
                return Ok(Ok(()));
            }
            Err(halt) => return Err(halt),
        };
        if self.sketch.is_some() {
            known.results.push(result);
            return Ok(Ok(()));
        }
        Err(self.instant(place, result))
    }

    fn failed(
        &mut self,
        place: &str,
        each: &Each,
        fault: Fault,
        known: &mut Items,
    ) -> Result<Result<(), Fault>, Halt> {
        let outcome = match each.on_failure {
            OnFailure::Stop => return Ok(Err(fault)),
            OnFailure::Continue => Err(CallFailure {
                status: fault.status,
                ..CallFailure::permanent(fault.why)
            }),
        };
        if self.sketch.is_some() {
            known.results.push(result(&outcome));
            return Ok(Ok(()));
        }
        Err(self.ended(place, outcome))
    }
}

fn items(each: &Each, memory: &Memory<'_>) -> Result<Vec<Value>, String> {
    let path = &each.items.text;
    match each.items.resolve(&memory.scope()) {
        Found::One(Value::Array(items)) => Ok(items.clone()),
        Found::Many(items) => Ok(items),
        Found::Absent => Err(format!(
            "the list `{path}` is not there; test it with a guard before"
        )),
        Found::One(other) => Err(format!(
            "`{path}` is {}, and `for_each` takes a list",
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

/// What the item's flow knows.
fn inner<'a>(
    step: &Step,
    each: &Each,
    item: Value,
    memory: &Memory<'a>,
) -> Result<Memory<'a>, RenderError> {
    let mut inner = memory.clone();
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
                ..memory.scope()
            };
            parameters.render(&scope)?.redacted()
        }
    };
    inner.unknown.clear();
    Ok(inner)
}

/// What an item that is over gave.
fn result(outcome: &CallResult) -> Value {
    match outcome {
        Ok(Reply { value: result }) => result.clone(),
        Err(CallFailure {
            message, status, ..
        }) => json!({ "error": { "message": message, "status": status } }),
    }
}
