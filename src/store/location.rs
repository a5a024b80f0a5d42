//! Where a store is, and how its read side is opened there: the one place that selects a backend.

use std::path::{Path, PathBuf};

use crate::store::history::HistoryOpenError;
use crate::store::postgres::{PostgresOpenError, PostgresSettings};
use crate::store::sqlite::DatabaseOpenError;
use crate::store::{History, PostgresHistory, SqliteHistory};

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
    #[error(
        "the data of this folder was moved to Postgres: set `store` in flowtrigger.yaml or FLOWTRIGGER_STORE; or rename `{}` to begin with an empty folder",
        .0.display()
    )]
    Moved(PathBuf),
    #[error(
        "the data of this folder is being moved to Postgres (`{}` says to which database): repeat `flowtrigger move`, which continues",
        .0.display()
    )]
    Moving(PathBuf),
}

/// The name of a database file that was moved.
pub fn moved_file(database: &Path) -> PathBuf {
    beside(database, "-moved")
}

/// The file that is there while a database file is being moved: from before Postgres has its runs until the file is renamed.
pub fn moving_mark(database: &Path) -> PathBuf {
    beside(database, "-moving")
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Fails if a file was moved or is being moved, so that no run is executed twice, and no daemon begins with an empty file in
/// its place.
pub(super) fn check_not_moved(database: &Path) -> Result<(), StoreOpenError> {
    let mark = moving_mark(database);
    if mark.exists() {
        return Err(StoreOpenError::Moving(mark));
    }
    let moved = moved_file(database);
    match !database.exists() && moved.exists() {
        true => Err(StoreOpenError::Moved(moved)),
        false => Ok(()),
    }
}

impl StoreLocation {
    /// Opens the read side. It may block.
    pub fn open_history(&self) -> Result<Box<dyn History>, HistoryOpenError> {
        match self {
            StoreLocation::File(path) => match check_not_moved(path) {
                Ok(()) => Ok(Box::new(SqliteHistory::open(path)?)),
                Err(moved) => Err(HistoryOpenError::Moved(moved.to_string())),
            },
            StoreLocation::Postgres(settings) => Ok(Box::new(PostgresHistory::connect(settings)?)),
        }
    }
}
