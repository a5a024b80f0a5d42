//! Ends the process where it can keep nothing safe: only a fresh start can find out what is on disk. Each end has
//! exit code 5 and says what to do.

use std::path::Path;

use super::damage::mark_damaged;
use super::database::Location;

/// After a failed fsync the state of the disk is unknown.
pub fn unsynced() -> ! {
    tracing::error!(
        "the disk failed to store what was written to it; the process ends, so that the next start reads what is really there: check the disk first"
    );
    std::process::exit(5);
}

/// A file without a name takes every write, and nothing of it can be read again.
pub fn lost(file: &Path) -> ! {
    tracing::error!(
        file = %file.display(),
        "the database was deleted, moved or replaced while it was in use; the process ends, because nothing that it accepts could be kept: restore the file, and start again"
    );
    std::process::exit(5);
}

/// After damage the content of the file is unknown.
pub fn damaged(location: &Location) -> ! {
    match location {
        Location::File(path) => {
            mark_damaged(path);
            tracing::error!(
                database = %path.display(),
                "the database is damaged; the process ends, and the next start sets the file aside"
            );
        }
        Location::Memory => {
            tracing::error!(
                "the database in memory is damaged; the process ends: please report it"
            );
        }
    }
    std::process::exit(5);
}

/// Without its thread the store would reject everything, and nobody would see why.
pub struct EndOnPanic;

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                "the store stopped because of a bug; the process ends, and the next start continues from what is on disk: please report it"
            );
            std::process::exit(5);
        }
    }
}
