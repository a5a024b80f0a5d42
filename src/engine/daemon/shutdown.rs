//! Orderly shutdown: rejects new events, waits for work in flight, and logs every run that did not finish.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::engine::handle::Engine;
use crate::engine::state::EnginePhase;
use crate::engine::{EngineError, Perform};
use crate::store::{RunStatus, Store, StoreError};

/// Signals within this time count as one.
const SIGNAL_DEBOUNCE: Duration = Duration::from_millis(200);
/// States of runs that are not over.
const UNFINISHED: [&str; 5] = ["queued", "debouncing", "running", "retrying", "waiting"];
/// Up to this many unfinished runs are logged one by one.
const MAX_LISTED: usize = 50;

/// The runs that were not finished when the engine stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UnfinishedWork {
    /// Their number by state.
    pub counts: BTreeMap<&'static str, u64>,
    /// The oldest of them; all, if the store is not durable.
    pub runs: Vec<RunStatus>,
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Rejects events from now on. Events that are being accepted are still committed.
    pub async fn close(&self) {
        let shared = &self.shared;
        let until = Instant::now() + shared.options.grace;
        let _closing = shared.intake.write().await;
        shared.phase.send_if_modified(|phase| {
            let first = *phase == EnginePhase::Accepting;
            if first {
                *phase = EnginePhase::Draining { until };
            }
            first
        });
    }

    /// Rejects events from now on and waits for work in flight, up to `EngineOptions::grace`.
    pub async fn drain(&self) -> UnfinishedWork {
        self.close().await;
        let shared = &self.shared;
        if let Some(dispatcher) = shared.dispatcher.lock().await.take()
            && let Err(fault) = dispatcher.await
        {
            error!(%fault, "internal error: the dispatcher panicked; please report it");
        }
        // Until here the lease is needed for what the workers store.
        if let Some(keeper) = shared.lease_keeper.lock().await.take() {
            keeper.abort();
        }
        if let Some(keeper) = shared.suspension_keeper.lock().await.take() {
            keeper.abort();
        }
        let left = self.left().await;
        left.log(&shared.store);
        left
    }

    /// The runs that are not finished now.
    pub async fn left(&self) -> UnfinishedWork {
        let store = &self.shared.store;
        let limit = match store.is_durable() {
            true => MAX_LISTED,
            false => usize::MAX,
        };
        let runs = store.unfinished(limit).await.unwrap_or_else(unknown);
        let mut counts = store.counts().await.unwrap_or_else(unknown);
        counts.retain(|word, _| UNFINISHED.contains(word));
        UnfinishedWork { counts, runs }
    }
}

/// Reports that the store cannot say what is unfinished; the program stops all the same.
fn unknown<T: Default>(error: StoreError) -> T {
    error!(%error, "which runs are unfinished could not be read");
    T::default()
}

impl UnfinishedWork {
    /// Logs every unfinished run, and whether the next start continues it.
    pub(super) fn log(&self, store: &impl Store) {
        if self.counts.is_empty() {
            info!("all runs have finished");
            return;
        }
        let by_state = self.by_state();
        let count: u64 = self.counts.values().sum();
        match store.is_durable() {
            true if store.is_shared() => info!(
                count,
                %by_state,
                "unfinished runs of all daemons: the others continue them, or the next start"
            ),
            true => info!(count, %by_state, "unfinished runs continue at the next start"),
            false => error!(
                count,
                %by_state,
                "unfinished runs are lost, the store is in memory; send their events again"
            ),
        }
        for run in self.runs.iter().take(MAX_LISTED) {
            warn!(run = run.id.0, rule = %run.rule, state = run.state.as_str(), "run not finished");
        }
        let more = count.saturating_sub(MAX_LISTED as u64);
        if more > 0 {
            warn!(more, "more runs not finished");
        }
    }

    /// `2 queued, 1 retrying`.
    fn by_state(&self) -> String {
        let parts = self.counts.iter().map(|(s, n)| format!("{n} {s}"));
        let parts: Vec<String> = parts.collect();
        parts.join(", ")
    }
}

/// Waits for a signal to stop, in a command that is not the daemon. It has nothing to reload, so SIGHUP
/// stops it too.
pub async fn interrupted() -> Result<(), EngineError> {
    Signals::new()?.next().await;
    Ok(())
}

/// The signals that the daemon handles.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DaemonSignal {
    Stop,
    Reload,
}

impl Signals {
    pub fn new() -> Result<Self, EngineError> {
        let hear = |kind| signal(kind).map_err(EngineError::Signals);
        Ok(Self {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
            hang_up: hear(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> DaemonSignal {
        tokio::select! {
            _ = self.terminate.recv() => DaemonSignal::Stop,
            _ = self.interrupt.recv() => DaemonSignal::Stop,
            _ = self.hang_up.recv() => DaemonSignal::Reload,
        }
    }

    /// Waits for a second stop signal; reload signals are ignored. `timeout` and terminals signal both a
    /// process and its group, so signals that arrive together count as one.
    pub async fn stop_again(&mut self) {
        let mut together = std::pin::pin!(tokio::time::sleep(SIGNAL_DEBOUNCE));
        loop {
            tokio::select! {
                () = &mut together => break,
                _ = self.next() => {}
            }
        }
        while self.next().await != DaemonSignal::Stop {}
    }
}
