//! Runs that have ended and whose traces are not exported yet.

use jiff::Timestamp;

use flowtrigger_core::run::RunId;

/// The end of a run, whose trace is to be exported. A run has several if it was retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UntracedRun {
    pub ended: Timestamp,
    pub run: RunId,
}

/// The most runs whose traces wait. Of more, the oldest ones are never exported.
pub const MAX_UNTRACED: usize = 1_000_000;
