//! Where a store is, and how its read side is opened there: the one place that selects a backend.

use std::path::PathBuf;

use crate::store::history::HistoryOpenError;
use crate::store::postgres::{PostgresOpenError, PostgresSettings};
use crate::store::sqlite::DatabaseOpenError;
use crate::store::{History, SqliteHistory};

/// Where a store is, with everything that is needed to open it.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// A file of the data folder.
    File(PathBuf),
    /// A database that several daemons share.
    Postgres(PostgresSettings),
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreOpenError {
    #[error(transparent)]
    File(#[from] DatabaseOpenError),
    #[error(transparent)]
    Postgres(#[from] PostgresOpenError),
}

impl StoreLocation {
    /// Opens the read side. It may block.
    pub fn open_history(&self) -> Result<Box<dyn History>, HistoryOpenError> {
        match self {
            StoreLocation::File(path) => Ok(Box::new(SqliteHistory::open(path)?)),
            StoreLocation::Postgres(_) => Err(HistoryOpenError::Unusable {
                path: "postgres".into(),
                why: "this program cannot read it yet".into(),
            }),
        }
    }
}
