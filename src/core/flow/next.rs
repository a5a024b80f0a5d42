//! The one decision of a run: what follows from its flow, its event and its log.
//! It performs nothing and remembers nothing; with the same log it answers the same, so a run that
//! was cut off anywhere goes on where its log ends.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::core::flow::call::Call;
use crate::core::flow::render::render_call;
use crate::core::flow::step::{Action, Flow, Step};
use crate::core::matching::evaluate::{Truth, evaluate};
use crate::core::matching::trace::Trace;
use crate::core::rule::condition::Condition;
use crate::core::rule::template::{RenderError, Template, TreeTemplate};
use crate::core::run::{Attempt, Outcome};
use crate::core::scope::Scope;

/// What a run is about and what it was told by its rule; the same from its first move to its last.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub event: &'a Event,
    /// `vars.…` of the rule.
    pub vars: &'a Value,
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
    /// Append this attempt: the step needed nothing from outside.
    Record(Attempt),
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
}

pub fn next(flow: &Flow, subject: &Subject<'_>, log: &[Attempt], now: Timestamp) -> Move {
    let steps = results(log);
    let scope = Scope {
        event: subject.event,
        vars: subject.vars,
        steps: &steps,
    };
    for (index, step) in flow.steps.iter().enumerate() {
        let stand = Stand {
            index,
            step,
            last: log.iter().rfind(|attempt| attempt.step == step.name),
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
pub fn results(log: &[Attempt]) -> Value {
    let found = log.iter().filter_map(|attempt| match &attempt.outcome {
        Outcome::Succeeded { result } => Some((attempt.step.clone(), result.clone())),
        Outcome::Failed { .. } => None,
    });
    Value::Object(found.collect::<Map<_, _>>())
}

/// One step and how far the log says it came.
struct Stand<'a> {
    index: usize,
    step: &'a Step,
    last: Option<&'a Attempt>,
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
            Action::Http(_) | Action::Exec(_) => self.perform(seed),
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
        if self.last.is_some() {
            return None;
        }
        Some(match tree.render(self.scope) {
            Ok(tree) => Move::Record(Attempt {
                step: self.step.name.clone(),
                number: 1,
                started: self.now,
                took: Duration::ZERO,
                outcome: Outcome::Succeeded {
                    result: tree.redacted(),
                },
            }),
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
        let Some(last) = self.last else {
            return self.call(1);
        };
        let Outcome::Failed {
            message, retryable, ..
        } = &last.outcome
        else {
            return None;
        };
        if !retryable || last.number >= self.step.retry.attempts {
            return Some(self.give_up(message, last.number));
        }
        let until = self.step.retry.due(last, seed);
        match until > self.now {
            true => Some(Move::Wait { until }),
            false => self.call(last.number + 1),
        }
    }

    fn call(&self, number: u32) -> Option<Move> {
        match render_call(self.step, self.scope) {
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
