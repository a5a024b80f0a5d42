//! Walks the steps that make no call: guards, `set`, `choose`, `wait`, `flow`, `succeed` and `fail`.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::flow::walk::history::{Last, Story};
use crate::flow::walk::{Due, End, Fault, Halt, Pass, Walk};
use crate::flow::walk::variables::Memory;
use crate::flow::control::{Choose, NamedFlow, Then, Wait};
use crate::flow::plan::{Judged, What};
use crate::flow::step::Step;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::Trace;
use crate::language::condition::Condition;
use crate::language::template::{RenderError, Template};
use crate::language::template::json::TreeTemplate;
use crate::run::{Attempt, Line};
use crate::run::call_result::{CallResult, Reply};

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn guard(
        &mut self,
        step: &'a Step,
        step_path: &str,
        condition: &Condition,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if self.recorder.is_some() && variables.depends_on_unknown(condition) {
            self.plan_step(step, step_path, What::Later);
            return Ok(Pass::NextWithoutResult);
        }
        let mut trace = Trace::default();
        let truth = evaluate(condition, &variables.scope(), &mut trace);
        if self.recorder.is_some() {
            let trace = trace.clone();
            self.plan_step(step, step_path, What::Guard { truth, trace });
        }
        Ok(match truth {
            Truth::True => Pass::NextWithoutResult,
            Truth::False | Truth::Unknown => Pass::End(End::Skipped {
                why: format!("the guard `{step_path}` was not true"),
                trace,
            }),
        })
    }

    /// Records the value in the log, so that it is rendered only once. A bundle's state is rendered again
    /// at each walk, because its value depends only on what the log contains already.
    pub(super) fn set(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: Story<'l>,
        tree: &TreeTemplate,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if let Some(result) = history.result() {
            return Ok(Pass::Next(result.clone()));
        }
        let value = match tree.render(&variables.scope()) {
            Ok(tree) => tree.redacted(),
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        if self.recorder.is_some() {
            self.plan_step(step, step_path, What::Set(value.clone()));
            return Ok(Pass::Next(value));
        }
        match step.data {
            Some(_) => Ok(Pass::Next(value)),
            None => Err(self.record_result(step_path, value)),
        }
    }

    /// Records the result of a step without a call.
    pub(super) fn record_result(&self, step_path: &str, result: Value) -> Halt {
        self.record_attempt(step_path, Ok(Reply { value: result }))
    }

    pub(super) fn record_attempt(&self, step_path: &str, outcome: CallResult) -> Halt {
        Halt::Record(Box::new(Line::Attempt(Attempt {
            step: step_path.to_owned(),
            number: 1,
            started: self.now,
            took: std::time::Duration::ZERO,
            outcome,
        })))
    }

    pub(super) fn succeed(
        &mut self,
        step: &'a Step,
        step_path: &str,
        message: Option<&Template>,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let message = match render_text(message, variables) {
            Ok(message) => message,
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        self.plan_step(step, step_path, What::End(message.clone()));
        Ok(Pass::End(End::Succeeded { message }))
    }

    pub(super) fn fail(
        &mut self,
        step: &'a Step,
        step_path: &str,
        message: Option<&Template>,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let message = match render_text(message, variables) {
            Ok(message) => message,
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        self.plan_step(step, step_path, What::End(message.clone()));
        let message = message.unwrap_or_else(|| format!("step `{step_path}` ended the run"));
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
        step_path: &str,
        choose: &'a Choose,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let mut branches = Vec::new();
        for (index, branch) in choose.branches.iter().enumerate() {
            let Some(condition) = &branch.when else {
                self.plan_choice(step, step_path, branches, Some(index));
                return self.run_branch(&branch.then, step_path, index, variables);
            };
            if self.recorder.is_some() && variables.depends_on_unknown(condition) {
                self.plan_step(step, step_path, What::Undecided(branches));
                return Ok(match branch.then {
                    Then::Flow(_) => Pass::NextWithoutResult,
                    // It is unknown where the flow continues.
                    Then::Goto(_) => Pass::End(End::Succeeded { message: None }),
                });
            }
            let mut trace = Trace::default();
            let truth = evaluate(condition, &variables.scope(), &mut trace);
            branches.push(Judged {
                at: branch.at,
                truth,
                trace,
            });
            if truth == Truth::True {
                self.plan_choice(step, step_path, branches, Some(index));
                return self.run_branch(&branch.then, step_path, index, variables);
            }
        }
        self.plan_choice(step, step_path, branches, None);
        Ok(Pass::Next(Value::Null))
    }

    fn plan_choice(
        &mut self,
        step: &'a Step,
        step_path: &str,
        branches: Vec<Judged>,
        taken: Option<usize>,
    ) {
        self.plan_step(step, step_path, What::Choice { branches, taken });
    }

    fn run_branch(
        &mut self,
        then: &'a Then,
        step_path: &str,
        index: usize,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let flow = match then {
            Then::Goto(step) => return Ok(Pass::To(*step)),
            Then::Flow(flow) => flow,
        };
        let mut inner = variables.clone();
        let prefix = format!("{step_path}.{}.", index + 1);
        let end = self.enter(step_path, |walk| walk.flow(flow, &prefix, &mut inner))?;
        Ok(match end {
            End::Finished(value) => Pass::Next(value),
            end => Pass::End(end),
        })
    }

    pub(super) fn named(
        &mut self,
        step: &'a Step,
        step_path: &str,
        named: &'a NamedFlow,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let given = named
            .given
            .as_ref()
            .map(|tree| tree.render(&variables.scope()));
        let given = match given.transpose() {
            Ok(given) => given.map(|tree| tree.redacted()),
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        self.plan_step(step, step_path, What::Enters(named.name.to_string()));
        let vars = match given {
            None => Cow::Borrowed(&*named.vars),
            Some(given) => Cow::Owned(overridden(&named.vars, given)),
        };
        let mut inner = Memory {
            vars,
            ..self.subject.variables(&named.flow)
        };
        let end = self.enter(step_path, |walk| {
            walk.flow(&named.flow, &format!("{step_path}."), &mut inner)
        })?;
        Ok(match end {
            End::Finished(value) => Pass::Next(value),
            End::Succeeded { .. } | End::Skipped { .. } => Pass::Next(Value::Null),
            End::Failed(failure) => Pass::End(End::Failed(failure)),
        })
    }

    pub(super) fn wait(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: Story<'l>,
        wait: &Wait,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        if let Last::Waiting { until } = history.last {
            if until <= self.horizon {
                return Ok(Pass::NextWithoutResult);
            }
            self.waits.push(Due::Wait(until));
            return Err(Halt::Stops);
        }
        if let (Some(_), Wait::Until(path)) = (&self.recorder, wait)
            && variables.depends_on_unknown_path(path)
        {
            self.plan_step(step, step_path, What::Later);
            return Ok(Pass::NextWithoutResult);
        }
        let until = match self.wait_end(wait, variables) {
            Ok(until) => until,
            Err(message) => return Ok(self.fail_step(step, step_path, message)),
        };
        if self.recorder.is_some() {
            self.plan_step(step, step_path, What::Wait { until });
            return Ok(Pass::NextWithoutResult);
        }
        if until <= self.now {
            return Ok(Pass::NextWithoutResult);
        }
        self.check_age()?;
        Err(Halt::Record(Box::new(Line::Waiting {
            step: step_path.to_owned(),
            at: self.now,
            until,
        })))
    }

    fn wait_end(&self, wait: &Wait, variables: &Memory<'a>) -> Result<Timestamp, String> {
        match wait {
            Wait::For(time) => {
                let time = SignedDuration::try_from(*time).unwrap_or(SignedDuration::MAX);
                Ok(self.now.checked_add(time).unwrap_or(Timestamp::MAX))
            }
            Wait::Until(path) => {
                let found = path.resolve(&variables.scope()).to_json();
                let Some(found) = found else {
                    return Err(format!(
                        "`{}` is absent, so `wait` has no time; test it in a guard before",
                        path.text
                    ));
                };
                let time = found.as_str().and_then(|text| text.parse().ok());
                time.ok_or_else(|| {
                    format!(
                        "expected a time for `wait` such as 2026-11-22T10:00:00Z, `{}` is {found}",
                        path.text
                    )
                })
            }
        }
    }

    /// Fails a step whose input cannot be rendered. In a plan the input may only be unknown.
    pub(super) fn fail_input(
        &mut self,
        step: &'a Step,
        step_path: &str,
        error: &RenderError,
        variables: &mut Memory<'a>,
    ) -> Pass {
        let pass = self.failed_to_render(step, step_path, error, variables);
        if matches!(pass, Pass::NextWithoutResult) {
            variables.mark_unknown(step);
        }
        pass
    }

    /// Fails a step that cannot be rendered. In a plan a value may only be unknown.
    pub(super) fn failed_to_render(
        &mut self,
        step: &'a Step,
        step_path: &str,
        error: &RenderError,
        variables: &Memory<'a>,
    ) -> Pass {
        let unknown = error.reads_step() || variables.may_be_unknown(error);
        if self.recorder.is_some() && unknown {
            self.plan_step(step, step_path, What::Later);
            return Pass::NextWithoutResult;
        }
        self.plan_step(step, step_path, What::Fails(error.to_string()));
        Pass::End(End::Failed(Fault {
            step: step.name.clone(),
            message: error.to_string(),
            attempts: 0,
            status: None,
            why: format!("step `{step_path}` cannot be rendered: {error}"),
        }))
    }

    /// Fails a step whose input has the wrong type.
    pub(super) fn fail_step(&mut self, step: &'a Step, step_path: &str, message: String) -> Pass {
        self.plan_step(step, step_path, What::Fails(message.clone()));
        Pass::End(End::Failed(Fault {
            step: step.name.clone(),
            why: format!("step `{step_path}` failed: {message}"),
            message,
            attempts: 0,
            status: None,
        }))
    }
}

fn render_text(
    template: Option<&Template>,
    variables: &Memory<'_>,
) -> Result<Option<String>, RenderError> {
    let scope = variables.scope();
    let text = template
        .map(|template| template.render(&scope))
        .transpose()?;
    Ok(text.map(|text| text.to_string()))
}

/// The entries of an object, overridden by those of another.
fn overridden(base: &Value, overrides: Value) -> Value {
    let mut entries = base.as_object().cloned().unwrap_or_else(Map::new);
    match overrides {
        Value::Object(overrides) => entries.extend(overrides),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
    Value::Object(entries)
}
