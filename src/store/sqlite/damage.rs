//! Sets a damaged database file aside under another name, and finds the files that were set aside.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::database::{DatabaseOpenError, beside};

/// A file beside the database: it was found to be damaged while it was in use.
pub(super) const DAMAGED: &str = "-damaged";

/// Between the name of the database and the number of a damaged one.
const ASIDE: &str = ".damaged-";

/// Whether the file itself is broken, as opposed to the disk or the folder.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Makes the next start set the file aside.
pub fn mark_damaged(path: &Path) {
    // Without the mark the next start finds the damage itself.
    drop(fs::write(beside(path, DAMAGED), ""));
}

/// Renames a damaged database, with its log first: a log that is left alone would be rejected at the next start.
pub(super) fn set_aside(path: &Path) -> DatabaseOpenError {
    let aside = (1..)
        .map(|number| beside(path, &format!("{ASIDE}{number}")))
        .find(|free| !free.exists())
        .unwrap_or_else(|| beside(path, ".damaged"));
    for part in ["-wal", "-shm", ""] {
        let from = beside(path, part);
        if from.exists()
            && let Err(error) = fs::rename(&from, beside(&aside, part))
        {
            return DatabaseOpenError::Unusable {
                path: path.to_owned(),
                why: format!(
                    "it is damaged and cannot be set aside: {error}; move it away by hand"
                ),
            };
        }
    }
    drop(fs::remove_file(beside(path, DAMAGED)));
    DatabaseOpenError::Damaged {
        path: path.to_owned(),
        aside,
    }
}

/// The damaged databases that are kept beside a database.
pub fn damaged_databases(path: &Path) -> Vec<PathBuf> {
    let start = beside(path, ASIDE);
    let (Some(folder), Some(start)) = (start.parent(), start.file_name()) else {
        return Vec::new();
    };
    let start = start.as_encoded_bytes();
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut damaged: Vec<PathBuf> = files
        .filter(|file| {
            let name = file.file_name();
            let number = name.as_encoded_bytes().strip_prefix(start);
            // The others are their logs.
            number.is_some_and(|number| number.iter().all(u8::is_ascii_digit))
        })
        .map(|file| folder.join(file.file_name()))
        .collect();
    damaged.sort_unstable();
    damaged
}
