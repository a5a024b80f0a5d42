//! Stopping: nothing new is taken, what is in flight ends, and what could not end is named.
//! It never lets work disappear without a word.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::handle::{Engine, Phase};
use super::{EngineError, Perform};
use crate::store::{Placed, Store, StoreError};

/// Signals within this time are one order.
const TOGETHER: Duration = Duration::from_millis(200);
const UNFINISHED: [&str; 5] = ["queued", "debouncing", "running", "retrying", "waiting"];
/// Runs named one by one in the log; more are counted.
const NAMED: usize = 50;

/// What was not finished when the engine stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Left {
    /// How many by state.
    pub counts: BTreeMap<&'static str, u64>,
    /// The oldest of them; all, where they are kept in memory.
    pub runs: Vec<Placed>,
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Refuses events from now on; those that are half taken are taken.
    pub async fn close(&self) {
        let shared = &self.shared;
        let until = Instant::now() + shared.options.grace;
        let _closing = shared.door.write().await;
        shared.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Accepting;
            if first {
                *phase = Phase::Draining { until };
            }
            first
        });
    }

    /// Stops: refuses events from now on and waits for work in flight, as long as the options allow.
    pub async fn drain(&self) -> Left {
        self.close().await;
        let shared = &self.shared;
        if let Some(dispatcher) = shared.dispatcher.lock().await.take()
            && let Err(fault) = dispatcher.await
        {
            error!(%fault, "the dispatcher stopped by a fault of the program; please report it");
        }
        let left = self.left().await;
        left.log::<S>();
        left
    }

    /// What is not finished now.
    pub async fn left(&self) -> Left {
        let store = &self.shared.store;
        let limit = if S::DURABLE { NAMED } else { usize::MAX };
        let runs = store.unfinished(limit).await.unwrap_or_else(unknown);
        let mut counts = store.counts().await.unwrap_or_else(unknown);
        counts.retain(|word, _| UNFINISHED.contains(word));
        Left { counts, runs }
    }
}

/// Reports that the store cannot say what is unfinished; the program stops all the same.
fn unknown<T: Default>(error: StoreError) -> T {
    error!(%error, "which runs are unfinished could not be read");
    T::default()
}

impl Left {
    /// Names every run that was not finished, and says whether a next start goes on with it.
    pub(super) fn log<S: Store>(&self) {
        if self.counts.is_empty() {
            info!("every run came to its end");
            return;
        }
        let by_state = self.by_state();
        let count: u64 = self.counts.values().sum();
        match S::DURABLE {
            true => info!(count, %by_state, "runs go on at the next start"),
            false => error!(
                count,
                %by_state,
                "runs are lost: they are kept in memory only; send their events again"
            ),
        }
        for run in self.runs.iter().take(NAMED) {
            warn!(run = run.id.0, rule = %run.rule, state = run.state.word(), "run not finished");
        }
        let more = count.saturating_sub(NAMED as u64);
        if more > 0 {
            warn!(more, "and more runs not finished");
        }
    }

    /// `2 queued, 1 retrying`.
    fn by_state(&self) -> String {
        let parts = self.counts.iter().map(|(s, n)| format!("{n} {s}"));
        let parts: Vec<String> = parts.collect();
        parts.join(", ")
    }
}

/// Waits for a signal to stop, for work that is no daemon's: it has nothing to reload, so that a
/// hang-up stops it too.
pub async fn interrupted() -> Result<(), EngineError> {
    Signals::new()?.next().await;
    Ok(())
}

/// The signals that a daemon hears.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
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

    pub async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::Reload,
        }
    }

    /// The second order to stop; reloading makes no sense any more. `timeout` and terminals signal a
    /// process and its group, so what comes together is one order.
    pub async fn stop_again(&mut self) {
        let mut together = std::pin::pin!(tokio::time::sleep(TOGETHER));
        loop {
            tokio::select! {
                () = &mut together => break,
                _ = self.next() => {}
            }
        }
        while self.next().await != Heard::Stop {}
    }
}
