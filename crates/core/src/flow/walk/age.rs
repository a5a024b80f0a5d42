//! Limits the age of a run: by the limit of every run, and by `TimeoutSeconds` of a bundle's flow.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::flow::limits;
use crate::flow::walk::{Interrupt, Walk};

impl Walk<'_, '_> {
    /// Checks the age of the run before something new starts.
    pub(super) fn check_age(&self) -> Result<(), Interrupt> {
        self.check_age_at(self.now)
    }

    /// Checks the age that the run will have at a time.
    pub(super) fn check_age_at(&self, at: Timestamp) -> Result<(), Interrupt> {
        let Some(since) = self.log.since else {
            return Ok(());
        };
        let is_over = |limit: Duration| {
            let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
            at.duration_since(since) > limit
        };
        if let Some(limit) = self.time_limit.filter(|limit| is_over(*limit)) {
            let why = limits::time_of_flow(limit);
            return Err(Interrupt::Exceeded { why });
        }
        match is_over(limits::MAX_RUN_TIME) {
            true => Err(Interrupt::Exceeded {
                why: limits::time(),
            }),
            false => Ok(()),
        }
    }
}
