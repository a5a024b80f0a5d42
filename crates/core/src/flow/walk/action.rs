//! Walks a step that makes a call: its attempts, and when the next one is due.
//! Renders the call, but does not execute it.

use crate::flow::walk::history::{Last, Story};
use crate::flow::walk::{Due, End, Fault, Halt, Pass, Walk};
use crate::flow::walk::variables::Memory;
use crate::flow::decide::Task;
use crate::flow::plan::What;
use crate::flow::step::{OnCrash, Step};
use crate::run::Attempt;
use crate::run::call_result::CallFailure;

/// The next attempt of a step.
enum Try {
    Number(u32),
    /// The attempt is running; its start is in the log.
    InProgress(u32),
}

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn perform(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: Story<'l>,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let next = match history.last {
            Last::Nothing | Last::Waiting { .. } => Try::Number(1),
            Last::Started { .. } if history.claimed && !history.revived => {
                return Err(held(step_path));
            }
            Last::Started { number } => Try::InProgress(number),
            Last::Attempt(attempt) => match &attempt.outcome {
                Ok(reply) => {
                    self.plan_call(step, step_path, variables, Some(attempt));
                    return Ok(Pass::Next(reply.value.clone()));
                }
                Err(failure) => {
                    match self.next_attempt(step, step_path, history, (attempt, failure))? {
                        Ok(number) => Try::Number(number),
                        Err(failure) => {
                            self.plan_call(step, step_path, variables, Some(attempt));
                            return Ok(Pass::End(End::Failed(failure)));
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
        history: Story<'l>,
        (last, failure): (&Attempt, &CallFailure),
    ) -> Result<Result<u32, Fault>, Halt> {
        if history.revived {
            return Ok(Ok(last.number + 1));
        }
        let retry = &step.settings.retry;
        if !failure.retryable || history.attempts >= retry.attempts {
            let failure = exhausted(step, step_path, failure, history.attempts);
            return Ok(Err(failure));
        }
        let due = retry.due(last, history.attempts, self.subject.seed);
        if due > self.horizon {
            self.waits.push(Due::Retry(due));
            return Err(Halt::Stops);
        }
        Ok(Ok(last.number + 1))
    }

    fn start(
        &mut self,
        step: &'a Step,
        step_path: &str,
        next: Try,
        variables: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        self.check_age()?;
        let call = match step.render(&variables.scope()) {
            Ok(Some(call)) => call,
            Ok(None) => return Ok(Pass::NextWithoutResult),
            Err(error) => return Ok(self.failed_to_render(step, step_path, &error, variables)),
        };
        let (number, announce) = match (next, step.settings.on_crash) {
            (Try::InProgress(number), _) => (number, false),
            (Try::Number(number), OnCrash::Hold) => (number, true),
            (Try::Number(number), OnCrash::Rerun) => (number, false),
        };
        let task = Task {
            step: step_path.to_owned(),
            name: step.name.clone(),
            number,
            call,
            announce,
        };
        match &self.recorder {
            None => {
                self.tasks.push(task);
                Err(Halt::Stops)
            }
            Some(recorder) if recorder.hidden || recorder.is_unknown(step_path) => {
                self.count_unknown();
                self.plan_step(step, step_path, What::Call(Box::new(task.call), None));
                Ok(Pass::NextWithoutResult)
            }
            Some(_) => Err(Halt::Asks(Box::new(task))),
        }
    }

    /// Adds the call to the plan, with the outcome from the oracle.
    fn plan_call(
        &mut self,
        step: &'a Step,
        step_path: &str,
        variables: &Memory<'a>,
        attempt: Option<&Attempt>,
    ) {
        if self.recorder.is_none() {
            return;
        }
        if let Ok(Some(call)) = step.render(&variables.scope()) {
            let attempt = attempt.map(|attempt| Box::new(attempt.clone()));
            self.plan_step(step, step_path, What::Call(Box::new(call), attempt));
        }
    }
}

/// The log has the start of the step but not its end, because the program ended in between. The command
/// may have run in part or completely.
fn held(step_path: &str) -> Halt {
    Halt::Hold {
        why: format!(
            "the command of step `{step_path}` was running when the program ended, and its work may be done in part or completely; check that, then use `flowtrigger runs retry` to run it again or `runs cancel` to end the run"
        ),
    }
}

fn exhausted(step: &Step, step_path: &str, failure: &CallFailure, attempts: u32) -> Fault {
    let CallFailure {
        message, status, ..
    } = failure;
    let after = match attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    Fault {
        step: step.name.clone(),
        message: message.clone(),
        attempts,
        status: *status,
        why: format!("step `{step_path}` failed{after}: {message}"),
    }
}
