//! Carries one run as far as it goes now: asks what is next, does it, writes it down, asks again.
//! It decides nothing itself and keeps nothing in its head: whatever happened is in the log first.

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Perform;
use super::handle::Shared;
use crate::core::flow::call::{Call, Failure, Performed};
use crate::core::flow::{Move, Subject, next};
use crate::core::run::{Attempt, Line, Outcome, State, idempotency_key};
use crate::store::{Claimed, Store, StoreError};

/// Works on a run until it ends or has to wait; waiting gives the worker's place back.
pub(super) async fn work<S: Store, P: Perform>(shared: &Shared<S, P>, run: Claimed) {
    let id = run.id.0;
    if let Err(error) = Worker::new(shared, run).go().await {
        error!(run = id, %error, "the run cannot go on");
    }
}

struct Worker<'a, S, P> {
    shared: &'a Shared<S, P>,
    run: Claimed,
    /// Spreads the waits of runs that failed together.
    seed: String,
}

impl<'a, S: Store, P: Perform> Worker<'a, S, P> {
    fn new(shared: &'a Shared<S, P>, mut run: Claimed) -> Self {
        run.log.push(Line::Claimed);
        let seed = format!("{}/{}/{}", run.event.source, run.event.id, run.rule.name);
        Self { shared, run, seed }
    }

    async fn go(&mut self) -> Result<(), StoreError> {
        loop {
            let state = match self.decide() {
                Move::Perform { step, number, call } => {
                    let attempt = self.perform(step, number, &call).await;
                    self.append(Line::Attempt(attempt)).await?;
                    continue;
                }
                Move::Record(line) => {
                    self.append(line).await?;
                    continue;
                }
                Move::Wait { until } => State::Retrying { until },
                Move::Skipped { why, trace: _ } => State::Skipped { why },
                Move::Done { message: _ } => State::Done,
                Move::Dead { why } => State::Dead { why },
                Move::Hold { why } => State::Held { why },
            };
            self.log_state(&state);
            let store = &self.shared.store;
            return store.advance(self.run.id, Vec::new(), Some(state)).await;
        }
    }

    fn decide(&self) -> Move {
        let subject = Subject {
            event: &self.run.event,
            vars: &self.run.rule.vars,
            error: &self.run.error,
            seed: &self.seed,
        };
        next(self.run.flow(), &subject, &self.run.log, Timestamp::now())
    }

    async fn perform(&self, step: usize, number: u32, call: &Call) -> Attempt {
        let run = &self.run;
        let step = run.flow().steps.get(step).map(|step| step.name.clone());
        let step = step.unwrap_or_default();
        let key = idempotency_key(&run.event.id, &run.rule.name, &step, run.generation);
        let (started, clock) = (Timestamp::now(), Instant::now());
        let performed = self.shared.perform.perform(call, &key).await;
        Attempt {
            step,
            number,
            started,
            took: clock.elapsed(),
            outcome: outcome(performed),
        }
    }

    /// The log is written before anything follows from it.
    async fn append(&mut self, line: Line) -> Result<(), StoreError> {
        line.attempt().into_iter().for_each(|a| self.log_attempt(a));
        let store = &self.shared.store;
        store.advance(self.run.id, vec![line.clone()], None).await?;
        self.run.log.push(line);
        Ok(())
    }

    /// Why a try failed is said in `action`'s words, free of secrets; nothing of the event is added.
    fn log_attempt(&self, attempt: &Attempt) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        let (step, number) = (attempt.step.as_str(), attempt.number);
        let took_ms = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
        match &attempt.outcome {
            Outcome::Succeeded { .. } => {
                let outcome = "succeeded";
                info!(run, rule, step, number, took_ms, outcome, "attempt");
            }
            Outcome::Failed { message, .. } => {
                let (outcome, error) = ("failed", message.as_str());
                warn!(run, rule, step, number, took_ms, outcome, error, "attempt");
            }
        }
    }

    fn log_state(&self, state: &State) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        let (event, word) = (self.run.event.id.as_str(), state.word());
        match state {
            State::Dead { why } => error!(run, rule, event, state = word, why, "run"),
            State::Retrying { until } => info!(run, rule, event, state = word, %until, "run"),
            State::Held { why } | State::Suppressed { why, .. } => {
                warn!(run, rule, event, state = word, why, "run");
            }
            State::Skipped { why } => info!(run, rule, event, state = word, why, "run"),
            State::Queued | State::Running | State::Done | State::Shadow | State::Cancelled => {
                info!(run, rule, event, state = word, "run")
            }
        }
    }
}

fn outcome(performed: Performed) -> Outcome {
    match performed {
        Performed::Succeeded(reply) => Outcome::Succeeded {
            result: reply.value,
        },
        Performed::Failed(Failure {
            message,
            retryable,
            retry_after,
        }) => Outcome::Failed {
            message,
            retryable,
            retry_after,
        },
    }
}
