//! Why a stored value cannot be loaded. Only a corrupt row makes the store hold the run that needs it; a file
//! that cannot be read now is an error of the store.

use crate::store::{RowError, StoreError};

pub enum LoadError {
    /// The row makes no sense and never will.
    Corrupt(RowError),
    /// The file could not be read this time.
    Unavailable(rusqlite::Error),
}

impl LoadError {
    /// Converts the error of a query for one row.
    pub fn of(part: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |error| match error.sqlite_error_code() {
            Some(_) => LoadError::Unavailable(error),
            None => LoadError::Corrupt(RowError(part)),
        }
    }
}

impl From<RowError> for LoadError {
    fn from(error: RowError) -> Self {
        LoadError::Corrupt(error)
    }
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        StoreError::Broken(error.to_string())
    }
}

impl From<LoadError> for StoreError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Corrupt(error) => error.into(),
            LoadError::Unavailable(error) => error.into(),
        }
    }
}
