//! The limits of the loop guard: depth of a chain of own actions, and runs of a rule for one ticket.

use std::time::Duration;

/// The limits that `loop_guard` of the configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoopLimits {
    /// The maximum number of events in a row that own actions may cause.
    pub depth: u32,
    /// The maximum number of runs of one rule for one ticket within `within`, if its events name no actor.
    pub runs: u32,
    /// The period for `runs`, and the maximum age of a run that can be the cause of an event.
    pub within: Duration,
}

impl Default for LoopLimits {
    fn default() -> Self {
        Self {
            depth: 5,
            runs: 20,
            within: Duration::from_secs(600),
        }
    }
}
