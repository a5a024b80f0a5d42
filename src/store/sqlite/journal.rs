//! Reads what the store keeps: runs and their stories, events that came, and the rules of their time.
//! It never writes, takes no lock that a daemon could wait for, and gives up a question that takes long.

mod edition;
mod events;
mod gates;
mod runs;
mod story;
mod window;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row};

pub use edition::Past;
pub use events::{Arrived, EventHead, EventQuery, Near, Span, Subject};
pub use runs::{Filter, Page, RunRow};
pub use story::{Charge, KeptRule, RunStory};
pub use window::{Gathered, Window};

use super::codec::Unreadable;
use super::{VERSION, version};

/// A question of a person is answered in this time or refused: a reader keeps the write-ahead log
/// from being emptied for as long as it reads.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a writer that is just finishing may keep us.
const PATIENCE: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between looks at the clock: well under a millisecond.
const STEPS: i32 = 10_000;

/// The read side of a data folder's database.
pub struct Journal {
    connection: Connection,
    /// How long a question may take.
    longest: Duration,
    /// When the question under way is given up.
    deadline: Arc<Mutex<Instant>>,
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("`{}` is not there: no daemon has kept anything here yet, and `flowtrigger run` keeps nothing", .0.display())]
    Nothing(PathBuf),
    #[error(
        "failed to read `{}`: it was written by a newer flowtrigger (file version {found}, this program knows {VERSION}); run that one",
        path.display()
    )]
    Newer { path: PathBuf, found: i64 },
    #[error(
        "failed to read `{}`: it was written by an older flowtrigger (file version {found}, this program reads {VERSION}); start the daemon of this version on it once, which brings it up to date",
        path.display()
    )]
    Older { path: PathBuf, found: i64 },
    #[error(
        "failed to read `{}`: it is no database of flowtrigger; point `--data` at the folder of a daemon",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error(
        "failed to read `{}`: the file is damaged; the daemon sets it aside at its next start, and `sqlite3 FILE .recover` reads what is left of it",
        .0.display()
    )]
    Damaged(PathBuf),
    #[error("failed to read `{}`: {why}; check who may read and write the data folder", path.display())]
    Unusable { path: PathBuf, why: String },
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("failed to find that in {} seconds; narrow the question, by time or by rule", LONGEST.as_secs())]
    TooLong,
    #[error("failed to read the database: {0}")]
    Sql(rusqlite::Error),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => ReadError::TooLong,
            Some(_) | None => ReadError::Sql(error),
        }
    }
}

impl Journal {
    /// Works beside a daemon that writes, and on a folder that none has open.
    pub fn open(database: &Path) -> Result<Self, OpenError> {
        if !database.exists() {
            return Err(OpenError::Nothing(database.to_owned()));
        }
        let connection = connect(database).map_err(|error| told(database, error))?;
        match version(&connection).map_err(|error| told(database, error))? {
            VERSION => Self::on(connection).map_err(|error| told(database, error)),
            // A daemon that starts for the first time has not come to write it yet.
            0 if is_empty(&connection) => Err(OpenError::Nothing(database.to_owned())),
            ..=0 => Err(OpenError::Foreign(database.to_owned())),
            found @ 1..VERSION => Err(OpenError::Older {
                path: database.to_owned(),
                found,
            }),
            found => Err(OpenError::Newer {
                path: database.to_owned(),
                found,
            }),
        }
    }

    fn on(connection: Connection) -> rusqlite::Result<Self> {
        let deadline = Arc::new(Mutex::new(Instant::now() + LONGEST));
        let seen = Arc::clone(&deadline);
        let mut connection = connection;
        connection.progress_handler(STEPS, Some(move || Instant::now() > *until(&seen)))?;
        Ok(Self {
            connection,
            longest: LONGEST,
            deadline,
        })
    }

    /// All rows of one statement, whose limit the caller sets; the database is let go before they
    /// are made use of.
    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadError> {
        *until(&self.deadline) = Instant::now() + self.longest;
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, ReadError> {
        Ok(self.rows(sql, params, read)?.into_iter().next())
    }
}

fn until(deadline: &Mutex<Instant>) -> std::sync::MutexGuard<'_, Instant> {
    deadline.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let live = Connection::open_with_flags(uri(database, ""), flags).and_then(settled);
    match live {
        // Readers of a live file share memory beside it. In a folder that cannot be written to, and
        // without a log beside the file, nobody writes: it can be read as it stands.
        Err(_) if !beside(database, "-wal").exists() => {
            Connection::open_with_flags(uri(database, "?immutable=1"), flags).and_then(settled)
        }
        live => live,
    }
}

fn settled(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")?;
    // The first look into the file.
    version(&connection)?;
    Ok(connection)
}

fn uri(database: &Path, settings: &str) -> String {
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

fn told(database: &Path, error: rusqlite::Error) -> OpenError {
    let path = database.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Damaged(path),
        Some(_) | None => OpenError::Unusable {
            path,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::database;

    #[test]
    fn a_question_without_end_is_given_up_and_the_next_one_answered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        drop(database::open(&path).unwrap());
        let mut journal = Journal::open(&path).unwrap();
        journal.longest = Duration::from_millis(1);
        let endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
            SELECT max(x) FROM n";
        let asked = journal.first(endless, [], |row| row.get::<_, i64>(0));
        assert!(matches!(asked, Err(ReadError::TooLong)), "{asked:?}");
        journal.longest = LONGEST;
        assert_eq!(journal.counts().unwrap(), []);
    }
}
