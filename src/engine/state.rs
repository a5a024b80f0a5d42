//! The state that the dispatcher, the workers and the handles of one engine share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, OnceCell, RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::clock::Clock;
use super::limits::active_runs::AtWork;
use super::limits::concurrency::Places;
use super::limits::rate_limit::Rates;
use super::metrics::Metrics;
use super::{Options, Rulebook};
use crate::store::{EditionId, Store, StoreError};

/// What the dispatcher, the workers and the handles have in common.
pub(in crate::engine) struct Shared<S, P> {
    pub store: S,
    pub perform: P,
    pub options: Options,
    pub places: Places,
    pub rates: Rates,
    pub metrics: Metrics,
    pub since: Timestamp,
    pub judge: ArcSwap<Judge>,
    pub at_work: Mutex<AtWork>,
    /// There may be a run to claim.
    pub work: Notify,
    /// Some run came to its end.
    pub ended: Notify,
    pub phase: watch::Sender<Phase>,
    /// Held for reading while events are taken in, so that stopping waits for what is half taken.
    pub door: Arc<RwLock<()>>,
    pub dispatcher: Mutex<Option<JoinHandle<()>>>,
}

/// A rulebook and the name under which the store keeps it: in use together, and given up together.
pub(in crate::engine) struct Judge {
    pub rulebook: Arc<Rulebook>,
    edition: OnceCell<EditionId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) enum Phase {
    Accepting,
    /// Nothing new; work in flight may take until then.
    Draining {
        until: Instant,
    },
}

impl<S, P> Shared<S, P> {
    pub fn accepting(&self) -> bool {
        *self.phase.borrow() == Phase::Accepting
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.options.clock
    }
}

impl Judge {
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
