//! Claims of runs: how many to take, the id of each, and what a worker stores under it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ClaimedRun, StoreError};
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// The right to execute a run. No two claims have the same id, also not of the same run, so that a store can reject
/// what is written under an earlier one. A claim ends when the run gets a state other than running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(pub u64);

/// How many runs to claim.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    pub limit: usize,
    /// Running runs of one rule that this daemon has claimed: its share, if daemons share the store.
    pub per_rule: usize,
    pub now: Timestamp,
}

/// What happened to a run: log entries, and its new state if it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Advance {
    pub run: RunId,
    /// The claim under which it happened: if another one is current, or none, nothing is written. `None` is written in
    /// any case; only for tests and tools that work on a store alone.
    pub claim: Option<ClaimId>,
    pub entries: Vec<LogEntry>,
    pub state: Option<RunState>,
}

/// Decides whether a claimed run ends at once, without a worker, and in which state. Called in the transaction of the
/// claim, possibly several times for a run: it must be fast and have no effect.
#[derive(Clone)]
pub struct EndAtOnce(Arc<ImmediateDecision>);

/// Given the time of the claim.
type ImmediateDecision = dyn Fn(&ClaimedRun, Timestamp) -> Option<RunState> + Send + Sync;

impl EndAtOnce {
    pub fn new(
        decide: impl Fn(&ClaimedRun, Timestamp) -> Option<RunState> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(decide))
    }

    pub fn decide(&self, run: &ClaimedRun, now: Timestamp) -> Option<RunState> {
        (self.0)(run, now)
    }
}

impl fmt::Debug for EndAtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndAtOnce")
    }
}

/// A run that ended in the transaction that claimed it.
#[derive(Debug, Clone)]
pub struct EndedRun {
    pub run: ClaimedRun,
    pub state: RunState,
}

/// What one claim took.
#[derive(Debug)]
pub struct ClaimedRuns {
    /// Runs that are running now.
    pub started: Vec<ClaimedRun>,
    /// Runs that are over. Their ends are safe once [`Store::sync`](super::Store::sync) has returned.
    pub ended: Vec<EndedRun>,
    /// When the next run is due that waits for a time.
    pub next_due: Result<Option<Timestamp>, StoreError>,
}
