//! Interprets a flow against the log of its run.
//! Each walk starts at the first step and stops where a call, a wait or a log entry is needed, or at the
//! end. A walk keeps no state for the next one.

pub(crate) mod action;
pub(crate) mod age;
pub(crate) mod control;
pub(crate) mod for_each;
pub(crate) mod history;
pub(crate) mod recorder;
pub(crate) mod state_data;
pub(crate) mod timer;
pub(crate) mod variables;
pub(crate) mod wait_for;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use crate::flow::walk::recorder::PlanRecorder;
use crate::flow::walk::state_data::{bundle_error, state_input};
pub use crate::flow::walk::timer::Timer;
pub use crate::flow::walk::variables::Variables;

use crate::flow::control::{BranchTarget, Catch};
use crate::flow::decide::{RunInput, StepCall};
use crate::flow::limits;
use crate::flow::plan::PlanStepKind;
use crate::flow::step::{Action, Flow, Step};
use crate::flow::walk::history::{LogIndex, StepHistory};
use crate::language::condition::trace::Trace;
use crate::run::LogEntry;

/// One interpretation of a flow against the run log.
pub struct Walk<'a, 'l> {
    subject: RunInput<'a>,
    log: LogIndex<'l>,
    now: Timestamp,
    /// Waits up to this time are over.
    horizon: Timestamp,
    /// The calls that can be executed now.
    pub tasks: Vec<StepCall>,
    /// The times that are not due yet.
    pub waits: Vec<Timer>,
    transitions: u32,
    /// The nesting depth of the current flow.
    depth: usize,
    /// The time limit of the run's flow.
    time_limit: Option<Duration>,
    /// Records a plan instead of making calls.
    pub recorder: Option<PlanRecorder<'a>>,
}

/// How a flow ended.
#[derive(Debug)]
pub enum FlowEnd {
    /// After its last step, with its result.
    Finished(Value),
    Succeeded {
        message: Option<String>,
    },
    Skipped {
        /// The path of the guard.
        guard: String,
        why: String,
        trace: Trace,
    },
    Failed(StepFailure),
}

/// Why a walk stops before the end of the flow.
#[derive(Debug)]
pub enum Interrupt {
    /// At calls or waits.
    Stops,
    /// This entry must be in the log first.
    Record(Box<LogEntry>),
    /// An operator must decide.
    Hold { why: String },
    /// A limit is exceeded. Not caught.
    Exceeded { why: String },
    /// In a plan: the oracle may know the outcome of this call.
    Asks(Box<StepCall>),
}

/// Why a step failed.
#[derive(Debug, Clone)]
pub struct StepFailure {
    step: String,
    message: String,
    attempts: u32,
    status: Option<u16>,
    /// The full reason, for a run that ends as dead.
    pub why: String,
}

impl StepFailure {
    /// `error.…` for its catch.
    fn error(&self) -> Value {
        json!({
            "message": self.message,
            "step": self.step,
            "attempts": self.attempts,
            "status": self.status,
        })
    }
}

/// Where the flow continues after a step.
enum Transition {
    /// At the next step, with this result.
    Next(Value),
    /// At the next step, without a known result.
    NextWithoutResult,
    /// At this step.
    To(u32),
    End(FlowEnd),
}

impl<'a, 'l> Walk<'a, 'l> {
    pub fn new(subject: RunInput<'a>, lines: &'l [LogEntry], now: Timestamp) -> Self {
        let log = LogIndex::new(lines);
        Self {
            subject,
            horizon: log.over.map_or(now, |over| over.max(now)),
            log,
            now,
            tasks: Vec::new(),
            waits: Vec::new(),
            transitions: 0,
            depth: 0,
            time_limit: None,
            recorder: None,
        }
    }

    pub fn run(&mut self, flow: &'a Flow) -> Result<FlowEnd, Interrupt> {
        self.time_limit = flow.time_limit;
        let mut variables = self.variables(flow);
        self.flow(flow, "", &mut variables)
    }

    /// The variables at the start of a flow.
    fn variables(&self, flow: &Flow) -> Variables<'a> {
        Variables {
            now: Some(self.log.since.unwrap_or(self.now)),
            ..self.subject.variables(flow)
        }
    }

    /// Runs the flow for a plan: all waits count as over.
    pub fn plan(&mut self, flow: &'a Flow) -> Result<FlowEnd, Interrupt> {
        self.horizon = Timestamp::MAX;
        self.run(flow)
    }

    fn flow(
        &mut self,
        flow: &'a Flow,
        prefix: &str,
        variables: &mut Variables<'a>,
    ) -> Result<FlowEnd, Interrupt> {
        self.offer_links(flow, prefix, variables);
        let Some(catch) = &flow.catch else {
            return self.steps(flow, prefix, variables);
        };
        let step_path = format!("{prefix}catch");
        let error = match self.log.history(&step_path).caught {
            Some(error) => error.clone(),
            None => match self.steps(flow, prefix, variables)? {
                FlowEnd::Failed(failure) => self.record_caught(&step_path, &failure)?,
                end => return Ok(end),
            },
        };
        let mut inner = variables.clone();
        if let Value::Object(steps) = &mut inner.steps {
            let results = self.log.results(prefix).into_iter();
            steps.extend(results.map(|(name, result)| (name.to_owned(), result)));
        }
        inner.error = std::borrow::Cow::Owned(error);
        let prefix = format!("{step_path}.");
        self.offer_links(catch, &prefix, &mut inner);
        self.enter(&step_path, |walk| walk.steps(catch, &prefix, &mut inner))
    }

    fn steps(
        &mut self,
        flow: &'a Flow,
        prefix: &str,
        variables: &mut Variables<'a>,
    ) -> Result<FlowEnd, Interrupt> {
        let mut last = Value::Null;
        let mut visits: HashMap<u32, u32> = HashMap::new();
        let mut at = (!flow.steps.is_empty()).then_some(0);
        while let Some((number, step)) = at.and_then(|at| Some((at, flow.steps.get(at as usize)?)))
        {
            self.transitions += 1;
            if self.transitions > limits::MAX_STEPS_PER_RUN {
                let why = limits::transitions();
                return Err(Interrupt::Exceeded { why });
            }
            let visit = visits.entry(number).or_default();
            *visit += 1;
            let step_path = match visit {
                1 => format!("{prefix}{}", step.name),
                again => format!("{prefix}{}#{again}", step.name),
            };
            at = match self.step(step, &step_path, variables)? {
                Transition::Next(value) => {
                    last.clone_from(&value);
                    variables.set_result(step, value);
                    variables
                        .select_output(step.data.as_ref().and_then(|data| data.output.as_ref()));
                    step.next
                }
                Transition::NextWithoutResult => {
                    variables
                        .select_output(step.data.as_ref().and_then(|data| data.output.as_ref()));
                    step.next
                }
                Transition::To(step) => Some(step),
                Transition::End(end) => return Ok(end),
            };
        }
        Ok(FlowEnd::Finished(match variables.document.is_null() {
            true => last,
            false => variables.document.take(),
        }))
    }

    /// Walks a step, and its catch if it failed.
    fn step(
        &mut self,
        step: &'a Step,
        step_path: &str,
        variables: &mut Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let history = self.log.history(step_path);
        let Some(catch) = &step.catch else {
            return self.execute(step, step_path, history, variables);
        };
        let error = match history.caught {
            Some(error) => error.clone(),
            None => match self.execute(step, step_path, history, variables)? {
                Transition::End(FlowEnd::Failed(failure)) => {
                    self.record_caught(step_path, &failure)?
                }
                pass => return Ok(pass),
            },
        };
        self.run_catch(catch, step_path, error, variables)
    }

    fn execute(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: StepHistory<'l>,
        variables: &mut Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let input = match state_input(step, variables) {
            Ok(input) => input,
            Err(error) => return Ok(self.fail_input(step, step_path, &error, variables)),
        };
        let with_input = variables.with_document(input);
        let with_input = with_input.as_ref().unwrap_or(variables);
        let pass = match &step.action {
            Action::When(condition) => self.guard(step, step_path, condition, with_input),
            Action::Set(tree) => self.set(step, step_path, history, tree, with_input),
            Action::Succeed(message) => self.succeed(step, step_path, message.as_ref(), with_input),
            Action::Fail(message) => self.fail(step, step_path, message.as_ref(), with_input),
            Action::Wait(wait) => self.wait(step, step_path, history, wait, with_input),
            Action::WaitFor(wait) => self.wait_for(step, step_path, history, wait, with_input),
            Action::Choose(choose) => self.choose(step, step_path, choose, with_input),
            Action::Each(each) => self.each(step, step_path, each, with_input),
            Action::Flow(named) => self.named(step, step_path, named, with_input),
            Action::Call(_) => self.perform(step, step_path, history, with_input),
        }?;
        match &pass {
            Transition::NextWithoutResult => variables.mark_unknown(step),
            // What a `Map` gets from an item that ends here.
            Transition::End(FlowEnd::Succeeded { .. }) => {
                let input = with_input.document.clone();
                variables.end_with(step, input);
            }
            Transition::To(_) => {
                variables.select_output(step.data.as_ref().and_then(|data| data.output.as_ref()));
            }
            Transition::Next(_) | Transition::End(_) => {}
        }
        Ok(pass)
    }

    fn run_catch(
        &mut self,
        catch: &'a Catch,
        step_path: &str,
        error: Value,
        variables: &mut Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let flow = match &catch.then {
            BranchTarget::Goto(step) => {
                variables.write_result(&catch.error, bundle_error(&error));
                return Ok(Transition::To(*step));
            }
            BranchTarget::Flow(flow) => flow,
        };
        let mut inner = variables.clone();
        inner.error = std::borrow::Cow::Owned(error);
        let step_path = format!("{step_path}.catch");
        let end = self.enter(&step_path, |walk| {
            walk.flow(flow, &format!("{step_path}."), &mut inner)
        })?;
        Ok(match end {
            FlowEnd::Finished(value) => Transition::Next(value),
            end => Transition::End(end),
        })
    }

    /// Records first that the failure is caught, so that the run continues there even if the step would
    /// succeed later.
    fn record_caught(
        &mut self,
        step_path: &str,
        failure: &StepFailure,
    ) -> Result<Value, Interrupt> {
        let error = failure.error();
        if let Some(recorder) = &mut self.recorder {
            recorder.caught(step_path, &failure.why);
            return Ok(error);
        }
        Err(Interrupt::Record(Box::new(LogEntry::Caught {
            step: step_path.to_owned(),
            at: self.now,
            error,
        })))
    }

    /// Walks a nested flow.
    fn enter<T>(
        &mut self,
        step_path: &str,
        walk_nested: impl FnOnce(&mut Self) -> Result<T, Interrupt>,
    ) -> Result<T, Interrupt> {
        if self.depth == limits::MAX_NESTING {
            let why = limits::nesting(step_path);
            return Err(Interrupt::Exceeded { why });
        }
        self.depth += 1;
        let end = walk_nested(self);
        self.depth -= 1;
        end
    }

    /// Whether the walk plans a run that has not happened, so that results may be unknown.
    fn is_forecast(&self) -> bool {
        self.recorder
            .as_ref()
            .is_some_and(PlanRecorder::is_forecast)
    }

    /// In a plan: counts an unknown result.
    fn count_unknown(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.unknown += 1;
        }
    }

    fn unknown_count(&self) -> usize {
        self.recorder
            .as_ref()
            .map_or(0, |recorder| recorder.unknown)
    }

    /// Adds an entry to the plan, if there is one.
    fn plan_step(&mut self, step: &'a Step, step_path: &str, what: PlanStepKind) {
        let depth = self.depth;
        if let Some(recorder) = &mut self.recorder {
            recorder.add(step, step_path, depth, what);
        }
    }
}
