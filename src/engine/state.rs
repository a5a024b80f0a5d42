//! The state that the dispatcher, the workers and the handles of one engine share.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, OnceCell, RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::clock::Clock;
use super::lease::Lease;
use super::limits::active_runs::ActiveRuns;
use super::limits::concurrency::ConcurrencyLimits;
use super::limits::rate_limit::RateLimiter;
use super::link_key::LinkKey;
use super::metrics::Metrics;
use super::reloads::Reloads;
use super::rulebook::empty_paths::EmptyPaths;
use super::suspensions::Suspensions;
use super::{EngineOptions, Rulebook};
use crate::source::admin::{CertificateStatus, FailedReload};
use crate::store::{RevisionId, Store, StoreError};

/// What the dispatcher, the workers and the handles share.
pub(in crate::engine) struct EngineState<S, P> {
    pub store: S,
    pub perform: P,
    pub options: EngineOptions,
    pub concurrency: ConcurrencyLimits,
    pub rate_limiter: RateLimiter,
    pub lease: Lease,
    pub suspensions: Arc<Suspensions>,
    pub metrics: Metrics,
    pub link_key: LinkKey,
    pub empty_paths: EmptyPaths,
    pub since: Timestamp,
    pub active: ArcSwap<ActiveRulebook>,
    /// The last reload, if it failed.
    pub failed_reload: ArcSwapOption<FailedReload>,
    pub reloads: Reloads,
    /// Ticks of rules that the store has not taken in time.
    pub overdue_ticks: ArcSwapOption<OverdueTicks>,
    /// The certificates of the listeners.
    pub certificates: ArcSwap<Vec<CertificateStatus>>,
    pub active_runs: Mutex<ActiveRuns>,
    /// Notified when there may be a run to claim.
    pub wake: Notify,
    /// Notified when a run has finished.
    pub finished: Notify,
    pub phase: watch::Sender<EnginePhase>,
    /// Read-locked while events are accepted, so that a shutdown waits for them.
    pub intake: Arc<RwLock<()>>,
    pub dispatcher: Mutex<Option<JoinHandle<()>>>,
    /// The task that keeps the lease, if the store is shared.
    pub lease_keeper: Mutex<Option<JoinHandle<()>>>,
    /// The task that ends suspensions, if the store is durable.
    pub suspension_keeper: Mutex<Option<JoinHandle<()>>>,
}

/// The rulebook in use, with its revision in the store.
pub(in crate::engine) struct ActiveRulebook {
    pub rulebook: Arc<Rulebook>,
    /// When it was loaded.
    pub since: Timestamp,
    revision: OnceCell<RevisionId>,
}

/// Ticks of rules that are due and not committed.
#[derive(Debug)]
pub(in crate::engine) struct OverdueTicks {
    pub since: Timestamp,
    pub count: usize,
    pub reason: Option<String>,
}

impl OverdueTicks {
    /// In one sentence, for the health check.
    pub fn describe(&self) -> String {
        let (count, since) = (self.count, self.since);
        let reason = self.reason.as_deref().unwrap_or("they are being committed");
        format!("{count} ticks of rules with `every` are overdue since {since:.0}: {reason}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) enum EnginePhase {
    Accepting,
    /// Nothing new is accepted; work in flight may take until then.
    Draining {
        until: Instant,
    },
}

impl<S, P> EngineState<S, P> {
    pub fn accepting(&self) -> bool {
        *self.phase.borrow() == EnginePhase::Accepting
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.options.clock
    }
}

impl<S: Store, P> EngineState<S, P> {
    /// The time by which the store decides.
    pub fn now(&self) -> Timestamp {
        self.store.time(self.clock().now())
    }
}

impl ActiveRulebook {
    pub fn new(rulebook: Rulebook, since: Timestamp) -> Self {
        Self {
            rulebook: Arc::new(rulebook),
            since,
            revision: OnceCell::new(),
        }
    }

    /// The revision of the rulebook; stored on the first call.
    pub async fn revision<S: Store>(&self, store: &S) -> Result<RevisionId, StoreError> {
        let keep = || store.set_revision(self.rulebook.revision());
        self.revision.get_or_try_init(keep).await.copied()
    }
}
