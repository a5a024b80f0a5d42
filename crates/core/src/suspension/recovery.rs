//! Releases the runs that waited for a suspension: how many at a time.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::breaker::Breaker;

/// The runs that waited are released in order, at a limited rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    pub since: Timestamp,
    /// Up to which time runs have been released.
    pub released_until: Timestamp,
}

impl Recovery {
    pub(super) fn starting(now: Timestamp) -> Self {
        Self {
            since: now,
            released_until: now,
        }
    }

    /// How many runs may be released now: those of the time since the last release, and of a second at most.
    pub(super) fn due(&self, now: Timestamp, breaker: &Breaker) -> u32 {
        let passed = now.duration_since(self.released_until);
        let passed = Duration::try_from(passed).unwrap_or_default();
        let each = breaker.resume.within / breaker.resume.limit.max(1);
        let most = (breaker.resume.limit
            / u32::try_from(breaker.resume.within.as_secs())
                .unwrap_or(1)
                .max(1))
        .max(1);
        let due = passed.as_nanos() / each.as_nanos().max(1);
        u32::try_from(due).unwrap_or(u32::MAX).min(most)
    }
}
