//! What is suspended, as this daemon knows it: which runs may not continue, and what attempts say of their receivers.
//! The store has the truth; every change is made there first.

pub mod known;
pub mod pause;
mod receiver;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::store::history::SuspendedTarget;
use crate::store::suspension::StoredSuspension;
use crate::store::{ClaimedRun, Store, StoreError};
use flowtrigger_core::suspension::{BlockCause, BlockReason, FailureStreak, SuspensionTarget};

pub(in crate::engine) use receiver::{receiver, signal};

/// What is suspended, and the failures that may lead to it.
#[derive(Debug, Default)]
pub struct Suspensions {
    stored: RwLock<BTreeMap<SuspensionTarget, StoredSuspension>>,
    /// Failures in a row of receivers that are not down.
    streaks: Mutex<HashMap<SuspensionTarget, FailureStreak>>,
    /// Notified when something was suspended here.
    pub changed: Notify,
}

/// Why a run may not continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub target: SuspensionTarget,
    pub cause: BlockCause,
    pub why: String,
}

impl Suspensions {
    pub fn all(&self) -> Vec<StoredSuspension> {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.values().cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.is_empty()
    }

    pub fn get(&self, target: &SuspensionTarget) -> Option<StoredSuspension> {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.get(target).cloned()
    }

    /// What is paused or down, a sentence for each pause and each outage.
    pub fn describe(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for stored in self.all() {
            let (target, suspension) = (&stored.target, &stored.suspension);
            if let Some(pause) = &suspension.pause {
                sentences.push(pause.describe(target));
            }
            if let Some(outage) = &suspension.outage {
                let (since, error) = (outage.since, &outage.message);
                sentences.push(format!("{target} is down since {since:.0}: {error}"));
            }
        }
        sentences
    }

    /// Whether no run may start.
    pub fn is_everything_paused(&self) -> bool {
        let everything = self.get(&SuspensionTarget::Everything);
        everything.is_some_and(|stored| stored.suspension.is_blocking())
    }

    pub(in crate::engine) fn blocks(
        &self,
        target: SuspensionTarget,
        run: &ClaimedRun,
    ) -> Option<Blocked> {
        let suspension = self.get(&target)?.suspension;
        let BlockReason { cause, why } = suspension.blocks(&target, run.id, run.queued)?;
        Some(Blocked { target, cause, why })
    }

    pub(in crate::engine) fn replace(&self, stored: Vec<StoredSuspension>) {
        let by_target = stored.into_iter().map(|row| (row.target.clone(), row));
        *self.stored.write().unwrap_or_else(PoisonError::into_inner) = by_target.collect();
    }

    pub(in crate::engine) fn streaks(
        &self,
    ) -> MutexGuard<'_, HashMap<SuspensionTarget, FailureStreak>> {
        self.streaks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a failure to the streak of a receiver, and returns it.
    pub(in crate::engine) fn count_failure(
        &self,
        target: &SuspensionTarget,
        message: &str,
        at: Timestamp,
    ) -> FailureStreak {
        let mut streaks = self.streaks();
        let streak = streaks.entry(target.clone()).or_insert(FailureStreak {
            since: at,
            failures: 0,
            message: String::new(),
        });
        streak.failures = streak.failures.saturating_add(1);
        message.clone_into(&mut streak.message);
        streak.clone()
    }
}

/// What is paused or down in a store, with the runs that wait.
pub(in crate::engine) async fn suspended<S: Store>(
    store: &S,
) -> Result<Vec<SuspendedTarget>, StoreError> {
    let mut suspended = SuspendedTarget::join(store.suspensions().await?, store.parked().await?);
    if SuspendedTarget::is_everything_paused(&suspended) {
        let counts = store.counts().await?;
        let queued = counts.get("queued").copied().unwrap_or_default();
        SuspendedTarget::add_queued(&mut suspended, queued);
    }
    Ok(suspended)
}
