//! The limits of the loop guard: how deep events may follow from our own actions, and how often one
//! rule may run for one ticket.

use std::time::Duration;

/// The limits that `loop_guard` of the configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoopLimits {
    /// How many times an event may follow from an event that followed from our own action.
    pub depth: u32,
    /// Runs of one rule for one ticket within `within`, where no event tells its actor.
    pub runs: u32,
    /// How far back runs are counted, and the cause of an event is looked for.
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
