//! Copies a database file page by page while a daemon writes to it, and verifies the copy.
//!
//! The copy is that of one moment: a read transaction is open on the source from the first page to the last, so that
//! the pages come from one snapshot, and commits that arrive meanwhile do not start the copy again. In WAL mode a reader
//! blocks no writer; only the log beside the file grows until the copy has ended. Pages are copied in small steps, and
//! what is written is synced step by step, so that no single sync delays those of the daemon.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;

use super::content::{DatabaseContent, unsound};
use super::damage::is_damage;
use super::database::{VERSION, beside, version};
use super::reader;
use crate::store::StoreOpenError;
use crate::store::location::check_not_moved;

/// Pages of one step: 1 MiB.
const STEP_PAGES: i32 = 256;
/// Steps between two syncs.
const SYNC_STEPS: u32 = 16;
/// How often a step is repeated that finds the source locked, which a WAL file never is for long.
const MAX_RETRIES: u32 = 100;
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    #[error("`{}` already exists", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is not a file name for a copy", .0.display())]
    NotAFile(PathBuf),
    #[error("`{}` is a file of the data folder itself", .0.display())]
    Source(PathBuf),
    #[error("`{}` is not a database of flowtrigger", .0.display())]
    Foreign(PathBuf),
    #[error(
        "`{}` was written by a newer flowtrigger (file version {found}, this program knows {VERSION})",
        path.display()
    )]
    Newer { path: PathBuf, found: i64 },
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("failed to read `{}`: {why}", path.display())]
    Read { path: PathBuf, why: String },
    #[error("failed to write `{}`: {why}", path.display())]
    Write { path: PathBuf, why: String },
    #[error("another command is writing `{}`", .0.display())]
    Busy(PathBuf),
    #[error("the copy `{}` differs from the database: {why}", path.display())]
    Differs { path: PathBuf, why: String },
    #[error(transparent)]
    Moved(#[from] StoreOpenError),
}

impl CopyError {
    pub(super) fn write(path: &Path, why: impl ToString) -> Self {
        Self::Write {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    /// The error of a statement on a file that is only read.
    pub(super) fn read(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, why) = (path.to_owned(), error.to_string());
        match is_damage(error) {
            true => Self::Damaged { path, why },
            false => Self::Read { path, why },
        }
    }
}

/// What may be at the name of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingCopy {
    Keep,
    Replace,
}

/// Who else may use the file that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceUse {
    /// A daemon may write to it.
    Shared,
    /// It is a backup. Nothing is written beside it: another user could not read it after that.
    Unused,
}

impl SourceUse {
    fn connect(self, path: &Path) -> rusqlite::Result<Connection> {
        match self {
            // A copy that was made by hand may have a log.
            SourceUse::Unused if !beside(path, "-wal").exists() => open_unchanged(path),
            SourceUse::Unused | SourceUse::Shared => reader::connect(path),
        }
    }
}

/// Pages that were copied, and all of them.
#[derive(Debug, Clone, Copy)]
pub struct CopyProgress {
    pub copied: u64,
    pub of: u64,
}

/// Copies a database to a file of its own, which appears when it is complete, verified and on disk.
pub fn back_up(
    database: &Path,
    file: &Path,
    existing: ExistingCopy,
    on_progress: &mut dyn FnMut(CopyProgress),
) -> Result<DatabaseContent, CopyError> {
    check_not_moved(database)?;
    check_exists(database)?;
    check_name(database, file)?;
    if existing == ExistingCopy::Keep && file.symlink_metadata().is_ok() {
        return Err(CopyError::Exists(file.to_owned()));
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".tmp");
    let partial = PathBuf::from(partial);
    let content = copy(database, &partial, SourceUse::Shared, on_progress)?;
    let renamed = match existing {
        // Fails if the file has appeared meanwhile.
        ExistingCopy::Keep => {
            fs::hard_link(&partial, file).and_then(|()| fs::remove_file(&partial))
        }
        ExistingCopy::Replace => fs::rename(&partial, file),
    };
    renamed.map_err(|error| {
        drop(fs::remove_file(&partial));
        match error.kind() {
            io::ErrorKind::AlreadyExists => CopyError::Exists(file.to_owned()),
            _ => CopyError::write(file, error),
        }
    })?;
    sync_folder(file).map_err(|error| CopyError::write(file, error))?;
    Ok(content)
}

/// Tells a file that does not exist from one in a folder of another user.
pub(super) fn check_exists(path: &Path) -> Result<(), CopyError> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(CopyError::Read {
            path: path.to_owned(),
            why: "permission denied".to_owned(),
        }),
        Err(_) => Err(CopyError::Missing(path.to_owned())),
    }
}

/// Rejects a folder, and the files of the database itself.
fn check_name(database: &Path, file: &Path) -> Result<(), CopyError> {
    let Some(name) = file.file_name().filter(|_| !file.is_dir()) else {
        return Err(CopyError::NotAFile(file.to_owned()));
    };
    let folder = |path: &Path| {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        parent.unwrap_or(Path::new(".")).canonicalize().ok()
    };
    let own = database.file_name().unwrap_or_default().as_encoded_bytes();
    let is_own = name.as_encoded_bytes().starts_with(own);
    let target = file.canonicalize().ok();
    let is_database = target.is_some() && target == database.canonicalize().ok();
    match is_database || is_own && folder(database) == folder(file) {
        true => Err(CopyError::Source(file.to_owned())),
        false => Ok(()),
    }
}

/// Copies and verifies. The file is private, and removed if the copy fails.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    source: SourceUse,
    on_progress: &mut dyn FnMut(CopyProgress),
) -> Result<DatabaseContent, CopyError> {
    let file = create(to)?;
    let connected = source.connect(from);
    let connected = connected.map_err(|error| CopyError::read(from, &error));
    let copied = connected.and_then(|source| {
        let content = copy_pages((from, &source), to, &file, on_progress)?;
        file.sync_all()
            .map_err(|error| CopyError::write(to, error))?;
        verify(to, &content)?;
        Ok(content)
    });
    if copied.is_err() {
        drop(fs::remove_file(to));
    }
    copied
}

/// Creates the file, and takes it over from a command that was interrupted.
fn create(path: &Path) -> Result<File, CopyError> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        // In a folder of all users, another one could have put a link here.
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path);
    let file = opened.map_err(|error| CopyError::write(path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(CopyError::Busy(path.to_owned())),
        Err(TryLockError::Error(error)) => return Err(CopyError::write(path, error)),
    }
    file.set_len(0)
        .map_err(|error| CopyError::write(path, error))?;
    Ok(file)
}

fn copy_pages(
    (from, source): (&Path, &Connection),
    to: &Path,
    file: &File,
    on_progress: &mut dyn FnMut(CopyProgress),
) -> Result<DatabaseContent, CopyError> {
    let read = |error| CopyError::read(from, &error);
    let write = |error: rusqlite::Error| CopyError::write(to, error);
    check_version(from, source)?;
    // The snapshot of every page, and of the counts.
    let snapshot = source.unchecked_transaction().map_err(read)?;
    let content = DatabaseContent::read(source).map_err(read)?;
    let mut target = Connection::open(to).map_err(write)?;
    target
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;",
        )
        .map_err(write)?;
    {
        let backup = Backup::new(source, &mut target).map_err(write)?;
        let mut retries = 0;
        for steps in 1_u32.. {
            match backup.step(STEP_PAGES) {
                Ok(StepResult::Done) => break,
                Ok(StepResult::More) => {}
                Ok(_) if retries < MAX_RETRIES => {
                    retries += 1;
                    std::thread::sleep(RETRY_DELAY);
                }
                Ok(_) => return Err(CopyError::Busy(from.to_owned())),
                Err(error) if is_damage(&error) => return Err(CopyError::read(from, &error)),
                Err(error) => return Err(write(error)),
            }
            if steps % SYNC_STEPS == 0 {
                file.sync_data()
                    .map_err(|error| CopyError::write(to, error))?;
            }
            let at = backup.progress();
            let pages = |pages: i32| u64::try_from(pages).unwrap_or_default();
            on_progress(CopyProgress {
                copied: pages(at.pagecount - at.remaining),
                of: pages(at.pagecount),
            });
        }
    }
    target.close().map_err(|(_, error)| write(error))?;
    drop(snapshot);
    Ok(content)
}

/// Checks a copy as a reader would find it: every page and index, and the counts of the original.
fn verify(copy: &Path, original: &DatabaseContent) -> Result<(), CopyError> {
    let read = |error| CopyError::read(copy, &error);
    let connection = open_unchanged(copy).map_err(read)?;
    if let Some(why) = unsound(&connection).map_err(read)? {
        let path = copy.to_owned();
        return Err(CopyError::Damaged { path, why });
    }
    let content = DatabaseContent::read(&connection).map_err(read)?;
    match content == *original {
        true => Ok(()),
        false => Err(CopyError::Differs {
            path: copy.to_owned(),
            why: format!("{content:?} instead of {original:?}"),
        }),
    }
}

/// Reads a file that no other process uses, without creating files beside it.
fn open_unchanged(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(reader::uri(path, "?immutable=1"), flags)?;
    connection.execute_batch("PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// Reads and verifies a backup without copying it.
pub fn inspect(file: &Path) -> Result<DatabaseContent, CopyError> {
    check_exists(file)?;
    let read = |error| CopyError::read(file, &error);
    let connection = SourceUse::Unused.connect(file).map_err(read)?;
    check_version(file, &connection)?;
    match unsound(&connection).map_err(read)? {
        Some(why) => Err(CopyError::Damaged {
            path: file.to_owned(),
            why,
        }),
        None => DatabaseContent::read(&connection).map_err(read),
    }
}

fn check_version(path: &Path, connection: &Connection) -> Result<(), CopyError> {
    let read = |error| CopyError::read(path, &error);
    let found = version(connection).map_err(read)?;
    let tables: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema
             WHERE type = 'table' AND name IN ('events', 'runs', 'rules', 'queues', 'lanes')",
            [],
            |row| row.get(0),
        )
        .map_err(read)?;
    match found {
        _ if tables < 5 => Err(CopyError::Foreign(path.to_owned())),
        1..=VERSION => Ok(()),
        ..=0 => Err(CopyError::Foreign(path.to_owned())),
        found => Err(CopyError::Newer {
            path: path.to_owned(),
            found,
        }),
    }
}

/// Makes the name of a file durable.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|parent| *parent != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
