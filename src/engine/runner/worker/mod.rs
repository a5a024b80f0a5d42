//! Carries one run as far as it goes now: asks what is next, has it done, writes it down, asks again.
//! It decides nothing itself and does no step before the store has what was done before it.

mod in_flight;
mod integration_settings;
mod log;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;
use tracing::error;

use super::performer::Perform;
use crate::core::flow::{Move, Subject, next, taken_up};
use crate::core::run::{Line, State};
use crate::engine::limits::active_runs::WorkerSignal;
use crate::engine::limits::concurrency::Permit;
use crate::engine::state::EngineState;
use crate::store::{Claimed, Store, StoreError};
use in_flight::InFlight;

/// Between two tries of a store that fails.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Tries of a store that fails once the program is to end.
pub(super) const MAX_SHUTDOWN_ATTEMPTS: u32 = 3;
/// How long a run stays away for which there is not even a place to wait.
const REQUEUE_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// Works on a run until it ends, has to wait or is told to stop; waiting gives its place back.
pub(super) async fn work<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    run: Claimed,
    place: Permit,
    orders: watch::Receiver<WorkerSignal>,
) {
    let mut worker = Worker::new(shared, run, place, orders);
    if let Err(halt) = worker.go().await {
        worker.halt(halt).await;
    }
}

struct Worker<'a, S, P> {
    shared: &'a EngineState<S, P>,
    run: Claimed,
    /// Spreads the waits of runs that failed together.
    seed: String,
    orders: watch::Receiver<WorkerSignal>,
    place: Option<Permit>,
    /// What the flow knows by name from the start.
    locals: Value,
    /// Lines that the store does not have yet.
    unkept: Vec<Line>,
    flight: InFlight<'a>,
}

/// Why a worker leaves its run before it ended or waits.
enum WorkerExit {
    Signalled(WorkerSignal),
    /// Too many runs wait for the host already.
    NoPlace,
    /// Its turn at the connection comes then.
    Paced(Duration),
    /// The store does not take what happened.
    Unkept,
}

impl<'a, S: Store, P: Perform> Worker<'a, S, P> {
    fn new(
        shared: &'a EngineState<S, P>,
        run: Claimed,
        place: Permit,
        orders: watch::Receiver<WorkerSignal>,
    ) -> Self {
        let mut worker = Self {
            seed: format!("{}/{}/{}", run.event.source, run.event.id, run.rule.name),
            locals: run.locals(),
            shared,
            run,
            orders,
            place: Some(place),
            unkept: Vec::new(),
            flight: InFlight::default(),
        };
        let line = taken_up(worker.run.flow(), &worker.subject(), &worker.run.log);
        worker.run.log.push(line);
        worker
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            event: &self.run.event,
            vars: &self.run.rule.vars,
            error: &self.run.error,
            locals: &self.locals,
            seed: &self.seed,
        }
    }

    async fn go(&mut self) -> Result<(), WorkerExit> {
        loop {
            let state = match self.decide() {
                Move::Perform { tasks, wake } => {
                    let wake = self.start(tasks, wake).await?;
                    self.land(wake).await?;
                    continue;
                }
                Move::Record(line) => {
                    self.record(line);
                    continue;
                }
                Move::Retry { until } => State::Retrying { until },
                Move::Wait { until } => State::Waiting { until },
                Move::Skipped { why, trace: _ } => State::Skipped { why },
                Move::Done { message: _ } => State::Done,
                Move::Dead { why } => State::Dead { why },
                Move::Hold { why } => State::Held { why },
            };
            // What is under way ends first, and is written down.
            if !self.flight.is_empty() {
                self.land(None).await?;
                continue;
            }
            self.log_state(&state);
            return self.keep(Some(state)).await;
        }
    }

    fn decide(&self) -> Move {
        next(
            self.run.flow(),
            &self.subject(),
            &self.run.log,
            self.shared.clock().now(),
        )
    }

    fn record(&mut self, line: Line) {
        self.run.log.push(line.clone());
        self.unkept.push(line);
    }

    /// Gives the store what it does not have yet, with where the run stands now; while it fails, again
    /// and again: what happened must not be forgotten.
    async fn keep(&mut self, state: Option<State>) -> Result<(), WorkerExit> {
        if self.unkept.is_empty() && state.is_none() {
            return Ok(());
        }
        let mut told = false;
        let mut last_tries = MAX_SHUTDOWN_ATTEMPTS;
        loop {
            let lines = self.unkept.clone();
            if *self.orders.borrow() == WorkerSignal::Stop {
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
                    return Err(WorkerExit::Unkept);
                }
                Err(error) if !told => {
                    let run = self.run.id.0;
                    error!(run, %error, "the run's log cannot be kept; trying again every second");
                    told = true;
                }
                Err(_) => {}
            }
            self.shared.clock().sleep(STORE_RETRY_DELAY).await;
        }
    }

    /// Leaves the run as it is best found again.
    async fn halt(&mut self, halt: WorkerExit) {
        if let WorkerExit::Signalled(order) = halt {
            self.log_halt(order);
        }
        // What is under way is stopped: its connections are closed, its commands killed.
        self.flight = InFlight::default();
        let state = match halt {
            WorkerExit::Unkept => return,
            WorkerExit::NoPlace => Some(State::Retrying {
                until: after(self.shared.clock().now(), REQUEUE_DELAY),
            }),
            // What is kept in memory is lost with it, and said to be lost as it stands.
            WorkerExit::Paced(wait) => Some(State::Retrying {
                until: after(
                    self.shared.clock().now(),
                    SignedDuration::try_from(wait).unwrap_or(REQUEUE_DELAY),
                ),
            }),
            WorkerExit::Signalled(WorkerSignal::Stop) => S::DURABLE.then_some(State::Queued),
            WorkerExit::Signalled(WorkerSignal::Cancel | WorkerSignal::GoOn) => None,
        };
        // Where it fails again, that is told.
        drop(self.keep(state).await);
    }
}

/// Waits for an order other than to go on.
async fn ordered(orders: &mut watch::Receiver<WorkerSignal>) -> WorkerSignal {
    let order = orders.wait_for(|order| *order != WorkerSignal::GoOn).await;
    let order = order.map(|order| *order);
    match order {
        Ok(order) => order,
        Err(_) => std::future::pending().await,
    }
}

/// Whether the store may do later what it cannot do now.
pub(in crate::engine) fn passes(error: &StoreError) -> bool {
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

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
