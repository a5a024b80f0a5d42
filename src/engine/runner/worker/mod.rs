//! Executes one run until it ends or has to wait: decide, perform, record, repeat. Decisions are `flowtrigger_core::flow`'s,
//! and nothing is performed before the log that led to it is stored.

mod exchanges;
mod in_flight;
mod integration_settings;
mod log;
pub(in crate::engine) mod save;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use super::performer::Perform;
use crate::engine::lease::LeaseTerm;
use crate::engine::limits::active_runs::WorkerSignal;
use crate::engine::limits::concurrency::Permit;
use crate::engine::state::EngineState;
use crate::store::{ClaimedRun, Store};
use flowtrigger_core::flow::decide::{Decision, RunInput, claimed_entry, decide};
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{LogEntry, RunState};
use in_flight::InFlight;

/// How long a run is parked if too many runs wait for its host.
const REQUEUE_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// Executes a run until it ends, has to wait or is signalled to stop. A wait releases its permit.
pub(super) async fn work<S: Store, P: Perform>(
    shared: &EngineState<S, P>,
    run: ClaimedRun,
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
    run: ClaimedRun,
    /// Spreads the retry delays of runs that failed together.
    seed: String,
    signals: watch::Receiver<WorkerSignal>,
    permit: Option<Permit>,
    /// The local names of the flow at its start.
    locals: Value,
    /// Log entries that are not stored yet.
    unsaved: Vec<LogEntry>,
    /// Exchanges of the attempts among them.
    unsaved_exchanges: Vec<RecordedExchange>,
    /// How many entries of the log are stored.
    stored: usize,
    /// The term of the lease in which the claim was last known to be current.
    term: LeaseTerm,
    in_flight: InFlight<'a>,
}

/// A request that its connection's rate limit allows after a time.
struct LimitedRequest {
    connection: String,
    wait: Duration,
}

/// Why a worker leaves a run that has neither ended nor waits.
enum WorkerExit {
    Signalled(WorkerSignal),
    /// Too many runs wait for the host.
    NoPermit,
    /// The rate limit of its connection does not allow its request yet.
    RateLimited(LimitedRequest),
    /// The store does not accept the log.
    StoreFailed,
    /// The claim has ended: the run belongs to another daemon, or is over.
    ClaimLost,
}

impl<'a, S: Store, P: Perform> Worker<'a, S, P> {
    fn new(
        shared: &'a EngineState<S, P>,
        run: ClaimedRun,
        permit: Permit,
        signals: watch::Receiver<WorkerSignal>,
    ) -> Self {
        let mut worker = Self {
            seed: format!("{}/{}/{}", run.event.endpoint, run.event.id, run.rule.name),
            locals: run.locals(),
            stored: run.log.len(),
            term: shared.lease.term(),
            shared,
            run,
            signals,
            permit: Some(permit),
            unsaved: Vec::new(),
            unsaved_exchanges: Vec::new(),
            in_flight: InFlight::default(),
        };
        let line = claimed_entry(worker.run.flow(), &worker.subject(), &worker.run.log);
        worker.run.log.push(line);
        worker
    }

    fn subject(&self) -> RunInput<'_> {
        RunInput {
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
                Decision::Perform { tasks, wake } => {
                    let wake = self.start(tasks, wake).await?;
                    self.await_call(wake).await?;
                    continue;
                }
                Decision::Record(line) => {
                    self.record(line);
                    continue;
                }
                Decision::Retry { until } => RunState::Retrying { until },
                Decision::Wait { until } => RunState::Waiting { until },
                Decision::Skipped { why, .. } => RunState::Skipped { why },
                Decision::Done { message: _ } => RunState::Done,
                Decision::Dead { why } => RunState::Dead { why },
                Decision::Hold { why } => RunState::Held { why },
            };
            // Calls in flight finish first and are recorded.
            if !self.in_flight.is_empty() {
                self.await_call(None).await?;
                continue;
            }
            self.save(Some(state.clone())).await?;
            self.log_state(&state);
            return Ok(());
        }
    }

    fn decide(&self) -> Decision {
        decide(
            self.run.flow(),
            &self.subject(),
            &self.run.log,
            self.shared.now(),
        )
    }

    fn record(&mut self, line: LogEntry) {
        self.run.log.push(line.clone());
        self.unsaved.push(line);
    }

    /// Leaves the run in the state from which it continues best.
    async fn exit(&mut self, reason: WorkerExit) {
        let held_command = self.in_flight.held_command();
        match reason {
            WorkerExit::ClaimLost | WorkerExit::Signalled(WorkerSignal::Lost) => {}
            WorkerExit::StoreFailed
            | WorkerExit::NoPermit
            | WorkerExit::RateLimited(_)
            | WorkerExit::Signalled(_) => self.keep_interrupted_exchanges(),
        }
        // Stops the calls in flight: closes their connections, kills their commands.
        self.in_flight = InFlight::default();
        let state = match &reason {
            WorkerExit::StoreFailed => return,
            WorkerExit::ClaimLost | WorkerExit::Signalled(WorkerSignal::Lost) => {
                return self.leave_lost().await;
            }
            WorkerExit::NoPermit => Some(RunState::Limited {
                until: after(self.shared.now(), REQUEUE_DELAY),
                why: "waits for other requests to its host, of which `limits.per_host` allows no more,"
                    .into(),
            }),
            // A store in memory loses the run anyway, and it is reported in its current state.
            WorkerExit::RateLimited(LimitedRequest { connection, wait }) => {
                Some(RunState::Limited {
                    until: after(
                        self.shared.now(),
                        SignedDuration::try_from(*wait).unwrap_or(REQUEUE_DELAY),
                    ),
                    why: format!("waits for the rate limit of connection `{connection}`"),
                })
            }
            WorkerExit::Signalled(WorkerSignal::Stop) => {
                let durable = self.shared.store.is_durable();
                durable.then_some(RunState::Queued)
            }
            WorkerExit::Signalled(WorkerSignal::Cancel | WorkerSignal::Continue) => None,
        };
        match (self.save(state).await, reason) {
            (Ok(()), WorkerExit::Signalled(signal)) => self.log_exit(signal, held_command),
            (Err(WorkerExit::ClaimLost), _) => self.leave_lost().await,
            // Any other failure is logged by `save`.
            (Ok(()) | Err(_), _) => {}
        }
    }
}

/// Waits for a signal other than `Continue`.
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

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
