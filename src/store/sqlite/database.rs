//! Opens the database and upgrades it. A file that cannot be read is never overwritten: a damaged one is set
//! aside under another name.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::damage::{DAMAGED, is_damage, set_aside};
use crate::store::{foreign_owner, free_space};

/// The migrations, oldest first: version N is the result of the first N on an empty file.
pub(super) const MIGRATIONS: [&str; 18] = [
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_loops.sql"),
    include_str!("migrations/0003_flows.sql"),
    include_str!("migrations/0004_names.sql"),
    include_str!("migrations/0005_endpoints.sql"),
    include_str!("migrations/0006_deliveries.sql"),
    include_str!("migrations/0007_writes.sql"),
    include_str!("migrations/0008_exchanges.sql"),
    include_str!("migrations/0009_replays.sql"),
    include_str!("migrations/0010_deliveries.sql"),
    include_str!("migrations/0011_differing_bodies.sql"),
    include_str!("migrations/0012_replayed_events.sql"),
    include_str!("migrations/0013_page.sql"),
    include_str!("migrations/0014_notices.sql"),
    include_str!("migrations/0015_suspensions.sql"),
    include_str!("migrations/0016_traces.sql"),
    include_str!("migrations/0017_time.sql"),
    include_str!("migrations/0018_shadow_versions.sql"),
];

/// The version that this program reads and writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Prepared statements that are kept.
const STATEMENTS: usize = 128;

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseOpenError {
    #[error(
        "failed to open `{path}`: it was written by a newer flowtrigger (file version {found}, this program knows {VERSION}); install that version again, or set `--data` to another folder"
    )]
    Newer { path: PathBuf, found: i64 },
    #[error(
        "failed to read `{path}`: the file is damaged and was set aside as `{aside}`; start again to begin with an empty store, and read what is left of the old one with `.recover` of a current `sqlite3`"
    )]
    Damaged { path: PathBuf, aside: PathBuf },
    #[error("failed to open `{path}`: {why}")]
    Unusable { path: PathBuf, why: String },
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    File(PathBuf),
    /// In this process alone; it is gone when the store is closed.
    Memory,
}

impl Location {
    /// Size of the database with its log of changes.
    pub fn bytes(&self) -> u64 {
        match self {
            Location::File(path) => database_size(path),
            Location::Memory => 0,
        }
    }

    /// Space that is left on the disk, if it is known.
    pub fn free(&self) -> Option<u64> {
        match self {
            Location::File(path) => free_space(path),
            Location::Memory => None,
        }
    }
}

/// Size of a database file with its log of changes.
pub fn database_size(path: &Path) -> u64 {
    let size = |path: &Path| path.metadata().map_or(0, |found| found.len());
    size(path) + size(&beside(path, "-wal")) + size(&beside(path, "-shm"))
}

/// Opens the file for writing and creates it if it does not exist.
pub fn open(path: &Path) -> Result<Connection, DatabaseOpenError> {
    if beside(path, DAMAGED).exists() {
        return Err(set_aside(path));
    }
    try_open(path).map_err(|failure| failure.into_error(path))
}

/// The error for a file that could be opened but not read. A damaged file is set aside; it must be closed.
pub fn open_error(path: &Path, error: rusqlite::Error) -> DatabaseOpenError {
    OpenFailure::Sql(error).into_error(path)
}

/// Opens an empty database in memory.
pub fn open_in_memory() -> Result<Connection, DatabaseOpenError> {
    try_open_in_memory().map_err(memory_error)
}

/// The error of a database in memory.
pub fn memory_error(error: rusqlite::Error) -> DatabaseOpenError {
    DatabaseOpenError::Unusable {
        path: ":memory:".into(),
        why: error.to_string(),
    }
}

/// Nothing is synced, and a transaction that fails is undone from memory.
fn try_open_in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    cache_statements(&connection)?;
    connection.execute_batch(
        "PRAGMA journal_mode = MEMORY;
         PRAGMA synchronous = OFF;
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;",
    )?;
    migrate(&mut connection, 0)?;
    Ok(connection)
}

enum OpenFailure {
    Sql(rusqlite::Error),
    Io(std::io::Error),
    Newer(i64),
}

impl From<rusqlite::Error> for OpenFailure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl OpenFailure {
    /// Whether the disk is full or failed. SQLite reports a full disk as one of several input and output errors.
    fn is_disk_failure(&self) -> bool {
        match self {
            OpenFailure::Sql(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
            ),
            OpenFailure::Io(error) => error.kind() == std::io::ErrorKind::StorageFull,
            OpenFailure::Newer(_) => false,
        }
    }

    /// What to do about a file of another user, if the access was denied.
    fn foreign_file(&self, path: &Path) -> Option<String> {
        let is_denied = match self {
            OpenFailure::Sql(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
            ),
            OpenFailure::Io(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
            OpenFailure::Newer(_) => false,
        };
        let parts = ["", "-wal", "-shm"].map(|part| beside(path, part));
        is_denied.then(|| foreign_owner(&parts)).flatten()
    }

    fn into_error(self, path: &Path) -> DatabaseOpenError {
        if let OpenFailure::Sql(error) = &self
            && is_damage(error)
        {
            return set_aside(path);
        }
        let path = path.to_owned();
        let help = match self.is_disk_failure() {
            true => "free space on the disk, and check the disk".to_owned(),
            false => self.foreign_file(&path).unwrap_or_else(|| {
                "check that the data folder exists and can be written to".to_owned()
            }),
        };
        match self {
            OpenFailure::Newer(found) => DatabaseOpenError::Newer { path, found },
            OpenFailure::Sql(error) => DatabaseOpenError::Unusable {
                path,
                why: format!("{error}; {help}"),
            },
            OpenFailure::Io(error) => DatabaseOpenError::Unusable {
                path,
                why: format!("{error}; {help}"),
            },
        }
    }
}

fn try_open(path: &Path) -> Result<Connection, OpenFailure> {
    // It contains what customers wrote: no other user of the machine may read it.
    let private = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    private.map_err(OpenFailure::Io)?;
    let mut connection = Connection::open(path)?;
    // A file that is set aside must stay as it was found: closing it must not checkpoint it. The writer
    // checkpoints a sound file when it ends.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    cache_statements(&connection)?;
    let found = version(&connection)?;
    if found > VERSION {
        return Err(OpenFailure::Newer(found));
    }
    // Before the first table, or it has no effect.
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4000;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    migrate(&mut connection, found)?;
    if (1..VERSION).contains(&found) {
        tracing::info!(database = %path.display(), from = found, to = VERSION, "database upgraded");
    }
    Ok(connection)
}

/// Keeps prepared statements, and keeps their plans: without the stability guarantee SQLite compiles a cached
/// statement again for every use if one of its parameters could change the plan.
fn cache_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(found).unwrap_or_default();
    for (number, step) in MIGRATIONS.iter().enumerate().skip(done) {
        let step_of = connection.transaction()?;
        step_of.execute_batch(step)?;
        step_of.pragma_update(None, "user_version", number as i64 + 1)?;
        step_of.commit()?;
    }
    Ok(())
}

pub fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::sqlite::damage::{damaged_databases, mark_damaged};

    fn database_file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        (folder, path)
    }

    fn setting(connection: &Connection, name: &str) -> String {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    }

    #[test]
    fn a_new_file_is_private_and_set_for_durability() {
        let (_folder, path) = database_file();
        let connection = open(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(setting(&connection, "journal_mode"), r#"Text("wal")"#);
        assert_eq!(setting(&connection, "synchronous"), "Integer(2)");
        assert_eq!(setting(&connection, "auto_vacuum"), "Integer(2)");
        assert_eq!(version(&connection).unwrap(), VERSION);
        drop(connection);
        assert_eq!(version(&open(&path).unwrap()).unwrap(), VERSION);
    }

    #[test]
    fn a_newer_file_is_rejected_and_left_unchanged() {
        let (_folder, path) = database_file();
        let connection = open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let before = fs::read(&path).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(
            error.contains("newer flowtrigger") && error.contains("99"),
            "{error}"
        );
        assert!(fs::read(&path).unwrap() == before, "the file was changed");
    }

    #[test]
    fn a_damaged_file_is_set_aside_whole_and_the_next_start_is_empty() {
        let (_folder, path) = database_file();
        let rubbish = vec![b'x'; 20_000];
        for number in 1..=2 {
            fs::write(&path, &rubbish).unwrap();
            let Err(DatabaseOpenError::Damaged { aside, .. }) = open(&path) else {
                panic!("opened");
            };
            assert!(
                aside
                    .to_string_lossy()
                    .ends_with(&format!(".damaged-{number}"))
            );
            assert_eq!(fs::read(&aside).unwrap(), rubbish);
            assert!(!path.exists());
        }
        assert!(open(&path).is_ok());
        assert_eq!(damaged_databases(&path).len(), 2);
    }

    #[test]
    fn a_file_found_damaged_in_use_is_set_aside_at_the_next_start() {
        let (_folder, path) = database_file();
        drop(open(&path).unwrap());
        mark_damaged(&path);
        assert!(matches!(
            open(&path),
            Err(DatabaseOpenError::Damaged { .. })
        ));
        assert!(open(&path).is_ok());
    }

    #[test]
    fn a_full_disk_is_named() {
        let (_folder, path) = database_file();
        let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_WRITE);
        let error = open_error(&path, rusqlite::Error::SqliteFailure(failure, None));
        let error = error.to_string();
        assert!(
            error.ends_with("free space on the disk, and check the disk"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_folder_is_reported() {
        let (_folder, path) = database_file();
        let error = open(&path.join("deeper/x.db")).unwrap_err().to_string();
        assert!(error.contains("check that the data folder"), "{error}");
    }
}
