//! What became of the statements of one order: whether what they changed stays.
//! It refuses to take what a person asked in vain for a failure of the file.

use crate::store::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The statements failed: what the order changed is to be undone.
    Failed,
    /// They failed because the file is damaged.
    Damaged,
}

impl Outcome {
    pub fn of<T>(result: &Result<T, StoreError>) -> Self {
        match result {
            Err(StoreError::Broken(_)) => Outcome::Failed,
            Err(StoreError::Damaged(_)) => Outcome::Damaged,
            Ok(_)
            | Err(
                StoreError::Full { .. }
                | StoreError::Busy
                | StoreError::UnknownRun(_)
                | StoreError::OnlyTells(_)
                | StoreError::Redacted(_)
                | StoreError::Settings(_)
                | StoreError::WrongState { .. },
            ) => Outcome::Done,
        }
    }
}
