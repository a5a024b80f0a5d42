//! The state that the dispatcher, the workers and the handles of one engine share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, OnceCell, RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::clock::Clock;
use super::limits::active_runs::ActiveRuns;
use super::limits::concurrency::ConcurrencyLimits;
use super::limits::rate_limit::RateLimiter;
use super::metrics::Metrics;
use super::{EngineOptions, Rulebook};
use crate::store::{EditionId, Store, StoreError};

/// What the dispatcher, the workers and the handles have in common.
pub(in crate::engine) struct EngineState<S, P> {
    pub store: S,
    pub perform: P,
    pub options: EngineOptions,
    pub concurrency: ConcurrencyLimits,
    pub rate_limiter: RateLimiter,
    pub metrics: Metrics,
    pub since: Timestamp,
    pub active: ArcSwap<ActiveRulebook>,
    pub active_runs: Mutex<ActiveRuns>,
    /// There may be a run to claim.
    pub wake: Notify,
    /// Some run came to its end.
    pub finished: Notify,
    pub phase: watch::Sender<EnginePhase>,
    /// Held for reading while events are taken in, so that stopping waits for what is half taken.
    pub intake: Arc<RwLock<()>>,
    pub dispatcher: Mutex<Option<JoinHandle<()>>>,
}

/// A rulebook and the name under which the store keeps it: in use together, and given up together.
pub(in crate::engine) struct ActiveRulebook {
    pub rulebook: Arc<Rulebook>,
    edition: OnceCell<EditionId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) enum EnginePhase {
    Accepting,
    /// Nothing new; work in flight may take until then.
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

impl ActiveRulebook {
    pub fn new(rulebook: Rulebook) -> Self {
        Self {
            rulebook: Arc::new(rulebook),
            edition: OnceCell::new(),
        }
    }

    /// Kept by the store before any event is judged.
    pub async fn edition<S: Store>(&self, store: &S) -> Result<EditionId, StoreError> {
        let keep = || store.adopt(self.rulebook.edition());
        self.edition.get_or_try_init(keep).await.copied()
    }
}
