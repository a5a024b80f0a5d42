//! Moves a data folder's database to Postgres: first everything that decides what happens next, in one transaction, and
//! then, as asked, the history in batches. A move that was interrupted continues where it stopped.

mod mark;
mod source;
mod tables;
mod target;

use std::path::{Path, PathBuf};

use crate::store::location::{moved_file, moving_mark};
use crate::store::sqlite::{DatabaseOpenError, SqliteStore};
use crate::store::{RowError, StoreSettings};

use super::connection::connect;
use super::error::{PostgresError, PostgresOpenError};
use super::schema;
use super::settings::PostgresSettings;
use mark::MovingMark;
use source::MoveSource;
use tables::{ESSENTIAL, HISTORY};
use target::MoveTarget;

/// How much is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveExtent {
    /// Rules, settings, gates, and the runs that may still be executed, with their events.
    Unfinished,
    /// That, all other runs and events, and everything that was recorded of them.
    History,
}

/// The rows of one kind that a move has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedRows {
    /// The kind, in the plural: `runs`.
    pub kind: &'static str,
    pub rows: u64,
}

/// What a move did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoveReport {
    /// The rows of this command and of earlier ones that it continues, as counted in the target.
    pub moved: Vec<MovedRows>,
    /// Whether an earlier command had finished it.
    pub was_complete: bool,
    /// The file under its new name, which no daemon uses.
    pub file: PathBuf,
}

/// Why nothing was moved, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("`{}` does not exist: there is nothing to move", .0.display())]
    NoSource(PathBuf),
    #[error(transparent)]
    Source(#[from] DatabaseOpenError),
    #[error("failed to read the database of the data folder: {0}")]
    Read(#[from] rusqlite::Error),
    #[error(transparent)]
    Row(#[from] RowError),
    #[error(transparent)]
    Open(#[from] PostgresOpenError),
    #[error("failed to write to Postgres: {0}; repeat the command, which continues")]
    Write(String),
    #[error("{0} uses the database: stop all daemons first")]
    InUse(String),
    #[error(
        "the database has runs, events or rules of its own, so that ids would be used twice; create an empty database and name it"
    )]
    NotEmpty,
    #[error("another data folder was moved to the database; create an empty database and name it")]
    OtherFolder,
    #[error(
        "the counts differ: the database has {found} {kind} of {expected}; no row of the data folder was changed"
    )]
    Count {
        kind: &'static str,
        expected: u64,
        found: u64,
    },
    #[error(
        "`{}` was moved by an earlier command and then put back: what it has received since is not in the database; create an empty database and name it",
        .0.display()
    )]
    PutBack(PathBuf),
    #[error("both `{}` and `{}` exist: rename the one that is not to be moved", .0.display(), .1.display())]
    TwoFiles(PathBuf, PathBuf),
    #[error("failed to mark the data folder as moved with `{}`: {why}; nothing was moved", path.display())]
    Mark { path: PathBuf, why: std::io::Error },
    #[error("failed to remove `{}`: {why}; everything was moved: remove it", path.display())]
    Unmark { path: PathBuf, why: std::io::Error },
    #[error("failed to rename `{}`: {why}; rename it, so that no daemon executes its runs again", path.display())]
    Rename { path: PathBuf, why: std::io::Error },
}

impl From<PostgresError> for MoveError {
    fn from(error: PostgresError) -> Self {
        MoveError::Write(error.to_string())
    }
}

/// Moves the database file to Postgres. The caller must hold the lock of the data folder. `on_rows` is called with the
/// number of rows so far.
pub async fn move_store(
    database: &Path,
    settings: &PostgresSettings,
    extent: MoveExtent,
    on_rows: &mut dyn FnMut(u64),
) -> Result<MoveReport, MoveError> {
    let moved = moved_file(database);
    let file = match (database.exists(), moved.exists()) {
        (true, true) => return Err(MoveError::TwoFiles(database.to_owned(), moved)),
        (true, false) => database,
        (false, true) => &moved,
        (false, false) => return Err(MoveError::NoSource(database.to_owned())),
    };
    let connection_settings = settings.connection()?;
    let session = connect(&connection_settings).await?;
    schema::migrate(&session, &connection_settings).await?;
    // Upgrades the file, and queues the runs again that were running.
    drop(SqliteStore::open(
        file,
        StoreSettings::keeping_everything(),
    )?);
    let mut source = MoveSource::open(file)?;
    let mut target = MoveTarget::new(&session, on_rows);
    let id = source.move_id()?;
    let mut report = MoveReport::default();
    let mark = MovingMark::new(moving_mark(database), &settings.url);
    match target.begun(id).await? {
        // The mark was there before the first command had committed anything.
        Some(_) if file == database && !mark.exists() => {
            return Err(MoveError::PutBack(database.to_owned()));
        }
        Some(_) => {}
        None => {
            let set_mark = || mark.set();
            target
                .move_essential(&mut source, id, ESSENTIAL, &set_mark)
                .await?;
        }
    }
    let was_complete = target.is_complete(extent).await?;
    if extent == MoveExtent::History && !was_complete {
        target.move_history(&source, HISTORY).await?;
    }
    report.moved = target.counts(extent).await?;
    report.was_complete = was_complete && file != database;
    drop(source);
    if file == database {
        std::fs::rename(database, &moved).map_err(|why| MoveError::Rename {
            path: database.to_owned(),
            why,
        })?;
    }
    mark.remove()?;
    report.file = moved;
    Ok(report)
}
