//! Claims of runs: how many to take, the id of each, and what a worker stores under it.

use jiff::Timestamp;

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
