//! Recognises changed files without reading them: by device, inode, size and time of the file that a path leads to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What identifies the content of some files. Links are followed, so that a swapped link is a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFingerprint(Vec<Option<FileStamp>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileFingerprint {
    /// A file that cannot be looked at is absent.
    pub fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let identities = paths.into_iter().map(|path| {
            let found = fs::metadata(path).ok()?;
            Some(FileStamp {
                device: found.dev(),
                inode: found.ino(),
                size: found.size(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            })
        });
        Self(identities.collect())
    }
}
