//! What a store takes on disk, what is left there, and what it could not keep.

use std::path::Path;

/// The use of storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageUse {
    /// Size of the files; 0 in memory.
    pub bytes: u64,
    /// Space that is left for them, if it is known.
    pub free: Option<u64>,
    /// Unmatched events and exchanges that could not be stored since the start.
    pub lost_events: u64,
    pub lost_exchanges: u64,
}

/// Space for the user of this process on the disk with a file or folder.
pub fn free_space(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
