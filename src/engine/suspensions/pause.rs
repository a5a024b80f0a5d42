//! Pauses and resumes what a person names, in the store: with a daemon and without one.

use jiff::Timestamp;

use crate::store::suspension::change_stored;
use crate::store::{CommandKind, CommandTarget, GivenCommand, Store, StoreError};
use flowtrigger_core::run::commander::Commander;
use flowtrigger_core::suspension::{Pause, PauseOutcome, SuspensionTarget};

/// A person wants something to stop for a time, or to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseCommand {
    pub target: SuspensionTarget,
    /// Who gives it, and why.
    pub by: Commander,
    pub at: Timestamp,
}

/// Something that is not paused cannot be resumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not paused")]
pub struct NotPaused(pub SuspensionTarget);

impl PauseCommand {
    /// Pauses the target. If it is paused already, a new note replaces the earlier one.
    pub async fn pause<S: Store>(&self, store: &S) -> Result<PauseOutcome, StoreError> {
        let pause = || Pause {
            since: self.at,
            by: self.by.to_string(),
            note: self.by.note.clone(),
        };
        change_stored(store, &self.target, |current| {
            match current.paused_again(pause()) {
                (PauseOutcome::Unchanged, _) => (PauseOutcome::Unchanged, None),
                (outcome, next) => (outcome, Some(next)),
            }
        })
        .await
    }

    /// Ends the pause of the target. A receiver that is down and not paused counts as working.
    pub async fn resume<S: Store>(&self, store: &S) -> Result<Result<(), NotPaused>, StoreError> {
        change_stored(store, &self.target, |current| match current.pause {
            Some(_) => (Ok(()), Some(current.resumed(self.at))),
            None if current.outage.is_some() => (Ok(()), Some(current.recovered(self.at))),
            None => (Err(NotPaused(self.target.clone())), None),
        })
        .await
    }

    /// The command as it is logged.
    pub fn given(&self, kind: CommandKind, rejected: Option<String>) -> GivenCommand {
        GivenCommand {
            at: self.at,
            kind,
            target: CommandTarget::Suspension(self.target.clone()),
            by: self.by.clone(),
            result: rejected.map_or(Ok(Vec::new()), Err),
        }
    }
}
