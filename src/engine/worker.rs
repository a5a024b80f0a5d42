//! Carries one run as far as it goes now: asks what is next, does it, writes it down, asks again.
//! It decides nothing itself and does no step before the store has what was done before it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::Perform;
use super::at_work::Order;
use super::handle::Shared;
use super::places::{Entry, Place};
use crate::core::flow::call::{Call, Failure, Performed};
use crate::core::flow::{Move, Subject, next};
use crate::core::run::{Attempt, Line, Outcome, State, idempotency_key};
use crate::store::{Claimed, Store, StoreError};

/// Between two tries of a store that fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Tries of a store that fails once the program is to end.
pub(super) const LAST_TRIES: u32 = 3;
/// How long a run stays away for which there is not even a place to wait.
const COME_BACK: SignedDuration = SignedDuration::from_secs(1);

/// Works on a run until it ends, has to wait or is told to stop; waiting gives its place back.
pub(super) async fn work<S: Store, P: Perform>(
    shared: &Shared<S, P>,
    run: Claimed,
    place: Place,
    orders: watch::Receiver<Order>,
) {
    let mut worker = Worker::new(shared, run, place, orders);
    if let Err(halt) = worker.go().await {
        worker.halt(halt).await;
    }
}

struct Worker<'a, S, P> {
    shared: &'a Shared<S, P>,
    run: Claimed,
    /// Spreads the waits of runs that failed together.
    seed: String,
    orders: watch::Receiver<Order>,
    place: Option<Place>,
    /// Lines that the store does not have yet.
    unkept: Vec<Line>,
    /// That a command starts: kept when it is certain that it does.
    start: Option<Line>,
}

/// Why a worker leaves its run before it ended or waits.
enum Halt {
    Ordered(Order),
    /// Too many runs wait for the host already.
    NoPlace,
    /// Its turn at the connection comes then.
    Paced(Duration),
    /// The store does not take what happened.
    Unkept,
}

impl<'a, S: Store, P: Perform> Worker<'a, S, P> {
    fn new(
        shared: &'a Shared<S, P>,
        mut run: Claimed,
        place: Place,
        orders: watch::Receiver<Order>,
    ) -> Self {
        run.log.push(Line::Claimed { over: None });
        Self {
            seed: format!("{}/{}/{}", run.event.source, run.event.id, run.rule.name),
            shared,
            run,
            orders,
            place: Some(place),
            unkept: Vec::new(),
            start: None,
        }
    }

    async fn go(&mut self) -> Result<(), Halt> {
        loop {
            let state = match self.decide() {
                Move::Perform { step, number, call } => {
                    self.step(step, number, &call).await?;
                    continue;
                }
                Move::Record(line) => {
                    self.record(line);
                    continue;
                }
                Move::Wait { until } => State::Retrying { until },
                Move::Skipped { why, trace: _ } => State::Skipped { why },
                Move::Done { message: _ } => State::Done,
                Move::Dead { why } => State::Dead { why },
                Move::Hold { why } => State::Held { why },
            };
            self.log_state(&state);
            return self.keep(Some(state)).await;
        }
    }

    fn decide(&self) -> Move {
        let subject = Subject {
            event: &self.run.event,
            vars: &self.run.rule.vars,
            error: &self.run.error,
            seed: &self.seed,
        };
        next(
            self.run.flow(),
            &subject,
            &self.run.log,
            self.shared.clock().now(),
        )
    }

    /// The log is in the store before anything is done that follows from it.
    async fn step(&mut self, step: usize, number: u32, call: &Call) -> Result<(), Halt> {
        let _at_host = self.enter(call).await?;
        let start = self.start.take();
        self.unkept.extend(start);
        self.keep(None).await?;
        let attempt = self.perform(step, number, call).await?;
        self.shared.metrics.attempted(call, &attempt);
        self.log_attempt(&attempt);
        self.record(Line::Attempt(attempt));
        Ok(())
    }

    fn record(&mut self, line: Line) {
        self.run.log.push(line.clone());
        match line {
            Line::Started { .. } => self.start = Some(line),
            Line::Attempt(_)
            | Line::Waiting { .. }
            | Line::Revived { .. }
            | Line::Claimed { .. } => self.unkept.push(line),
        }
    }

    /// Waits for a place at the host. The run's own place goes to another one meanwhile.
    async fn enter(&mut self, call: &Call) -> Result<Option<Place>, Halt> {
        if let Some(wait) = self.pace(call) {
            return Err(Halt::Paced(wait));
        }
        let queue = match self.shared.places.enter(call) {
            Entry::Open(place) => return Ok(place),
            Entry::Full => return Err(Halt::NoPlace),
            Entry::Taken(queue) => queue,
        };
        self.keep(None).await?;
        drop(self.place.take());
        self.shared.work.notify_one();
        let shared = self.shared;
        let turn = async {
            let at_host = queue.turn().await;
            (at_host, shared.places.again().await)
        };
        tokio::select! {
            biased;
            order = ordered(&mut self.orders) => Err(Halt::Ordered(order)),
            (at_host, place) = turn => {
                self.place = place;
                Ok(at_host)
            }
        }
    }

    /// How long the request waits for its turn at its connection.
    fn pace(&self, call: &Call) -> Option<Duration> {
        let Call::Http(call) = call else { return None };
        let name = call.connection.as_deref()?;
        let judge = self.shared.judge.load();
        let rate = judge.rulebook.config.connections.get(name)?.rate_limit?;
        let now = self.shared.clock().elapsed();
        let wait = self.shared.rates.wait(self.run.id, name, rate, now)?;
        let (run, wait_ms) = (self.run.id.0, wait.as_millis() as u64);
        debug!(run, connection = name, wait_ms, "waits for its turn");
        Some(wait)
    }

    async fn perform(&mut self, step: usize, number: u32, call: &Call) -> Result<Attempt, Halt> {
        let step = self.run.flow().steps.get(step);
        let step = step.map(|step| step.name.clone()).unwrap_or_default();
        let key = key(&self.run, &step);
        let clock = self.shared.clock();
        let began = clock.elapsed();
        let performed = tokio::select! {
            biased;
            order = ordered(&mut self.orders) => return Err(Halt::Ordered(order)),
            performed = self.shared.perform.perform(call, &key) => performed,
        };
        let took = clock.elapsed().saturating_sub(began);
        Ok(Attempt {
            step,
            number,
            // Counted back from now: what follows is due by the clock as it stands now, even if it
            // was set meanwhile.
            started: before(clock.now(), took),
            took,
            outcome: outcome(performed),
        })
    }

    /// Gives the store what it does not have yet, with where the run stands now; while it fails, again
    /// and again: what happened must not be forgotten.
    async fn keep(&mut self, state: Option<State>) -> Result<(), Halt> {
        if self.unkept.is_empty() && state.is_none() {
            return Ok(());
        }
        let mut told = false;
        let mut last_tries = LAST_TRIES;
        loop {
            let lines = self.unkept.clone();
            if *self.orders.borrow() == Order::Stop {
                last_tries -= 1;
            }
            let kept = self.shared.store.advance(self.run.id, lines, state.clone());
            match kept.await {
                Ok(()) => {
                    self.unkept.clear();
                    return Ok(());
                }
                Err(error) if last_tries == 0 || !passes(&error) => {
                    self.log_unkept(&error);
                    return Err(Halt::Unkept);
                }
                Err(error) if !told => {
                    let run = self.run.id.0;
                    error!(run, %error, "the run's log cannot be kept; trying again every second");
                    told = true;
                }
                Err(_) => {}
            }
            self.shared.clock().sleep(STORE_PAUSE).await;
        }
    }

    /// Leaves the run as it is best found again.
    async fn halt(&mut self, halt: Halt) {
        let state = match halt {
            Halt::Unkept => return,
            Halt::NoPlace => Some(State::Retrying {
                until: after(self.shared.clock().now(), COME_BACK),
            }),
            // What is kept in memory is lost with it, and said to be lost as it stands.
            Halt::Paced(wait) => Some(State::Retrying {
                until: after(
                    self.shared.clock().now(),
                    SignedDuration::try_from(wait).unwrap_or(COME_BACK),
                ),
            }),
            Halt::Ordered(Order::Stop) => S::DURABLE.then_some(State::Queued),
            Halt::Ordered(Order::Cancel | Order::GoOn) => None,
        };
        if let Halt::Ordered(order) = halt {
            self.log_halt(order);
        }
        // Where it fails again, that is told.
        drop(self.keep(state).await);
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
            State::Retrying { until } | State::Waiting { until } | State::Debouncing { until } => {
                info!(run, rule, event, state = word, %until, "run")
            }
            State::Held { why } | State::Suppressed { why, .. } => {
                warn!(run, rule, event, state = word, why, "run");
            }
            State::Skipped { why } => info!(run, rule, event, state = word, why, "run"),
            State::Queued | State::Running | State::Done | State::Shadow | State::Cancelled => {
                info!(run, rule, event, state = word, "run")
            }
        }
    }

    fn log_halt(&self, order: Order) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        let started = matches!(self.run.log.last(), Some(Line::Started { .. }));
        match (order, started && self.start.is_none()) {
            (Order::Cancel, _) => info!(run, rule, "run stopped, to be cancelled"),
            (Order::Stop, true) => warn!(
                run,
                rule,
                "run stopped in the middle of a command that must not run twice: the next start holds it until a person decides"
            ),
            (Order::Stop, false) if S::DURABLE => {
                info!(run, rule, "run stopped; the next start goes on with it");
            }
            (Order::Stop | Order::GoOn, _) => {}
        }
    }

    fn log_unkept(&self, error: &StoreError) {
        let (run, rule, lines) = (
            self.run.id.0,
            self.run.rule.name.as_str(),
            self.unkept.len(),
        );
        error!(
            run, rule, lines, %error,
            "what the run did last could not be kept: its last step may be done again, with the same key"
        );
    }
}

/// A run that tells of a death does other work than the one that died.
fn key(run: &Claimed, step: &str) -> String {
    let step = match run.error.is_null() {
        true => step.to_owned(),
        false => format!("on_dead/{}/{step}", run.id.0),
    };
    idempotency_key(&run.event.id, &run.rule.name, &step, run.generation)
}

/// Waits for an order other than to go on.
async fn ordered(orders: &mut watch::Receiver<Order>) -> Order {
    let order = orders.wait_for(|order| *order != Order::GoOn).await;
    let order = order.map(|order| *order);
    match order {
        Ok(order) => order,
        Err(_) => std::future::pending().await,
    }
}

/// Whether the store may do later what it cannot do now.
pub(super) fn passes(error: &StoreError) -> bool {
    match error {
        StoreError::Busy | StoreError::Broken(_) | StoreError::Damaged(_) => true,
        StoreError::Full { .. }
        | StoreError::UnknownRun(_)
        | StoreError::OnlyTells(_)
        | StoreError::Redacted(_)
        | StoreError::Settings(_)
        | StoreError::WrongState { .. } => false,
    }
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    now.checked_sub(time).unwrap_or(Timestamp::MIN)
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
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
            status,
        }) => Outcome::Failed {
            message,
            retryable,
            retry_after,
            status,
        },
    }
}

#[cfg(test)]
mod tests;
