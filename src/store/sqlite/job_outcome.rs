//! Whether the changes of a write job are kept or rolled back. A job that is rejected, such as a retry of a
//! run that is not dead, has not failed: it changed nothing.

use crate::store::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    /// A statement failed: the changes of the job must be rolled back.
    Failed,
    /// A statement failed because the file is damaged.
    Damaged,
}

impl JobOutcome {
    pub fn of<T>(result: &Result<T, StoreError>) -> Self {
        match result {
            Err(StoreError::Broken(_) | StoreError::Unreachable(_)) => JobOutcome::Failed,
            Err(StoreError::Damaged(_)) => JobOutcome::Damaged,
            Ok(_)
            | Err(
                StoreError::Full { .. }
                | StoreError::TooManyWaiters { .. }
                | StoreError::Busy
                | StoreError::ClaimLost(_)
                | StoreError::UnknownRun(_)
                | StoreError::UnknownEvent
                | StoreError::OnlyTells(_)
                | StoreError::Redacted(_)
                | StoreError::Settings(_)
                | StoreError::WrongState { .. },
            ) => JobOutcome::Done,
        }
    }
}
