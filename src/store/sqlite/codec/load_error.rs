//! Why a stored value cannot be loaded. Only a corrupt row makes the store hold the run that needs it; a file
//! that cannot be read now is an error of the store.

use crate::store::{RowError, StoreError};

pub enum RowLoadError {
    /// The row makes no sense and never will.
    Corrupt(RowError),
    /// The file could not be read this time.
    Unavailable(rusqlite::Error),
}

impl RowLoadError {
    /// Converts the error of a query for one row.
    pub fn in_part(part: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |error| match error.sqlite_error_code() {
            Some(_) => RowLoadError::Unavailable(error),
            None => RowLoadError::Corrupt(RowError(part)),
        }
    }
}

impl From<RowError> for RowLoadError {
    fn from(error: RowError) -> Self {
        RowLoadError::Corrupt(error)
    }
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        StoreError::Broken(error.to_string())
    }
}

impl From<RowLoadError> for StoreError {
    fn from(error: RowLoadError) -> Self {
        match error {
            RowLoadError::Corrupt(error) => error.into(),
            RowLoadError::Unavailable(error) => error.into(),
        }
    }
}
