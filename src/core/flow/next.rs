//! The one decision of a run: what follows from its flow, its event and its log.
//! It performs nothing and remembers nothing; with the same log it answers the same, so a run that
//! was cut off anywhere goes on where its log ends.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::core::flow::call::Call;
use crate::core::flow::render::render_call;
use crate::core::flow::step::{Action, Flow, OnCrash, Step};
use crate::core::matching::evaluate::{Truth, evaluate};
use crate::core::matching::trace::Trace;
use crate::core::rule::condition::Condition;
use crate::core::rule::template::{RenderError, Template, TreeTemplate};
use crate::core::run::{Attempt, Line, Outcome};
use crate::core::scope::Scope;

/// What a run is about and what it was told by its rule; the same from its first move to its last.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub event: &'a Event,
    /// `vars.…` of the rule.
    pub vars: &'a Value,
    /// `error.…`: what went wrong before, in a flow that runs for that reason. Null in any other.
    pub error: &'a Value,
    /// Spreads the waits of different runs; the same for every move of one run.
    pub seed: &'a str,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Perform the call and append its attempt.
    Perform {
        /// The step's place in the flow.
        step: usize,
        /// Which try this is; counts from 1.
        number: u32,
        call: Call,
    },
    /// Append this line: the step needs nothing from outside, or not yet.
    Record(Line),
    /// Ask again then.
    Wait {
        until: Timestamp,
    },
    /// A guard did not hold.
    Skipped {
        why: String,
        trace: Trace,
    },
    Done {
        message: Option<String>,
    },
    Dead {
        why: String,
    },
    /// A person must decide.
    Hold {
        why: String,
    },
}

pub fn next(flow: &Flow, subject: &Subject<'_>, log: &[Line], now: Timestamp) -> Move {
    let steps = results(log);
    let scope = Scope {
        steps: &steps,
        error: subject.error,
        ..Scope::new(subject.event, subject.vars)
    };
    for (index, step) in flow.steps.iter().enumerate() {
        let stand = Stand {
            index,
            step,
            story: Story::of(&step.name, log),
            scope: &scope,
            now,
        };
        if let Some(found) = stand.next(subject.seed) {
            return found;
        }
    }
    Move::Done { message: None }
}

/// `steps.…`: the results of the steps that succeeded, by name.
pub fn results(log: &[Line]) -> Value {
    let attempts = log.iter().filter_map(Line::attempt);
    let found = attempts.filter_map(|attempt| match &attempt.outcome {
        Outcome::Succeeded { result } => Some((attempt.step.clone(), result.clone())),
        Outcome::Failed { .. } => None,
    });
    Value::Object(found.collect::<Map<_, _>>())
}

/// What the log says of one step.
struct Story<'a> {
    last: Last<'a>,
    /// Failed tries since a person last ordered the run to go on.
    tries: u32,
    /// The run was taken up after the last line of the step.
    claimed: bool,
    /// A person ordered the run to go on after the last line of the step.
    revived: bool,
}

enum Last<'a> {
    Nothing,
    Started { number: u32 },
    Attempt(&'a Attempt),
}

impl<'a> Story<'a> {
    fn of(step: &str, log: &'a [Line]) -> Self {
        let mut story = Self {
            last: Last::Nothing,
            tries: 0,
            claimed: false,
            revived: false,
        };
        for line in log {
            match line {
                Line::Started {
                    step: name, number, ..
                } if name == step => story.goes_on(Last::Started { number: *number }),
                Line::Attempt(attempt) if attempt.step == step => {
                    story.goes_on(Last::Attempt(attempt));
                    story.tries += 1;
                }
                Line::Started { .. } | Line::Attempt(_) => {}
                Line::Waiting { .. } => {}
                Line::Claimed { .. } => story.claimed = true,
                Line::Revived { .. } => {
                    story.revived = true;
                    story.tries = 0;
                }
            }
        }
        story
    }

    fn goes_on(&mut self, last: Last<'a>) {
        self.last = last;
        self.claimed = false;
        self.revived = false;
    }
}

/// One step and how far the log says it came.
struct Stand<'a> {
    index: usize,
    step: &'a Step,
    story: Story<'a>,
    scope: &'a Scope<'a>,
    now: Timestamp,
}

impl Stand<'_> {
    /// None where the step is behind us.
    fn next(&self, seed: &str) -> Option<Move> {
        match &self.step.action {
            Action::When(condition) => self.guard(condition),
            Action::Set(tree) => self.set(tree),
            Action::Succeed(message) => Some(self.succeed(message.as_ref())),
            Action::Fail(message) => Some(self.fail(message.as_ref())),
            Action::Http(_) | Action::Exec(_) | Action::Jq(_) | Action::Config(_) => {
                self.perform(seed)
            }
            Action::Choose(_) | Action::Each(_) | Action::Wait(_) | Action::Flow(_) => None,
        }
    }

    fn guard(&self, condition: &Condition) -> Option<Move> {
        let mut trace = Trace::default();
        match evaluate(condition, self.scope, &mut trace) {
            Truth::True => None,
            Truth::False | Truth::Unknown => Some(Move::Skipped {
                why: format!("the guard `{}` did not hold", self.step.name),
                trace,
            }),
        }
    }

    fn set(&self, tree: &TreeTemplate) -> Option<Move> {
        if matches!(self.story.last, Last::Attempt(_)) {
            return None;
        }
        Some(match tree.render(self.scope) {
            Ok(tree) => Move::Record(Line::Attempt(Attempt {
                step: self.step.name.clone(),
                number: 1,
                started: self.now,
                took: Duration::ZERO,
                outcome: Outcome::Succeeded {
                    result: tree.redacted(),
                },
            })),
            Err(error) => self.unrendered(&error),
        })
    }

    fn succeed(&self, message: Option<&Template>) -> Move {
        match self.message(message) {
            Ok(message) => Move::Done { message },
            Err(error) => self.unrendered(&error),
        }
    }

    fn fail(&self, message: Option<&Template>) -> Move {
        match self.message(message) {
            Ok(message) => Move::Dead {
                why: message
                    .unwrap_or_else(|| format!("the step `{}` ends the run", self.step.name)),
            },
            Err(error) => self.unrendered(&error),
        }
    }

    fn message(&self, template: Option<&Template>) -> Result<Option<String>, RenderError> {
        let text = template
            .map(|template| template.render(self.scope))
            .transpose()?;
        Ok(text.map(|text| text.to_string()))
    }

    fn perform(&self, seed: &str) -> Option<Move> {
        let last = match self.story.last {
            Last::Nothing => return self.start(1),
            Last::Started { number } => return self.started(number),
            Last::Attempt(last) => last,
        };
        let Outcome::Failed {
            message, retryable, ..
        } = &last.outcome
        else {
            return None;
        };
        if self.story.revived {
            return self.start(last.number + 1);
        }
        if !retryable || self.story.tries >= self.step.settings.retry.attempts {
            return Some(self.give_up(message, self.story.tries));
        }
        if self.story.claimed {
            return self.start(last.number + 1);
        }
        let until = self.step.settings.retry.due(last, self.story.tries, seed);
        Some(Move::Wait { until })
    }

    /// A command that must not run twice is written down before it starts.
    fn start(&self, number: u32) -> Option<Move> {
        match self.step.settings.on_crash {
            OnCrash::Rerun => self.call(number),
            OnCrash::Hold => Some(match self.render() {
                Err(error) => self.unrendered(&error),
                Ok(_) => Move::Record(Line::Started {
                    step: self.step.name.clone(),
                    number,
                    at: self.now,
                }),
            }),
        }
    }

    /// Somebody wrote down that the step starts, and nobody how it ended: where that was in an
    /// earlier life of the program, the command may have run, in part or whole.
    fn started(&self, number: u32) -> Option<Move> {
        if self.story.revived || !self.story.claimed {
            return self.call(number);
        }
        Some(Move::Hold {
            why: format!(
                "the command of step `{}` was under way when the program ended and may have done its work or a part of it; look, then `flowtrigger runs retry` runs it again, `runs cancel` gives it up",
                self.step.name
            ),
        })
    }

    fn render(&self) -> Result<Option<Call>, RenderError> {
        render_call(self.step, self.scope)
    }

    fn call(&self, number: u32) -> Option<Move> {
        match self.render() {
            Ok(call) => Some(Move::Perform {
                step: self.index,
                number,
                call: call?,
            }),
            Err(error) => Some(self.unrendered(&error)),
        }
    }

    fn give_up(&self, message: &str, tries: u32) -> Move {
        let tries = match tries {
            1 => String::new(),
            tries => format!(" after {tries} tries"),
        };
        Move::Dead {
            why: format!("step `{}` failed{tries}: {message}", self.step.name),
        }
    }

    fn unrendered(&self, error: &RenderError) -> Move {
        Move::Dead {
            why: format!("step `{}` cannot be rendered: {error}", self.step.name),
        }
    }
}
