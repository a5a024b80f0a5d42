//! Why something kept is not at hand: a row that makes no sense, or a file that cannot be read now.
//! It never takes the one for the other: a run is put aside for the first alone.

use super::codec::Unreadable;
use crate::store::StoreError;

/// Why something kept is not at hand: for good, or because the file could not be read just now.
pub enum Unread {
    ForGood(Unreadable),
    Now(rusqlite::Error),
}

impl Unread {
    /// What a look at one row failed with.
    pub fn of(part: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |error| match error.sqlite_error_code() {
            Some(_) => Unread::Now(error),
            None => Unread::ForGood(Unreadable(part)),
        }
    }
}

impl From<Unreadable> for Unread {
    fn from(unreadable: Unreadable) -> Self {
        Unread::ForGood(unreadable)
    }
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        StoreError::Broken(unreadable.to_string())
    }
}

impl From<Unread> for StoreError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::ForGood(unreadable) => unreadable.into(),
            Unread::Now(error) => error.into(),
        }
    }
}
