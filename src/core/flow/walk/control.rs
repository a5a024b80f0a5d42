//! Steps that only lead on: guards, values, choices, waits, flows with names, and ends.
//! None of them does anything outside.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::story::{Last, Story};
use super::{Due, End, Fault, Halt, Memory, Pass, Walk};
use crate::core::flow::control::{Choose, NamedFlow, Then, Wait};
use crate::core::flow::plan::{Judged, What};
use crate::core::flow::step::Step;
use crate::core::matching::evaluate::{Truth, evaluate};
use crate::core::matching::trace::Trace;
use crate::core::rule::condition::Condition;
use crate::core::rule::template::{RenderError, Template, TreeTemplate};
use crate::core::run::{Attempt, CallResult, Line, Reply};

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn guard(
        &mut self,
        step: &'a Step,
        place: &str,
        condition: &Condition,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if self.sketch.is_some() && memory.awaits(condition) {
            self.sketch(step, place, What::Later);
            return Ok(Pass::Past);
        }
        let mut trace = Trace::default();
        let truth = evaluate(condition, &memory.scope(), &mut trace);
        if self.sketch.is_some() {
            let trace = trace.clone();
            self.sketch(step, place, What::Guard { truth, trace });
        }
        Ok(match truth {
            Truth::True => Pass::Past,
            Truth::False | Truth::Unknown => Pass::End(End::Skipped {
                why: format!("the guard `{place}` did not hold"),
                trace,
            }),
        })
    }

    /// Its value is written down, so that it is made once. What a bundle puts into its document is made
    /// anew at each look: it is a copy of what is known.
    pub(super) fn set(
        &mut self,
        step: &'a Step,
        place: &str,
        story: Story<'l>,
        tree: &TreeTemplate,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if let Some(result) = story.result() {
            return Ok(Pass::On(result.clone()));
        }
        let value = match tree.render(&memory.scope()) {
            Ok(tree) => tree.redacted(),
            Err(error) => return Ok(self.failed_to_render(step, place, &error, memory)),
        };
        if self.sketch.is_some() {
            self.sketch(step, place, What::Set(value.clone()));
            return Ok(Pass::On(value));
        }
        match step.data {
            Some(_) => Ok(Pass::On(value)),
            None => Err(self.instant(place, value)),
        }
    }

    /// What took no time and needed nothing from outside.
    pub(super) fn instant(&self, place: &str, result: Value) -> Halt {
        self.ended(place, Ok(Reply { value: result }))
    }

    pub(super) fn ended(&self, place: &str, outcome: CallResult) -> Halt {
        Halt::Record(Box::new(Line::Attempt(Attempt {
            step: place.to_owned(),
            number: 1,
            started: self.now,
            took: std::time::Duration::ZERO,
            outcome,
        })))
    }

    pub(super) fn succeed(
        &mut self,
        step: &'a Step,
        place: &str,
        message: Option<&Template>,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let message = match text(message, memory) {
            Ok(message) => message,
            Err(error) => return Ok(self.failed_to_render(step, place, &error, memory)),
        };
        self.sketch(step, place, What::End(message.clone()));
        Ok(Pass::End(End::Succeeded { message }))
    }

    pub(super) fn fail(
        &mut self,
        step: &'a Step,
        place: &str,
        message: Option<&Template>,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let message = match text(message, memory) {
            Ok(message) => message,
            Err(error) => return Ok(self.failed_to_render(step, place, &error, memory)),
        };
        self.sketch(step, place, What::End(message.clone()));
        let message = message.unwrap_or_else(|| format!("the step `{place}` ends the run"));
        Ok(Pass::End(End::Failed(Fault {
            step: step.name.clone(),
            why: message.clone(),
            message,
            attempts: 0,
            status: None,
        })))
    }

    pub(super) fn choose(
        &mut self,
        step: &'a Step,
        place: &str,
        choose: &'a Choose,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let mut judged = Vec::new();
        for (index, branch) in choose.branches.iter().enumerate() {
            let Some(condition) = &branch.when else {
                self.chosen(step, place, judged, Some(index));
                return self.take(&branch.then, place, index, memory);
            };
            if self.sketch.is_some() && memory.awaits(condition) {
                self.sketch(step, place, What::Undecided(judged));
                return Ok(match branch.then {
                    Then::Flow(_) => Pass::Past,
                    // Nobody knows where it goes on.
                    Then::Goto(_) => Pass::End(End::Succeeded { message: None }),
                });
            }
            let mut trace = Trace::default();
            let truth = evaluate(condition, &memory.scope(), &mut trace);
            judged.push(Judged {
                at: branch.at,
                truth,
                trace,
            });
            if truth == Truth::True {
                self.chosen(step, place, judged, Some(index));
                return self.take(&branch.then, place, index, memory);
            }
        }
        self.chosen(step, place, judged, None);
        Ok(Pass::On(Value::Null))
    }

    fn chosen(&mut self, step: &'a Step, place: &str, judged: Vec<Judged>, taken: Option<usize>) {
        self.sketch(step, place, What::Choice { judged, taken });
    }

    fn take(
        &mut self,
        then: &'a Then,
        place: &str,
        index: usize,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let flow = match then {
            Then::Goto(step) => return Ok(Pass::To(*step)),
            Then::Flow(flow) => flow,
        };
        let mut inner = memory.clone();
        let prefix = format!("{place}.{}.", index + 1);
        let end = self.enter(place, |walk| walk.flow(flow, &prefix, &mut inner))?;
        Ok(match end {
            End::Finished(value) => Pass::On(value),
            end => Pass::End(end),
        })
    }

    pub(super) fn named(
        &mut self,
        step: &'a Step,
        place: &str,
        named: &'a NamedFlow,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let given = named
            .given
            .as_ref()
            .map(|tree| tree.render(&memory.scope()));
        let given = match given.transpose() {
            Ok(given) => given.map(|tree| tree.redacted()),
            Err(error) => return Ok(self.failed_to_render(step, place, &error, memory)),
        };
        self.sketch(step, place, What::Enters(named.name.to_string()));
        let vars = match given {
            None => Cow::Borrowed(&*named.vars),
            Some(given) => Cow::Owned(laid_over(&named.vars, given)),
        };
        let mut inner = Memory {
            vars,
            ..self.subject.memory(&named.flow)
        };
        let end = self.enter(place, |walk| {
            walk.flow(&named.flow, &format!("{place}."), &mut inner)
        })?;
        Ok(match end {
            End::Finished(value) => Pass::On(value),
            End::Succeeded { .. } | End::Skipped { .. } => Pass::On(Value::Null),
            End::Failed(fault) => Pass::End(End::Failed(fault)),
        })
    }

    pub(super) fn wait(
        &mut self,
        step: &'a Step,
        place: &str,
        story: Story<'l>,
        wait: &Wait,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if let Last::Waiting { until } = story.last {
            if until <= self.horizon {
                return Ok(Pass::Past);
            }
            self.waits.push(Due::Wait(until));
            return Err(Halt::Stops);
        }
        if let (Some(_), Wait::Until(path)) = (&self.sketch, wait)
            && memory.awaits_path(path)
        {
            self.sketch(step, place, What::Later);
            return Ok(Pass::Past);
        }
        let until = match self.end_of(wait, memory) {
            Ok(until) => until,
            Err(message) => return Ok(self.unfit(step, place, message)),
        };
        if self.sketch.is_some() {
            self.sketch(step, place, What::Wait { until });
            return Ok(Pass::Past);
        }
        if until <= self.now {
            return Ok(Pass::Past);
        }
        self.begin()?;
        Err(Halt::Record(Box::new(Line::Waiting {
            step: place.to_owned(),
            at: self.now,
            until,
        })))
    }

    fn end_of(&self, wait: &Wait, memory: &Memory<'a>) -> Result<Timestamp, String> {
        match wait {
            Wait::For(time) => {
                let time = SignedDuration::try_from(*time).unwrap_or(SignedDuration::MAX);
                Ok(self.now.checked_add(time).unwrap_or(Timestamp::MAX))
            }
            Wait::Until(path) => {
                let found = path.resolve(&memory.scope()).to_json();
                let Some(found) = found else {
                    return Err(format!(
                        "`{}` is not there to wait for; test it with a guard before",
                        path.text
                    ));
                };
                let time = found.as_str().and_then(|text| text.parse().ok());
                time.ok_or_else(|| {
                    format!(
                        "`{}` is {found}, and `wait` takes a time such as 2026-11-22T10:00:00Z",
                        path.text
                    )
                })
            }
        }
    }

    /// A step that cannot do its work with what it finds.
    pub(super) fn unfit(&mut self, step: &'a Step, place: &str, message: String) -> Pass {
        self.sketch(step, place, What::Fails(message.clone()));
        Pass::End(End::Failed(Fault {
            step: step.name.clone(),
            why: format!("step `{place}` failed: {message}"),
            message,
            attempts: 0,
            status: None,
        }))
    }
}

fn text(template: Option<&Template>, memory: &Memory<'_>) -> Result<Option<String>, RenderError> {
    let scope = memory.scope();
    let text = template
        .map(|template| template.render(&scope))
        .transpose()?;
    Ok(text.map(|text| text.to_string()))
}

/// The entries of an object with those of another over them.
fn laid_over(below: &Value, above: Value) -> Value {
    let mut entries = below.as_object().cloned().unwrap_or_else(Map::new);
    match above {
        Value::Object(above) => entries.extend(above),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
    Value::Object(entries)
}
