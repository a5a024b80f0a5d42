//! Claims ready runs and starts a worker task for each, within the concurrency limits. Owns all worker tasks: a
//! run whose worker panics is marked `dead`, other runs continue.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{error, warn};

use super::immediate_end::{end_at_once, report_ends};
use super::performer::Perform;
use super::suspended_runs::refresh;
use super::worker::save::{MAX_SHUTDOWN_ATTEMPTS, advance_one, is_transient};
use super::worker::work;
use crate::engine::clock::ClockReading;
use crate::engine::limits::active_runs::{ActiveRun, WorkerSignal};
use crate::engine::state::{EnginePhase, EngineState};
use crate::store::{Advance, ClaimRequest, EndAtOnce, Store, StoreError};
use flowtrigger_core::run::RunState;

/// The longest sleep without a check of the wall clock, which may be set.
const MAX_SLEEP: Duration = Duration::from_secs(30);
/// How often a shared store is asked for runs: other daemons queue some, and a wake-up can be lost.
pub(in crate::engine) const SHARED_POLL: Duration = Duration::from_secs(1);
/// The shortest sleep with a shared store: its clock decides what is due, and this machine's may be ahead.
const MIN_SHARED_SLEEP: Duration = Duration::from_millis(20);
/// The delay before a failed store operation is tried again.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How long signalled workers may take to save their runs.
const FINAL_WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until the engine is drained.
pub(in crate::engine) async fn dispatch<S: Store, P: Perform>(shared: Arc<EngineState<S, P>>) {
    let mut phase = shared.phase.subscribe();
    let mut dispatcher = Dispatcher {
        wakeups: shared.store.wakeups(),
        clocks: ClockReading::now(shared.clock()),
        end_at_once: end_at_once(&shared.suspensions),
        shared,
        tasks: JoinSet::new(),
    };
    dispatcher.read_suspensions().await;
    while dispatcher.tick(&mut phase).await {}
    dispatcher.stop_all().await;
}

/// The dispatcher with its worker tasks.
struct Dispatcher<S, P> {
    shared: Arc<EngineState<S, P>>,
    tasks: JoinSet<()>,
    /// Changes when another daemon may have queued runs.
    wakeups: watch::Receiver<u64>,
    /// The last reading of the clocks.
    clocks: ClockReading,
    /// Decides which runs need no worker.
    end_at_once: EndAtOnce,
}

impl<S: Store, P: Perform> Dispatcher<S, P> {
    /// Reads what is suspended, so that nothing starts that is paused.
    async fn read_suspensions(&self) {
        let shared = &self.shared;
        while shared.store.is_durable() && shared.accepting() {
            match refresh(shared).await {
                Ok(()) => return,
                Err(error) => error!(%error, "suspensions could not be read; trying again"),
            }
            shared.clock().sleep(STORE_RETRY_DELAY).await;
        }
    }

    /// Claims runs, then waits for a change. False when the engine is drained.
    async fn tick(&mut self, phase: &mut watch::Receiver<EnginePhase>) -> bool {
        self.check_clocks().await;
        let now = *phase.borrow_and_update();
        self.wakeups.mark_unchanged();
        let claimed =
            match self.can_start(now) && self.shared.lease.permits(self.shared.clock().elapsed()) {
                true => self.claim().await,
                false => None,
            };
        let due = match claimed {
            Some(next_due) => self.time_until(next_due),
            None => self.time_until(self.shared.store.next_due().await),
        };
        if self.is_drained(now, due) {
            return false;
        }
        let sleep_time = self.sleep_time(now, due);
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = shared.wake.notified() => {}
            () = changed(&mut self.wakeups) => {}
            () = shared.lease.changed() => {}
            () = shared.clock().sleep(sleep_time) => {}
            () = shutdown_deadline(now) => {}
            _ = phase.changed() => {}
            Some(ended) = self.tasks.join_next_with_id() => self.on_runs_finished(ended).await,
        }
        true
    }

    /// Moves all due times if the wall clock was set back, so that nothing waits longer. A shared store has its own
    /// clock.
    async fn check_clocks(&mut self) {
        if self.shared.store.is_shared() {
            return;
        }
        let now = ClockReading::now(self.shared.clock());
        if let Some(by) = self.clocks.set_back(&now) {
            let seconds = by.as_secs();
            warn!(seconds, "clock set back; due times are moved with it");
            self.shared.metrics.count_clock_set_back();
            if let Err(error) = self.shared.store.shift_clock(by).await {
                error!(%error, "failed to move due times; trying again");
                return;
            }
        }
        self.clocks = now;
    }

    /// A durable store keeps queued runs for the next start; any other loses them, so they are still started
    /// while there is time.
    fn can_start(&self, phase: EnginePhase) -> bool {
        phase == EnginePhase::Accepting || !self.shared.store.is_durable()
    }

    fn is_drained(&self, phase: EnginePhase, due: Option<Duration>) -> bool {
        let EnginePhase::Draining { until } = phase else {
            return false;
        };
        let left = until.saturating_duration_since(Instant::now());
        let in_time = due.is_some_and(|due| due <= left) && self.can_start(phase);
        left.is_zero() || (self.tasks.is_empty() && !in_time)
    }

    /// Claims runs, and returns when the next one is due; `None` if no run can be claimed. The lock of active runs is held,
    /// so that a cancelled run is never between claimed and executing.
    async fn claim(&mut self) -> Option<Result<Option<Timestamp>, StoreError>> {
        let permits = self.shared.concurrency.free();
        if permits.is_empty() || self.shared.suspensions.is_everything_paused() {
            return None;
        }
        let claim = ClaimRequest {
            limit: permits.len(),
            per_rule: self
                .shared
                .lease
                .membership()
                .share(self.shared.options.per_rule),
            now: self.shared.now(),
        };
        let shared = Arc::clone(&self.shared);
        let mut at_work = shared.active_runs.lock().await;
        let end = self.end_at_once.clone();
        let claimed = match shared.store.claim_or_end(claim, end).await {
            Ok(claimed) => claimed,
            Err(error) => {
                drop((at_work, permits));
                error!(%error, "failed to claim runs; trying again");
                shared.clock().sleep(STORE_RETRY_DELAY).await;
                return None;
            }
        };
        if !claimed.ended.is_empty() {
            if claimed.ended.len() + claimed.started.len() == claim.limit {
                // There may be more, and no end of a worker wakes the dispatcher.
                shared.wake.notify_one();
            }
            let shared = Arc::clone(&shared);
            self.tasks
                .spawn(async move { report_ends(&shared, claimed.ended, claim.now).await });
        }
        for (run, permit) in claimed.started.into_iter().zip(permits) {
            shared.metrics.latencies().observe_queued(&run, claim.now);
            let active = ActiveRun {
                run: run.id,
                claim: run.claim,
            };
            let (sender, receiver) = watch::channel(WorkerSignal::Continue);
            let shared = Arc::clone(&shared);
            let task = async move { work(&shared, run, permit, receiver).await };
            at_work.add(self.tasks.spawn(task).id(), active, sender);
        }
        Some(claimed.next_due)
    }

    /// The time until the next waiting run is due.
    fn time_until(&self, next_due: Result<Option<Timestamp>, StoreError>) -> Option<Duration> {
        let due = next_due.unwrap_or_else(|error| {
            error!(%error, "the next run that is due could not be read; trying again");
            None
        })?;
        let wait: SignedDuration = due.duration_since(self.shared.now());
        Some(wait.try_into().unwrap_or(Duration::ZERO))
    }

    /// Without a free permit a due run cannot start, and the end of another run wakes the dispatcher.
    fn sleep_time(&self, phase: EnginePhase, due: Option<Duration>) -> Duration {
        let waits = self.shared.concurrency.has_free() && self.can_start(phase);
        let (shortest, longest) = match self.shared.store.is_shared() {
            true => (MIN_SHARED_SLEEP, SHARED_POLL),
            false => (Duration::from_millis(1), MAX_SLEEP),
        };
        match due.filter(|_| waits) {
            Some(due) => due.clamp(shortest, longest),
            None => longest,
        }
    }

    /// Takes the other tasks that have ended meanwhile too, so that one claim follows them all.
    async fn on_runs_finished(&mut self, first: Result<(Id, ()), JoinError>) {
        self.on_run_finished(first).await;
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.on_run_finished(ended).await;
        }
    }

    async fn on_run_finished(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(fault) => fault.id(),
        };
        let run = self.shared.active_runs.lock().await.remove(task);
        if let (Err(fault), Some(run)) = (ended, run)
            && let Ok(panic) = fault.try_into_panic()
        {
            let why = format!(
                "internal error: the worker of this run panicked: {}; please report it",
                panic_message(&*panic)
            );
            self.tasks
                .spawn(mark_dead(Arc::clone(&self.shared), run, why));
        }
        self.shared.finished.notify_waiters();
    }

    /// Stops the workers that are still running when the time is over.
    async fn stop_all(mut self) {
        self.shared.active_runs.lock().await.stop_all();
        let until = Instant::now() + FINAL_WRITE_TIMEOUT;
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(until, self.tasks.join_next_with_id()).await
        {
            self.on_run_finished(ended).await;
        }
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.on_run_finished(ended).await;
        }
    }
}

/// Marks a run as dead whose worker is gone, and repeats until the store accepts it: the run would otherwise
/// stay `running`.
async fn mark_dead<S: Store, P: Perform>(
    shared: Arc<EngineState<S, P>>,
    ActiveRun { run, claim }: ActiveRun,
    why: String,
) {
    let mut attempts_left = MAX_SHUTDOWN_ATTEMPTS;
    let dead = Advance {
        run,
        claim: Some(claim),
        entries: Vec::new(),
        state: Some(RunState::Dead { why }),
    };
    while let Err(error) = advance_one(&shared.store, dead.clone()).await {
        if let StoreError::ClaimLost(_) = error {
            shared.metrics.count_claim_lost();
            return warn!(run = run.0, "run taken over by another daemon");
        }
        error!(run = run.0, %error, "failed to store the end of the run");
        if !shared.accepting() {
            attempts_left -= 1;
        }
        if attempts_left == 0 || !is_transient(&error) {
            return;
        }
        shared.clock().sleep(STORE_RETRY_DELAY).await;
    }
    if let Ok(Some(record)) = shared.store.run(run).await {
        shared
            .metrics
            .rules()
            .count_ended(&record.rule.name, "dead");
    }
    error!(
        run = run.0,
        state = "dead",
        "run stopped by an internal error"
    );
}

/// Returns when the value changes; never if its sender is gone.
async fn changed(value: &mut watch::Receiver<u64>) {
    if value.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn shutdown_deadline(phase: EnginePhase) {
    match phase {
        EnginePhase::Accepting => std::future::pending().await,
        EnginePhase::Draining { until } => tokio::time::sleep_until(until).await,
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}
