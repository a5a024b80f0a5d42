//! Walks the steps that make no call: guards, `set`, `choose`, `wait`, `flow`, `succeed` and `fail`.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::flow::control::{BranchTarget, Choose, FlowCall, Wait};
use crate::flow::plan::{PlanBranch, PlanStepKind};
use crate::flow::step::Step;
use crate::flow::walk::history::{LastEntry, StepHistory};
use crate::flow::walk::variables::Variables;
use crate::flow::walk::{FlowEnd, Interrupt, StepFailure, Timer, Transition, Walk};
use crate::language::condition::Condition;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::Trace;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{RenderError, Template};
use crate::run::call_result::{CallResult, Reply};
use crate::run::{Attempt, LogEntry};

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn guard(
        &mut self,
        step: &'a Step,
        step_path: &str,
        condition: &Condition,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        if self.is_forecast() && variables.depends_on_unknown(condition) {
            self.plan_step(step, step_path, PlanStepKind::Later);
            return Ok(Transition::NextWithoutResult);
        }
        let mut trace = Trace::default();
        let truth = evaluate(condition, &variables.scope(), &mut trace);
        if self.recorder.is_some() {
            let trace = trace.clone();
            self.plan_step(step, step_path, PlanStepKind::Guard { truth, trace });
        }
        Ok(match truth {
            Truth::True => Transition::NextWithoutResult,
            Truth::False | Truth::Unknown => Transition::End(FlowEnd::Skipped {
                guard: step_path.to_owned(),
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
        history: StepHistory<'l>,
        tree: &JsonTemplate,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        if let Some(result) = history.result() {
            return Ok(Transition::Next(result.clone()));
        }
        let value = match tree.render(&variables.scope()) {
            Ok(tree) => tree.redacted(),
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        if self.recorder.is_some() {
            self.plan_step(step, step_path, PlanStepKind::Set(value.clone()));
            return Ok(Transition::Next(value));
        }
        match step.data {
            Some(_) => Ok(Transition::Next(value)),
            None => Err(self.record_result(step_path, value)),
        }
    }

    /// Records the result of a step without a call.
    pub(super) fn record_result(&self, step_path: &str, result: Value) -> Interrupt {
        self.record_attempt(step_path, Ok(Reply { value: result }))
    }

    pub(super) fn record_attempt(&self, step_path: &str, outcome: CallResult) -> Interrupt {
        Interrupt::Record(Box::new(LogEntry::Attempt(Attempt {
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
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let message = match render_text(message, variables) {
            Ok(message) => message,
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        self.plan_step(step, step_path, PlanStepKind::End(message.clone()));
        Ok(Transition::End(FlowEnd::Succeeded { message }))
    }

    pub(super) fn fail(
        &mut self,
        step: &'a Step,
        step_path: &str,
        message: Option<&Template>,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let message = match render_text(message, variables) {
            Ok(message) => message,
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        self.plan_step(step, step_path, PlanStepKind::End(message.clone()));
        let message = message.unwrap_or_else(|| format!("step `{step_path}` ended the run"));
        Ok(Transition::End(FlowEnd::Failed(StepFailure {
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
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let mut branches = Vec::new();
        for (index, branch) in choose.branches.iter().enumerate() {
            let Some(condition) = &branch.when else {
                self.plan_choice(step, step_path, branches, Some(index));
                return self.run_branch(&branch.then, step_path, index, variables);
            };
            if self.is_forecast() && variables.depends_on_unknown(condition) {
                self.plan_step(step, step_path, PlanStepKind::Undecided(branches));
                return Ok(match branch.then {
                    BranchTarget::Flow(_) => Transition::NextWithoutResult,
                    // It is unknown where the flow continues.
                    BranchTarget::Goto(_) => Transition::End(FlowEnd::Succeeded { message: None }),
                });
            }
            let mut trace = Trace::default();
            let truth = evaluate(condition, &variables.scope(), &mut trace);
            branches.push(PlanBranch {
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
        Ok(Transition::Next(Value::Null))
    }

    fn plan_choice(
        &mut self,
        step: &'a Step,
        step_path: &str,
        branches: Vec<PlanBranch>,
        taken: Option<usize>,
    ) {
        self.plan_step(step, step_path, PlanStepKind::Choice { branches, taken });
    }

    fn run_branch(
        &mut self,
        then: &'a BranchTarget,
        step_path: &str,
        index: usize,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let flow = match then {
            BranchTarget::Goto(step) => return Ok(Transition::To(*step)),
            BranchTarget::Flow(flow) => flow,
        };
        let mut inner = variables.clone();
        let prefix = format!("{step_path}.{}.", index + 1);
        let end = self.enter(step_path, |walk| walk.flow(flow, &prefix, &mut inner))?;
        Ok(match end {
            FlowEnd::Finished(value) => Transition::Next(value),
            end => Transition::End(end),
        })
    }

    pub(super) fn named(
        &mut self,
        step: &'a Step,
        step_path: &str,
        named: &'a FlowCall,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let given = named
            .given
            .as_ref()
            .map(|tree| tree.render(&variables.scope()));
        let given = match given.transpose() {
            Ok(given) => given.map(|tree| tree.redacted()),
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        self.plan_step(
            step,
            step_path,
            PlanStepKind::Enters(named.name.to_string()),
        );
        let vars = match given {
            None => Cow::Borrowed(&*named.vars),
            Some(given) => Cow::Owned(overridden(&named.vars, given)),
        };
        let mut inner = Variables {
            vars,
            ..self.variables(&named.flow)
        };
        let end = self.enter(step_path, |walk| {
            walk.flow(&named.flow, &format!("{step_path}."), &mut inner)
        })?;
        Ok(match end {
            FlowEnd::Finished(value) => Transition::Next(value),
            FlowEnd::Succeeded { .. } | FlowEnd::Skipped { .. } => Transition::Next(Value::Null),
            FlowEnd::Failed(failure) => Transition::End(FlowEnd::Failed(failure)),
        })
    }

    pub(super) fn wait(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: StepHistory<'l>,
        wait: &Wait,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        if let LastEntry::Waiting { until } = history.last {
            return self.continue_wait(step_path, until, history.revived);
        }
        if let (true, Wait::Until(path)) = (self.is_forecast(), wait)
            && variables.depends_on_unknown_path(path)
        {
            self.plan_step(step, step_path, PlanStepKind::Later);
            return Ok(Transition::NextWithoutResult);
        }
        let until = match self.wait_end(wait, variables) {
            Ok(until) => until,
            Err(message) => return Ok(self.fail_step(step, step_path, message)),
        };
        if self.recorder.is_some() {
            self.plan_step(step, step_path, PlanStepKind::Wait { until });
            return Ok(Transition::NextWithoutResult);
        }
        if until <= self.now {
            return Ok(Transition::NextWithoutResult);
        }
        self.check_age()?;
        if self.time_limit.is_some() {
            self.check_age_at(until)?;
        }
        Err(Interrupt::Record(Box::new(LogEntry::Waiting {
            step: step_path.to_owned(),
            at: self.now,
            until,
        })))
    }

    /// A wait that began before. A retry by an operator does not end it: it is recorded again, so that the claim
    /// that the retry caused is not taken for its end.
    fn continue_wait(
        &mut self,
        step_path: &str,
        until: Timestamp,
        revived: bool,
    ) -> Result<Transition, Interrupt> {
        let over = match (revived, self.log.since) {
            (true, Some(retried)) => self.horizon.max(retried),
            (_, _) => self.horizon,
        };
        if until <= over {
            return Ok(Transition::NextWithoutResult);
        }
        if revived {
            return Err(Interrupt::Record(Box::new(LogEntry::Waiting {
                step: step_path.to_owned(),
                at: self.now,
                until,
            })));
        }
        self.waits.push(Timer::Wait(until));
        Err(Interrupt::Stops)
    }

    fn wait_end(&self, wait: &Wait, variables: &Variables<'a>) -> Result<Timestamp, String> {
        match wait {
            Wait::For(time) => Ok(time.after(self.now)),
            Wait::Until(path) => {
                let found = path.resolve(&variables.scope()).to_json();
                let Some(found) = found else {
                    return Err(format!(
                        "`{}` is absent, so `wait` has no time; test it in a guard before",
                        path.text
                    ));
                };
                variables.event.read_time(&found).ok_or_else(|| {
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
        variables: &mut Variables<'a>,
    ) -> Transition {
        let pass = self.failed_to_render(step, step_path, error, variables);
        if matches!(pass, Transition::NextWithoutResult) {
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
        variables: &Variables<'a>,
    ) -> Transition {
        let unknown = error.reads_step() || variables.may_be_unknown(error);
        if self.is_forecast() && unknown {
            self.plan_step(step, step_path, PlanStepKind::Later);
            return Transition::NextWithoutResult;
        }
        self.plan_step(step, step_path, PlanStepKind::Fails(error.to_string()));
        Transition::End(FlowEnd::Failed(StepFailure {
            step: step.name.clone(),
            message: error.to_string(),
            attempts: 0,
            status: None,
            why: format!("step `{step_path}` cannot be rendered: {error}"),
        }))
    }

    /// Fails a step whose input has the wrong type.
    pub(super) fn fail_step(
        &mut self,
        step: &'a Step,
        step_path: &str,
        message: String,
    ) -> Transition {
        self.plan_step(step, step_path, PlanStepKind::Fails(message.clone()));
        Transition::End(FlowEnd::Failed(StepFailure {
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
    variables: &Variables<'_>,
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
