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
    permit: Permit,
    signals: watch::Receiver<WorkerSignal>,
) {
    let mut worker = Worker::new(shared, run, permit, signals);
    if let Err(reason) = worker.execute().await {
        worker.exit(reason).await;
    }
}

struct Worker<'a, S, P> {
    shared: &'a EngineState<S, P>,
    run: Claimed,
    /// Spreads the waits of runs that failed together.
    seed: String,
    signals: watch::Receiver<WorkerSignal>,
    permit: Option<Permit>,
    /// What the flow knows by name from the start.
    locals: Value,
    /// Lines that the store does not have yet.
    unsaved: Vec<Line>,
    in_flight: InFlight<'a>,
}

/// Why a worker leaves its run before it ended or waits.
enum WorkerExit {
    Signalled(WorkerSignal),
    /// Too many runs wait for the host already.
    NoPermit,
    /// Its turn at the connection comes then.
    RateLimited(Duration),
    /// The store does not take what happened.
    StoreFailed,
}

impl<'a, S: Store, P: Perform> Worker<'a, S, P> {
    fn new(
        shared: &'a EngineState<S, P>,
        run: Claimed,
        permit: Permit,
        signals: watch::Receiver<WorkerSignal>,
    ) -> Self {
        let mut worker = Self {
            seed: format!("{}/{}/{}", run.event.source, run.event.id, run.rule.name),
            locals: run.locals(),
            shared,
            run,
            signals,
            permit: Some(permit),
            unsaved: Vec::new(),
            in_flight: InFlight::default(),
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

    async fn execute(&mut self) -> Result<(), WorkerExit> {
        loop {
            let state = match self.decide() {
                Move::Perform { tasks, wake } => {
                    let wake = self.start(tasks, wake).await?;
                    self.await_call(wake).await?;
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
            if !self.in_flight.is_empty() {
                self.await_call(None).await?;
                continue;
            }
            self.log_state(&state);
            return self.save(Some(state)).await;
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
        self.unsaved.push(line);
    }

    /// Gives the store what it does not have yet, with where the run stands now; while it fails, again
    /// and again: what happened must not be forgotten.
    async fn save(&mut self, state: Option<State>) -> Result<(), WorkerExit> {
        if self.unsaved.is_empty() && state.is_none() {
            return Ok(());
        }
        let mut told = false;
        let mut last_tries = MAX_SHUTDOWN_ATTEMPTS;
        loop {
            let lines = self.unsaved.clone();
            if *self.signals.borrow() == WorkerSignal::Stop {
                last_tries -= 1;
            }
            let kept = self.shared.store.advance(self.run.id, lines, state.clone());
            match kept.await {
                Ok(()) => {
                    self.unsaved.clear();
                    return Ok(());
                }
                Err(error) if last_tries == 0 || !is_transient(&error) => {
                    self.log_unsaved(&error);
                    return Err(WorkerExit::StoreFailed);
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
    async fn exit(&mut self, reason: WorkerExit) {
        if let WorkerExit::Signalled(signal) = reason {
            self.log_exit(signal);
        }
        // What is under way is stopped: its connections are closed, its commands killed.
        self.in_flight = InFlight::default();
        let state = match reason {
            WorkerExit::StoreFailed => return,
            WorkerExit::NoPermit => Some(State::Retrying {
                until: after(self.shared.clock().now(), REQUEUE_DELAY),
            }),
            // What is kept in memory is lost with it, and said to be lost as it stands.
            WorkerExit::RateLimited(wait) => Some(State::Retrying {
                until: after(
                    self.shared.clock().now(),
                    SignedDuration::try_from(wait).unwrap_or(REQUEUE_DELAY),
                ),
            }),
            WorkerExit::Signalled(WorkerSignal::Stop) => {
                let durable = self.shared.store.is_durable();
                durable.then_some(State::Queued)
            }
            WorkerExit::Signalled(WorkerSignal::Cancel | WorkerSignal::Continue) => None,
        };
        // Where it fails again, that is told.
        drop(self.save(state).await);
    }
}

/// Waits for an order other than to go on.
async fn signalled(signals: &mut watch::Receiver<WorkerSignal>) -> WorkerSignal {
    let signal = signals
        .wait_for(|signal| *signal != WorkerSignal::Continue)
        .await;
    let signal = signal.map(|signal| *signal);
    match signal {
        Ok(signal) => signal,
        Err(_) => std::future::pending().await,
    }
}

/// Whether the store may do later what it cannot do now.
pub(in crate::engine) fn is_transient(error: &StoreError) -> bool {
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
