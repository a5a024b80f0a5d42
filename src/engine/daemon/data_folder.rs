//! The folder in which everything is kept, and the lock that gives it to one daemon at a time.
//! It refuses a second daemon, and says which one has it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// A folder that is there. It stays locked, once it is, as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: Option<File>,
}

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error(
        "failed to use the data folder `{}`: {why}; let the user that runs flowtrigger write there, or name another folder with `--data`",
        path.display()
    )]
    Unusable { path: PathBuf, why: io::Error },
    #[error(
        "failed to use the data folder `{}`: it is a file; name a folder with `--data`",
        path.display()
    )]
    File { path: PathBuf },
    #[error(
        "failed to lock the data folder `{}`: {holder} works in it; stop that one, or name another folder with `--data`",
        path.display()
    )]
    Locked { path: PathBuf, holder: String },
}

impl DataFolder {
    /// Makes the folder where it is not there, for its owner alone.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        match made.and_then(|()| path.canonicalize()) {
            Ok(path) => Ok(Self { path, lock: None }),
            Err(_) if path.is_file() => Err(FolderError::File { path }),
            Err(why) => Err(FolderError::Unusable { path, why }),
        }
    }

    /// Takes the folder for this process. The lock ends with the process, however it ends.
    pub fn lock(&mut self, now: Timestamp) -> Result<(), FolderError> {
        let mut file = self.lock_file().map_err(|why| self.unusable(why))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::Locked {
                    path: self.path.clone(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(why)) => return Err(self.unusable(why)),
        }
        sign(&mut file, now).map_err(|why| self.unusable(why))?;
        self.lock = Some(file);
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a running daemon is spoken to.
    pub fn socket(&self) -> PathBuf {
        self.path.join("flowtrigger.sock")
    }

    /// Where commands under way are recorded.
    pub fn processes(&self) -> PathBuf {
        self.path.join("processes")
    }

    pub fn database(&self) -> PathBuf {
        self.path.join("flowtrigger.db")
    }

    fn lock_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(self.path.join("lock"))
    }

    fn unusable(&self, why: io::Error) -> FolderError {
        FolderError::Unusable {
            path: self.path.clone(),
            why,
        }
    }
}

/// The process id and since when, for whoever comes second.
fn sign(file: &mut File, now: Timestamp) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}\n{now:.0}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // Who holds it may be signing just now.
    drop(file.read_to_string(&mut text));
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(process), Some(since)) => format!("a daemon (process {process}, since {since})"),
        (_, _) => "another daemon".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_daemon_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/data");
        let mut first = DataFolder::open(&path).unwrap();
        first.lock(Timestamp::UNIX_EPOCH).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut second = DataFolder::open(&path).unwrap();
        let refused = second.lock(Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        let process = std::process::id();
        let who = format!("a daemon (process {process}, since 1970-01-01T00:00:00Z)");
        assert!(refused.contains(&who), "{refused}");
        assert!(refused.ends_with("with `--data`"), "{refused}");
        drop(first);
        second.lock(Timestamp::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs::write(&path, "").unwrap();
        let refused = DataFolder::open(&path).unwrap_err().to_string();
        assert!(refused.contains("it is a file"), "{refused}");
    }
}
