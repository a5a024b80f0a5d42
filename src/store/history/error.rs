//! Errors of the read side: why the history cannot be opened, and why a query failed.

use std::path::PathBuf;

use super::MAX_QUERY_TIME;
use crate::store::RowError;
use crate::store::postgres::PostgresOpenError;

/// Why the stored history cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum HistoryOpenError {
    #[error("`{}` does not exist: no daemon has stored anything here yet, and `flowtrigger run` stores nothing", .0.display())]
    Nothing(PathBuf),
    #[error("failed to read `{}`: permission denied; run the command as the user of the daemon", .0.display())]
    Denied(PathBuf),
    #[error("failed to read `{}`: a part of this path is a file; `--data` takes the folder of a daemon", .0.display())]
    NoFolder(PathBuf),
    #[error("`{}` is empty: a daemon fills it at its start; if one has used this folder before, restore the file from a backup", .0.display())]
    Empty(PathBuf),
    #[error(
        "failed to read `{}`: it was written by a newer flowtrigger (file version {found}, this program knows {known}); use that version",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(
        "failed to read `{}`: it was written by an older flowtrigger (file version {found}, this program reads {known}); start the daemon of this version on it to upgrade it; the daemon also continues the unfinished runs in it",
        path.display()
    )]
    Older {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(
        "failed to read `{}`: it is not a database of flowtrigger; set `--data` to the folder of a daemon",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error(
        "failed to read `{}`: the file is damaged; the daemon sets it aside at its next start, and `sqlite3 FILE .recover` reads what is left of it",
        .0.display()
    )]
    Damaged(PathBuf),
    #[error("failed to read `{}`: {why}; check the permissions of the data folder", path.display())]
    Unusable { path: PathBuf, why: String },
    /// The data was moved to a database.
    #[error("{0}")]
    Moved(String),
    #[error(transparent)]
    Postgres(#[from] PostgresOpenError),
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("failed to find that in {} seconds; narrow the question, by time or by rule", MAX_QUERY_TIME.as_secs())]
    Timeout,
    #[error("failed to read the database: {0}")]
    Failed(String),
    #[error(transparent)]
    Unreadable(#[from] RowError),
}
