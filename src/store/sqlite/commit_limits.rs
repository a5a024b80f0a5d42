//! The limits that a commit keeps to: unfinished and held runs, and the events that runs wait for.

use std::collections::HashMap;

use super::commit::EncodedEvent;
use super::transaction::WriteTransaction;
use crate::store::{ArrivalKind, StoreError};

/// Runs that wait for a time, for each one that the backlog may hold.
const PARKED_FACTOR: i64 = 10;

impl WriteTransaction<'_> {
    /// Rejects the events as a whole, before anything is written, if there is no room for all their runs.
    pub fn check_limits(
        &mut self,
        events: &[EncodedEvent],
        known: &[Option<i64>],
    ) -> Result<(), StoreError> {
        let incoming = events.iter().map(|event| &event.incoming);
        let new = incoming.zip(known).filter(|(incoming, known)| {
            known.is_none() || matches!(incoming.occasion, ArrivalKind::Replay(_))
        });
        let planned = new.flat_map(|(incoming, _)| &incoming.planned);
        let (mut count, mut held_is_full, mut waiters) = (0, false, 0);
        for planned in planned.filter(|planned| !planned.first_state().is_final()) {
            count += 1;
            waiters += planned.count_waiters() as i64;
            held_is_full |= self.held_is_full(&planned.rule.name)?;
        }
        let (unfinished, parked) = (self.state.count_unfinished(), self.state.count_parked());
        let limits = &self.state.settings.limits;
        if waiters > 0 && self.state.waiters + waiters > limits.waiters as i64 {
            return Err(StoreError::TooManyWaiters {
                waiters: usize::try_from(self.state.waiters).unwrap_or_default(),
            });
        }
        let backlog = limits.backlog as i64;
        // A run that waits for a time only uses disk space, but that is limited too.
        let full = unfinished + count > backlog || parked + count > backlog * PARKED_FACTOR;
        match count > 0 && (full || held_is_full) {
            true => Err(StoreError::Full {
                unfinished: usize::try_from(unfinished + parked).unwrap_or_default(),
            }),
            false => Ok(()),
        }
    }

    /// A rule at its limit can have as many held runs as all rules together can have unfinished ones. Beyond
    /// that its own events are rejected, and those of no other rule.
    fn held_is_full(&mut self, rule: &str) -> Result<bool, StoreError> {
        let queue = self.queue(rule)?;
        let count = |counts: &HashMap<i64, i64>| counts.get(&queue).copied().unwrap_or_default();
        let limits = &self.state.settings.limits;
        Ok(
            count(&self.state.unfinished) >= limits.per_rule_backlog as i64
                && count(&self.state.held) >= limits.backlog as i64,
        )
    }
}
