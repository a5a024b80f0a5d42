//! Executes one run until it ends or has to wait: decide, perform, record, repeat. Decisions are `flowtrigger_core::flow`'s,
//! and nothing is performed before the log that led to it is stored.

mod exchanges;
mod in_flight;
mod integration_settings;
pub(super) mod log;
pub(in crate::engine) mod save;
mod trace_parent;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use super::performer::Perform;
use crate::engine::lease::LeaseTerm;
use crate::engine::limits::active_runs::WorkerSignal;
use crate::engine::limits::concurrency::Permit;
use crate::engine::limits::permit_holders::RunPermit;
use crate::engine::runner::suspended_runs::{blocked, blocked_at, outdated_notice};
use crate::engine::state::EngineState;
use crate::engine::suspensions::Blocked;
use crate::store::{ClaimedRun, Store};
use flowtrigger_core::flow::decide::{Decision, RunInput, claimed_entry, decide};
use flowtrigger_core::run::answer_link::{AnswerLinks, RunLinks};
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_core::suspension::SuspensionTarget;
use in_flight::InFlight;
use log::log_state;

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
    permit: Option<RunPermit>,
    /// What makes the links of its questions.
    links: Option<RunLinks>,
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
    /// The receiver whose failure was the last.
    failed_at: Option<SuspensionTarget>,
}

/// A request that its connection's rate limit allows after a time.
struct LimitedRequest {
    connection: String,
    wait: Duration,
}

/// Why a worker leaves a run that has neither ended nor waits.
enum WorkerExit {
    Signalled(WorkerSignal),
    /// The key of its links cannot be read.
    NoLinks,
    /// Too many runs wait for the host.
    NoPermit,
    /// What it needs is suspended.
    Blocked(Blocked),
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
            links: None,
            stored: run.log.len(),
            term: shared.lease.term(),
            shared,
            run,
            signals,
            permit: None,
            unsaved: Vec::new(),
            unsaved_exchanges: Vec::new(),
            in_flight: InFlight::default(),
            failed_at: None,
        };
        worker.hold(permit);
        let line = claimed_entry(worker.run.flow(), &worker.subject(), &worker.run.log);
        worker.run.log.push(line);
        worker
    }

    fn hold(&mut self, permit: Permit) {
        let now = self.shared.clock().elapsed();
        let holders = self.shared.concurrency.holders();
        self.permit = Some(holders.hold(permit, &self.run.rule.name, now));
    }

    fn subject(&self) -> RunInput<'_> {
        RunInput {
            event: &self.run.event,
            vars: &self.run.rule.vars,
            error: &self.run.error,
            locals: &self.locals,
            seed: &self.seed,
            links: self
                .links
                .as_ref()
                .map_or(AnswerLinks::Hidden, AnswerLinks::Run),
        }
    }

    async fn execute(&mut self) -> Result<(), WorkerExit> {
        let links = self.shared.links_of(&self.run).await;
        self.links = links.map_err(|_| WorkerExit::NoLinks)?;
        if let Some(why) = outdated_notice(self.shared, &self.run).await {
            return self.end(RunState::Skipped { why }).await;
        }
        if let Some(blocked) = blocked(self.shared, &self.run, None).await {
            return Err(WorkerExit::Blocked(blocked));
        }
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
                Decision::Retry { until } => self.retrying(until),
                Decision::Wait { until } => RunState::Waiting { until },
                Decision::Await { step, until } => RunState::Awaiting { step, until },
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
            return self.end(state).await;
        }
    }

    /// Stores the state in which the run stays, or waits.
    async fn end(&mut self, state: RunState) -> Result<(), WorkerExit> {
        self.save(Some(state.clone())).await?;
        log_state(&self.run, &state);
        if state.is_final() {
            count_end(self.shared, &self.run, &state);
        }
        Ok(())
    }

    /// The state until the next attempt: it waits for a receiver that is down, however long that takes.
    fn retrying(&self, until: Timestamp) -> RunState {
        let failed_at = self.failed_at.as_ref();
        match failed_at.and_then(|target| blocked_at(self.shared, target, &self.run)) {
            Some(blocked) => parked(blocked),
            None => RunState::Retrying { until },
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
            | WorkerExit::NoLinks
            | WorkerExit::NoPermit
            | WorkerExit::Blocked(_)
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
            WorkerExit::NoLinks => Some(RunState::Limited {
                until: after(self.shared.now(), REQUEUE_DELAY),
                why: "waits for the store, which has the key of its links".into(),
            }),
            WorkerExit::NoPermit => Some(RunState::Limited {
                until: after(self.shared.now(), REQUEUE_DELAY),
                why: "waits for other requests to its host, of which `limits.per_host` allows no more,"
                    .into(),
            }),
            WorkerExit::Blocked(blocked) => Some(parked(blocked.clone())),
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

/// Counts the end of a run in the metrics.
pub(super) fn count_end<S: Store, P>(
    shared: &EngineState<S, P>,
    run: &ClaimedRun,
    state: &RunState,
) {
    let took = shared.now().duration_since(run.planned);
    let (metrics, state) = (&shared.metrics, state.as_str());
    metrics.rules().count_ended(&run.rule.name, state);
    metrics
        .latencies()
        .observe_run(state, took.try_into().unwrap_or_default());
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

fn parked(Blocked { target, why, .. }: Blocked) -> RunState {
    RunState::Parked {
        on: target.key(),
        why,
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
