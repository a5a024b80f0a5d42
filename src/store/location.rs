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
    #[error(
        "a restore of this folder has not ended: repeat `flowtrigger restore`; or delete `{}` to begin with an empty folder",
        .0.display()
    )]
    Restoring(PathBuf),
    #[error(
        "`{}` does not exist or is empty, and its log `{}` has events that were accepted: put the file back beside the log; or restore a backup with `flowtrigger restore --force`; or move the log to another folder to begin without them",
        database.display(),
        log.display()
    )]
    LostDatabase { database: PathBuf, log: PathBuf },
}

/// The name of a database file that was moved.
pub fn moved_file(database: &Path) -> PathBuf {
    beside(database, "-moved")
}

/// The file that is there while a database file is being moved: from before Postgres has its runs until the file is renamed.
pub fn moving_mark(database: &Path) -> PathBuf {
    beside(database, "-moving")
}

/// The copy that is verified before it becomes the database file. Without a database file beside it, a restore was interrupted.
pub fn restoring_file(database: &Path) -> PathBuf {
    beside(database, "-restoring")
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Fails if a file was moved or is being moved or restored, so that no run is executed twice, and no daemon begins with an empty file in
/// its place. Also if the file is gone and its log is left, which SQLite would delete with what is only there.
pub(in crate::store) fn check_not_moved(database: &Path) -> Result<(), StoreOpenError> {
    let mark = moving_mark(database);
    if mark.exists() {
        return Err(StoreOpenError::Moving(mark));
    }
    let restoring = restoring_file(database);
    if !database.exists() && restoring.exists() {
        return Err(StoreOpenError::Restoring(restoring));
    }
    let moved = moved_file(database);
    match !database.exists() && moved.exists() {
        true => Err(StoreOpenError::Moved(moved)),
        false => check_log(database),
    }
}

/// Fails if there is a log with content, and no database.
fn check_log(database: &Path) -> Result<(), StoreOpenError> {
    let has_content = |path: &Path| path.metadata().is_ok_and(|found| found.len() > 0);
    let log = beside(database, "-wal");
    match has_content(database) || !has_content(&log) {
        true => Ok(()),
        false => Err(StoreOpenError::LostDatabase {
            database: database.to_owned(),
            log,
        }),
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
