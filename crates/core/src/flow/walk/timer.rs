//! When a run continues that waits: for another attempt, for a time, or for what decides a step.

use jiff::Timestamp;

/// When a run continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timer {
    Retry(Timestamp),
    Wait(Timestamp),
    /// At the latest at this time, if nothing comes before for the step.
    Await {
        step: String,
        until: Timestamp,
    },
}

impl Timer {
    pub fn at(&self) -> Timestamp {
        match self {
            Timer::Retry(at) | Timer::Wait(at) | Timer::Await { until: at, .. } => *at,
        }
    }
}
