//! Detects that the database file was deleted, moved or replaced while it is open: what is written to it then
//! is lost.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files of an open database, by device and inode.
#[derive(Debug)]
pub struct FileIdentity {
    database: KnownFile,
    /// The write-ahead log, which SQLite creates with the first change and keeps until it closes the database.
    log: KnownFile,
}

#[derive(Debug)]
struct KnownFile {
    path: PathBuf,
    identity: Option<Inode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl FileIdentity {
    pub fn of(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self {
            database: KnownFile::new(database.to_owned()),
            log: KnownFile::new(log.into()),
        }
    }

    /// The file that is no longer the one that was opened.
    pub fn lost(&mut self) -> Option<&Path> {
        [&mut self.database, &mut self.log]
            .into_iter()
            .find_map(|file| file.is_lost().then_some(file.path.as_path()))
    }
}

impl KnownFile {
    fn new(path: PathBuf) -> Self {
        let identity = Inode::at(&path);
        Self { path, identity }
    }

    fn is_lost(&mut self) -> bool {
        let now = Inode::at(&self.path);
        if self.identity.is_none() {
            self.identity = now;
        }
        self.identity != now
    }
}

impl Inode {
    fn at(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            number: found.ino(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_or_replaced_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (database, log) = (folder.path().join("x.db"), folder.path().join("x.db-wal"));
        fs::write(&database, "").unwrap();
        let mut identity = FileIdentity::of(&database);
        assert_eq!(identity.lost(), None);
        fs::write(&log, "").unwrap();
        assert_eq!(identity.lost(), None);
        fs::write(&log, "changed").unwrap();
        assert_eq!(identity.lost(), None);
        fs::remove_file(&log).unwrap();
        assert_eq!(identity.lost(), Some(&*log));
        fs::write(folder.path().join("other"), "").unwrap();
        fs::rename(folder.path().join("other"), &database).unwrap();
        assert_eq!(identity.lost(), Some(&*database));
    }
}
