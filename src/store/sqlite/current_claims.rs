//! The current claim of each running run. They are in memory only: after a start no run is running.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::store::{ClaimId, StoreError};
use flowtrigger_core::run::RunId;

/// The first id is the time of the start in microseconds, times this: later starts have greater ids.
const IDS_PER_MICROSECOND: u64 = 1 << 10;

/// The claims, and how to undo the changes of a transaction.
#[derive(Debug, Default)]
pub struct CurrentClaims {
    last: u64,
    current: HashMap<RunId, ClaimId>,
    /// What the current transaction has changed, with the claim before: the newest last.
    changed: Vec<(RunId, Option<ClaimId>)>,
}

impl CurrentClaims {
    /// Without claims; the ids are greater than those of earlier starts.
    pub fn starting_at(now: Timestamp) -> Self {
        let micros = u64::try_from(now.as_microsecond()).unwrap_or_default();
        Self {
            last: micros.saturating_mul(IDS_PER_MICROSECOND),
            ..Self::default()
        }
    }

    /// Ids follow this one.
    pub fn continue_after(&mut self, last: ClaimId) {
        self.last = last.0;
    }

    pub fn current(&self, run: RunId) -> Option<ClaimId> {
        self.current.get(&run).copied()
    }

    /// Forgets all claims, without an end that could be undone.
    pub fn forget_all(&mut self) {
        self.current.clear();
        self.changed.clear();
    }

    /// Starts the next claim of a run.
    pub fn start(&mut self, run: RunId) -> ClaimId {
        self.last += 1;
        let claim = ClaimId(self.last);
        self.set(run, claim);
        claim
    }

    /// Makes this claim of a run the current one.
    pub fn set(&mut self, run: RunId, claim: ClaimId) {
        let before = self.current.insert(run, claim);
        self.changed.push((run, before));
    }

    /// Ends the claim of a run, if it has one.
    pub fn end(&mut self, run: RunId) {
        if let Some(before) = self.current.remove(&run) {
            self.changed.push((run, Some(before)));
        }
    }

    /// # Errors
    /// If the claim is not the current one of the run.
    pub fn check(&self, run: RunId, claim: ClaimId) -> Result<(), StoreError> {
        match self.current.get(&run) {
            Some(current) if *current == claim => Ok(()),
            Some(_) | None => Err(StoreError::ClaimLost(run.0)),
        }
    }

    /// How many changes the transaction has made so far, for [`Self::undo_to`].
    pub fn changes(&self) -> usize {
        self.changed.len()
    }

    /// Undoes the changes after this many: they were rolled back. Ids are not used again.
    pub fn undo_to(&mut self, changes: usize) {
        while self.changed.len() > changes
            && let Some((run, before)) = self.changed.pop()
        {
            match before {
                Some(claim) => self.current.insert(run, claim),
                None => self.current.remove(&run),
            };
        }
    }

    /// The transaction was committed.
    pub fn keep(&mut self) {
        self.changed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_a_transaction_are_undone_together() {
        let (one, two) = (RunId(1), RunId(2));
        let mut claims = CurrentClaims::starting_at(Timestamp::UNIX_EPOCH);
        let first = claims.start(one);
        claims.keep();
        claims.end(one);
        let second = claims.start(one);
        let changes = claims.changes();
        let third = claims.start(two);
        claims.end(one);
        claims.undo_to(changes);
        assert_eq!(claims.check(one, second), Ok(()));
        assert_eq!(claims.check(two, third), Err(StoreError::ClaimLost(2)));
        claims.undo_to(0);
        assert_eq!(claims.check(one, first), Ok(()));
        assert!(claims.start(one) > third, "an id is used once");
    }

    #[test]
    fn a_later_start_has_greater_ids() {
        let at = |micros| {
            let now = Timestamp::from_microsecond(micros).unwrap();
            CurrentClaims::starting_at(now).start(RunId(1))
        };
        assert!(at(1_800_000_000_000_001) > at(1_800_000_000_000_000));
    }
}
