//! A step that does something outside: its tries, and when the next one is due.
//! It renders what is to be done and does none of it.

use super::story::{Last, Story};
use super::{Due, End, Fault, Halt, Memory, Pass, Walk};
use crate::core::flow::next::Task;
use crate::core::flow::plan::What;
use crate::core::flow::render::render_call;
use crate::core::flow::step::{OnCrash, Step};
use crate::core::run::{Attempt, CallFailure};

/// Which try a step is at.
enum Try {
    Number(u32),
    /// It goes on: that it starts is written down.
    UnderWay(u32),
}

impl<'a, 'l> Walk<'a, 'l> {
    pub(super) fn perform(
        &mut self,
        step: &'a Step,
        place: &str,
        story: Story<'l>,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        let next = match story.last {
            Last::Nothing | Last::Waiting { .. } => Try::Number(1),
            Last::Started { .. } if story.claimed && !story.revived => {
                return Err(held(place));
            }
            Last::Started { number } => Try::UnderWay(number),
            Last::Attempt(attempt) => match &attempt.outcome {
                Ok(reply) => {
                    self.show(step, place, memory, Some(attempt));
                    return Ok(Pass::On(reply.value.clone()));
                }
                Err(failure) => match self.after(step, place, story, (attempt, failure))? {
                    Ok(number) => Try::Number(number),
                    Err(fault) => {
                        self.show(step, place, memory, Some(attempt));
                        return Ok(Pass::End(End::Failed(fault)));
                    }
                },
            },
        };
        self.start(step, place, next, memory)
    }

    /// The number of the next try after one that failed, or why there is none.
    fn after(
        &mut self,
        step: &Step,
        place: &str,
        story: Story<'l>,
        (last, failure): (&Attempt, &CallFailure),
    ) -> Result<Result<u32, Fault>, Halt> {
        if story.revived {
            return Ok(Ok(last.number + 1));
        }
        let retry = &step.settings.retry;
        if !failure.retryable || story.tries >= retry.attempts {
            let fault = gave_up(step, place, failure, story.tries);
            return Ok(Err(fault));
        }
        let due = retry.due(last, story.tries, self.subject.seed);
        if due > self.horizon {
            self.waits.push(Due::Retry(due));
            return Err(Halt::Stops);
        }
        Ok(Ok(last.number + 1))
    }

    fn start(
        &mut self,
        step: &'a Step,
        place: &str,
        next: Try,
        memory: &Memory<'a>,
    ) -> Result<Pass, Halt> {
        self.begin()?;
        let call = match render_call(step, &memory.scope()) {
            Ok(Some(call)) => call,
            Ok(None) => return Ok(Pass::Past),
            Err(error) => return Ok(self.failed_to_render(step, place, &error, memory)),
        };
        let (number, announce) = match (next, step.settings.on_crash) {
            (Try::UnderWay(number), _) => (number, false),
            (Try::Number(number), OnCrash::Hold) => (number, true),
            (Try::Number(number), OnCrash::Rerun) => (number, false),
        };
        let task = Task {
            step: place.to_owned(),
            name: step.name.clone(),
            number,
            call,
            announce,
        };
        match &self.sketch {
            None => {
                self.tasks.push(task);
                Err(Halt::Stops)
            }
            Some(sketch) if sketch.hidden || sketch.knows_nothing_of(place) => {
                self.meets_unknown();
                self.sketch(step, place, What::Call(Box::new(task.call), None));
                Ok(Pass::Past)
            }
            Some(_) => Err(Halt::Asks(Box::new(task))),
        }
    }

    /// A plan shows the call with what it was told to give.
    fn show(&mut self, step: &'a Step, place: &str, memory: &Memory<'a>, gave: Option<&Attempt>) {
        if self.sketch.is_none() {
            return;
        }
        if let Ok(Some(call)) = render_call(step, &memory.scope()) {
            let gave = gave.map(|attempt| Box::new(attempt.clone()));
            self.sketch(step, place, What::Call(Box::new(call), gave));
        }
    }
}

/// Somebody wrote down that the step starts, and nobody how it ended: that was in an earlier life of the
/// program, and the command may have run, in part or whole.
fn held(place: &str) -> Halt {
    Halt::Hold {
        why: format!(
            "the command of step `{place}` was under way when the program ended and may have done its work or a part of it; look, then `flowtrigger runs retry` runs it again, `runs cancel` gives it up"
        ),
    }
}

fn gave_up(step: &Step, place: &str, failure: &CallFailure, tries: u32) -> Fault {
    let CallFailure {
        message, status, ..
    } = failure;
    let after = match tries {
        1 => String::new(),
        tries => format!(" after {tries} tries"),
    };
    Fault {
        step: step.name.clone(),
        message: message.clone(),
        attempts: tries,
        status: *status,
        why: format!("step `{place}` failed{after}: {message}"),
    }
}
