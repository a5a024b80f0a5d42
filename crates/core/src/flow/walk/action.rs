//! Walks a step that makes a call: its attempts, and when the next one is due.
//! Renders the call, but does not execute it.

use crate::flow::call::Call;
use crate::flow::decide::StepCall;
use crate::flow::plan::PlanStepKind;
use crate::flow::step::{OnCrash, Step};
use crate::flow::walk::history::{LastEntry, StepHistory};
use crate::flow::walk::variables::Variables;
use crate::flow::walk::{FlowEnd, Interrupt, StepFailure, Timer, Transition, Walk};
use crate::run::Attempt;
use crate::run::call_result::CallFailure;

/// The next attempt of a step.
enum AttemptState {
    Number(u32),
    /// The attempt is running; its start is in the log.
    InProgress(u32),
}

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn perform(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: StepHistory<'l>,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let next = match history.last {
            LastEntry::Nothing
            | LastEntry::Waiting { .. }
            | LastEntry::Arrived { .. }
            | LastEntry::Answered { .. }
            | LastEntry::Expired => AttemptState::Number(1),
            LastEntry::Started { .. } if history.claimed && !history.revived => {
                return Err(held(step_path));
            }
            LastEntry::Started { number } => AttemptState::InProgress(number),
            LastEntry::Attempt(attempt) => match &attempt.outcome {
                Ok(reply) => {
                    self.plan_call(step, step_path, variables, Some(attempt));
                    return Ok(Transition::Next(reply.value.clone()));
                }
                Err(failure) => {
                    match self.next_attempt(step, step_path, history, (attempt, failure))? {
                        Ok(number) => AttemptState::Number(number),
                        Err(failure) => {
                            self.plan_call(step, step_path, variables, Some(attempt));
                            return Ok(Transition::End(FlowEnd::Failed(failure)));
                        }
                    }
                }
            },
        };
        self.start(step, step_path, next, variables)
    }

    /// The number of the next attempt after a failed one, or the failure of the step.
    fn next_attempt(
        &mut self,
        step: &Step,
        step_path: &str,
        history: StepHistory<'l>,
        (last, failure): (&Attempt, &CallFailure),
    ) -> Result<Result<u32, StepFailure>, Interrupt> {
        if history.revived {
            return Ok(Ok(last.number + 1));
        }
        let failed = self.log.failed(step_path);
        let Some(due) = step.settings.retry.due(failed, self.subject.seed) else {
            return Ok(Err(exhausted(step, step_path, failure, failed)));
        };
        if due > self.horizon {
            self.waits.push(Timer::Retry(due));
            return Err(Interrupt::Stops);
        }
        Ok(Ok(last.number + 1))
    }

    fn start(
        &mut self,
        step: &'a Step,
        step_path: &str,
        next: AttemptState,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        self.check_age()?;
        let call = match step.render(&variables.scope()) {
            Ok(Some(call)) => call,
            Ok(None) => return Ok(Transition::NextWithoutResult),
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        if self.reads_unknown_result(step, &call, variables) {
            self.count_unknown();
            self.plan_step(step, step_path, PlanStepKind::Later);
            return Ok(Transition::NextWithoutResult);
        }
        let (number, announce) = match (next, step.settings.on_crash) {
            (AttemptState::InProgress(number), _) => (number, false),
            (AttemptState::Number(number), OnCrash::Hold) => (number, true),
            (AttemptState::Number(number), OnCrash::Rerun) => (number, false),
        };
        let task = StepCall {
            step: step_path.to_owned(),
            name: step.name.clone(),
            number,
            call,
            announce,
            waits_for_receiver: step.settings.retry.waits,
            only_time_limits: step.settings.retry.is_limited_by_time_only(),
        };
        match &self.recorder {
            None => {
                self.tasks.push(task);
                Err(Interrupt::Stops)
            }
            Some(recorder) if recorder.hidden || recorder.is_unknown(step_path) => {
                self.count_unknown();
                self.plan_step(
                    step,
                    step_path,
                    PlanStepKind::Call(Box::new(task.call), None),
                );
                Ok(Transition::NextWithoutResult)
            }
            Some(_) => Err(Interrupt::Asks(Box::new(task))),
        }
    }

    /// Whether a jq program without `input` reads the result of an earlier call that a plan does not know.
    fn reads_unknown_result(&self, step: &Step, call: &Call, variables: &Variables<'a>) -> bool {
        let is_unknown = self
            .recorder
            .as_ref()
            .is_some_and(|known| known.unknown > 0);
        match (call, step.action.reads_everything()) {
            (Call::Jq(jq), true) if is_unknown => {
                let is_known = |name: &str| variables.scope().steps.get(name).is_some();
                !steps_read_by(&jq.program).all(is_known)
            }
            (_, _) => false,
        }
    }

    /// Adds the call to the plan, with the outcome from the oracle.
    fn plan_call(
        &mut self,
        step: &'a Step,
        step_path: &str,
        variables: &Variables<'a>,
        attempt: Option<&Attempt>,
    ) {
        if self.recorder.is_none() {
            return;
        }
        if let Ok(Some(call)) = step.render(&variables.scope()) {
            let attempt = attempt.map(|attempt| Box::new(attempt.clone()));
            self.plan_step(step, step_path, PlanStepKind::Call(Box::new(call), attempt));
        }
    }
}

/// The names of the steps that a jq program reads as `.steps.NAME`; an empty name for all of them.
fn steps_read_by(program: &str) -> impl Iterator<Item = &str> {
    program.split(".steps").skip(1).map(|rest| {
        let name = rest.strip_prefix('.').unwrap_or_default();
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
        &name[..end.unwrap_or(name.len())]
    })
}

/// The log has the start of the step but not its end, because the daemon stopped in between, or another one took the run over. The command
/// may have run in part or completely.
fn held(step_path: &str) -> Interrupt {
    Interrupt::Hold {
        why: format!(
            "the command of step `{step_path}` was running when its daemon stopped or was taken over, and its work may be done in part or completely; check that, then use `flowtrigger runs retry` to run it again or `runs cancel` to end the run"
        ),
    }
}

fn exhausted(
    step: &Step,
    step_path: &str,
    failure: &CallFailure,
    failed: &[&Attempt],
) -> StepFailure {
    let attempts = u32::try_from(failed.len()).unwrap_or(u32::MAX);
    let CallFailure {
        message, status, ..
    } = failure;
    let after = match attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    StepFailure {
        step: step.name.clone(),
        message: message.clone(),
        attempts,
        status: *status,
        why: format!("step `{step_path}` failed{after}: {message}"),
    }
}
