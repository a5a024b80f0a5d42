//! Puts a backup in the place of the database file of a data folder. The copy is made and verified beside that place, so
//! that a backup that cannot be used changes nothing; the file that it replaces is kept under another name.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::backup::{CopyError, CopyProgress, SourceUse, check_exists, copy, sync_folder};
use super::content::DatabaseContent;
use super::damage::DAMAGED;
use super::database::beside;
use crate::store::StoreOpenError;
use crate::store::location::{check_not_moved, restoring_file};

/// What happens to a database that the folder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplacedDatabase {
    /// The restore is rejected.
    Keep,
    SetAside,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("`{}` already exists", .0.display())]
    Occupied(PathBuf),
    #[error(transparent)]
    Moved(#[from] StoreOpenError),
    #[error("failed to move `{}` aside: {why}", path.display())]
    SetAside { path: PathBuf, why: String },
    #[error("failed to put `{}` into its place: {why}", path.display())]
    Place { path: PathBuf, why: String },
}

/// What dropping a copy does with its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftover {
    Remove,
    /// The old database is aside: without the copy, a daemon would begin with an empty one.
    Keep,
}

/// A verified copy in the data folder, which is not its database yet. Dropping it removes it.
#[derive(Debug)]
pub struct StagedDatabase {
    database: PathBuf,
    path: PathBuf,
    leftover: Leftover,
    pub content: DatabaseContent,
}

impl StagedDatabase {
    /// Copies a backup into the folder of a database and verifies it. The caller must hold the lock of the folder.
    pub fn copy(
        backup: &Path,
        database: &Path,
        replaced: ReplacedDatabase,
        on_progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<Self, RestoreError> {
        check_exists(backup)?;
        check_free(database, replaced)?;
        let path = restoring_file(database);
        let content = copy(backup, &path, SourceUse::Unused, on_progress)?;
        Ok(Self {
            database: database.to_owned(),
            path,
            leftover: Leftover::Remove,
            content,
        })
    }

    /// The file, which may be changed as a store before it is put in place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the copy the database of the folder. Returns the name that the old one has now.
    pub fn install(mut self) -> Result<Option<PathBuf>, RestoreError> {
        let failed = |why: String| RestoreError::Place {
            path: self.database.clone(),
            why,
        };
        // With an empty log, one rename is all.
        empty_log(&self.path).map_err(|error| failed(error.to_string()))?;
        let synced = fs::File::open(&self.path).and_then(|file| file.sync_all());
        synced.map_err(|error| failed(error.to_string()))?;
        self.leftover = Leftover::Keep;
        let aside = set_aside(&self.database)?;
        let placed = fs::rename(&self.path, &self.database)
            .and_then(|()| remove_if_there(&beside(&self.database, DAMAGED)))
            .and_then(|()| sync_folder(&self.database));
        placed.map_err(|error| failed(error.to_string()))?;
        Ok(aside)
    }
}

impl Drop for StagedDatabase {
    fn drop(&mut self) {
        if self.leftover == Leftover::Keep {
            return;
        }
        for part in ["", "-wal", "-shm"] {
            drop(fs::remove_file(beside(&self.path, part)));
        }
    }
}

fn check_free(database: &Path, replaced: ReplacedDatabase) -> Result<(), RestoreError> {
    match check_not_moved(database) {
        Ok(()) | Err(StoreOpenError::Restoring(_) | StoreOpenError::LostDatabase { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // A log without its database would be applied to the restored one.
    let parts = ["", "-wal", "-shm"].map(|part| beside(database, part));
    let existing = parts.into_iter().find(|part| part.exists());
    match (existing, replaced) {
        (Some(path), ReplacedDatabase::Keep) => Err(RestoreError::Occupied(path)),
        (Some(_), ReplacedDatabase::SetAside) | (None, _) => Ok(()),
    }
}

/// Writes the log into the file, and removes it.
fn empty_log(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    // The last connection removes the log.
    connection.close().map_err(|(_, error)| error)
}

/// Renames the database with its log. Until the new one is in place, daemons reject the folder.
fn set_aside(database: &Path) -> Result<Option<PathBuf>, RestoreError> {
    let parts = ["-wal", "-shm", ""];
    if parts.iter().all(|part| !beside(database, part).exists()) {
        return Ok(None);
    }
    if database.exists() {
        // A damaged file keeps its log.
        drop(empty_log(database));
    }
    let aside = (1_u32..)
        .map(|number| beside(database, &format!(".replaced-{number}")))
        .find(|free| parts.iter().all(|part| !beside(free, part).exists()))
        .unwrap_or_else(|| beside(database, ".replaced"));
    for part in parts {
        let from = beside(database, part);
        if from.exists() {
            fs::rename(&from, beside(&aside, part)).map_err(|error| RestoreError::SetAside {
                path: from.clone(),
                why: error.to_string(),
            })?;
        }
    }
    Ok(Some(aside))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
