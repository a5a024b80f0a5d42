//! Reads the database file for the history. It opens a connection of its own, read-only, beside a daemon that writes or
//! without one; it takes no lock that a writer waits for, and interrupts a question that takes long.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{VERSION, version};
use crate::store::history::{HistoryError, HistoryOpenError, MAX_QUERY_TIME};
use crate::store::sql::dialect::Dialect;
use crate::store::sql::{SqlDatabase, SqlRow, SqlValue};

/// How long a writer that is just finishing may delay us.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between checks of the clock: well under a millisecond.
const STEPS: i32 = 10_000;

/// The read side of a data folder's database.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    /// How long a question may take.
    max_query_time: Duration,
    /// When the current question is interrupted.
    deadline: Arc<Mutex<Instant>>,
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => HistoryError::Timeout,
            Some(_) | None => HistoryError::Failed(error.to_string()),
        }
    }
}

impl SqliteReader {
    /// Works beside a daemon that writes, and on a folder that none has open.
    pub fn open(database: &Path) -> Result<Self, HistoryOpenError> {
        fs::metadata(database).map_err(|error| unreachable_file(database, &error))?;
        let connection = connect(database).map_err(|error| open_error(database, error))?;
        match version(&connection).map_err(|error| open_error(database, error))? {
            VERSION => Self::on(connection).map_err(|error| open_error(database, error)),
            // A daemon is starting for the first time and has not written the schema yet.
            0 if is_empty(&connection) => Err(HistoryOpenError::Empty(database.to_owned())),
            ..=0 => Err(HistoryOpenError::Foreign(database.to_owned())),
            found @ 1..VERSION => Err(HistoryOpenError::Older {
                path: database.to_owned(),
                found,
                known: VERSION,
            }),
            found => Err(HistoryOpenError::Newer {
                path: database.to_owned(),
                found,
                known: VERSION,
            }),
        }
    }

    fn on(connection: Connection) -> rusqlite::Result<Self> {
        let deadline = Arc::new(Mutex::new(Instant::now() + MAX_QUERY_TIME));
        let seen = Arc::clone(&deadline);
        let mut connection = connection;
        connection.progress_handler(STEPS, Some(move || Instant::now() > *until(&seen)))?;
        Ok(Self {
            connection,
            max_query_time: MAX_QUERY_TIME,
            deadline,
        })
    }
}

impl SqlDatabase for SqliteReader {
    const DIALECT: Dialect = Dialect::Sqlite;

    type Error = HistoryError;

    fn rows<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HistoryError> {
        *until(&self.deadline) = Instant::now() + self.max_query_time;
        Ok(self.connection.rows(sql, params, read)?)
    }

    fn first<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, HistoryError> {
        *until(&self.deadline) = Instant::now() + self.max_query_time;
        Ok(self.connection.first(sql, params, read)?)
    }
}

fn until(deadline: &Mutex<Instant>) -> std::sync::MutexGuard<'_, Instant> {
    deadline.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn connect(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let live = Connection::open_with_flags(uri(database, ""), flags).and_then(settled);
    match live {
        // Readers of a live file share memory beside it. In a folder that cannot be written to, and
        // without a log beside the file, no process writes: it can be read unchanged.
        Err(_) if !beside(database, "-wal").exists() => {
            Connection::open_with_flags(uri(database, "?immutable=1"), flags).and_then(settled)
        }
        live => live,
    }
}

fn settled(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")?;
    // The first look into the file.
    version(&connection)?;
    Ok(connection)
}

pub(super) fn uri(database: &Path, settings: &str) -> String {
    let path = database.to_string_lossy();
    let mut text = String::from("file:");
    for letter in path.chars() {
        match letter {
            '%' => text.push_str("%25"),
            '?' => text.push_str("%3f"),
            '#' => text.push_str("%23"),
            other => text.push(other),
        }
    }
    text + settings
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn is_empty(connection: &Connection) -> bool {
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    matches!(tables, Ok(0_i64))
}

/// Why the file of the database cannot be looked at.
fn unreachable_file(database: &Path, error: &io::Error) -> HistoryOpenError {
    let path = database.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => HistoryOpenError::Nothing(path),
        io::ErrorKind::PermissionDenied => HistoryOpenError::Denied(path),
        io::ErrorKind::NotADirectory => HistoryOpenError::NoFolder(path),
        _ => HistoryOpenError::Unusable {
            path,
            why: error.to_string(),
        },
    }
}

fn open_error(database: &Path, error: rusqlite::Error) -> HistoryOpenError {
    let path = database.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            HistoryOpenError::Damaged(path)
        }
        Some(_) | None => HistoryOpenError::Unusable {
            path,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
