//! The data folder and its lock: one daemon at a time. The error for a second daemon names the process that
//! holds the lock. The folder itself is locked: deleting a file in it admits no second daemon.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::store::foreign_owner;

/// An existing data folder. Once locked, it stays locked until this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: Option<FolderLock>,
    access: FolderAccess,
}

/// The folder and the file `lock` in it, both locked: deleting the file admits no second daemon, and a daemon of
/// an earlier version locks only the file.
#[derive(Debug)]
struct FolderLock {
    _folder: File,
    _file: File,
}

/// Who can enter the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderAccess {
    Private,
    /// Other users of the machine, with this mode.
    Shared(u32),
}

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error(
        "failed to use the data folder `{}`: {why}; give the user that runs flowtrigger write permission, or choose another folder with `--data`",
        path.display()
    )]
    Unusable { path: PathBuf, why: io::Error },
    #[error("failed to use the data folder `{}`: {why}; {help}", path.display())]
    Foreign {
        path: PathBuf,
        why: io::Error,
        help: String,
    },
    #[error(
        "failed to use the data folder `{}`: it is a file; choose a folder with `--data`",
        path.display()
    )]
    File { path: PathBuf },
    #[error(
        "failed to lock the data folder `{}`: {holder} uses it; stop that one, or choose another folder with `--data`",
        path.display()
    )]
    Locked { path: PathBuf, holder: String },
}

impl DataFolder {
    /// Opens the folder, and creates it with mode 0700 if it does not exist.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        let found = made.and_then(|()| Ok((path.canonicalize()?, path.metadata()?.mode() & 0o777)));
        match found {
            Ok((path, mode)) => Ok(Self {
                path,
                lock: None,
                access: match mode & 0o077 {
                    0 => FolderAccess::Private,
                    _ => FolderAccess::Shared(mode),
                },
            }),
            Err(_) if path.is_file() => Err(FolderError::File { path }),
            Err(why) => Err(FolderError::Unusable { path, why }),
        }
    }

    /// Locks the folder for this process. The lock ends with the process, however it ends.
    pub fn lock(&mut self, now: Timestamp) -> Result<(), FolderError> {
        let folder = File::open(&self.path).map_err(|why| self.unusable(why))?;
        let mut file = self.lock_file().map_err(|why| self.unusable_lock(why))?;
        match folder.try_lock().and_then(|()| file.try_lock()) {
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
        self.lock = Some(FolderLock {
            _folder: folder,
            _file: file,
        });
        Ok(())
    }

    pub fn access(&self) -> FolderAccess {
        self.access
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The admin socket of a running daemon.
    pub fn socket(&self) -> PathBuf {
        self.path.join("flowtrigger.sock")
    }

    /// Where running commands are recorded.
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

    /// The folder may be right, and the file of another user.
    fn unusable_lock(&self, why: io::Error) -> FolderError {
        let help = foreign_owner(&[self.path.join("lock")]);
        match help.filter(|_| why.kind() == io::ErrorKind::PermissionDenied) {
            Some(help) => FolderError::Foreign {
                path: self.path.clone(),
                why,
                help,
            },
            None => self.unusable(why),
        }
    }

    fn unusable(&self, why: io::Error) -> FolderError {
        FolderError::Unusable {
            path: self.path.clone(),
            why,
        }
    }
}

/// Writes the process id and the start time, for the error message of a second daemon.
fn sign(file: &mut File, now: Timestamp) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}\n{now:.0}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // The holder may be writing it at this moment.
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
    fn a_second_daemon_gets_the_holder_of_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/data");
        let mut first = DataFolder::open(&path).unwrap();
        first.lock(Timestamp::UNIX_EPOCH).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut second = DataFolder::open(&path).unwrap();
        let error = second.lock(Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        let process = std::process::id();
        let who = format!("a daemon (process {process}, since 1970-01-01T00:00:00Z)");
        assert!(error.contains(&who), "{error}");
        assert!(error.ends_with("with `--data`"), "{error}");
        drop(first);
        second.lock(Timestamp::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn a_deleted_lock_file_admits_no_second_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = DataFolder::open(folder.path()).unwrap();
        first.lock(Timestamp::UNIX_EPOCH).unwrap();
        fs::remove_file(folder.path().join("lock")).unwrap();
        let mut second = DataFolder::open(folder.path()).unwrap();
        let error = second.lock(Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(error.contains("another daemon uses it"), "{error}");
    }

    #[test]
    fn a_folder_that_others_can_enter_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, access) in [
            (0o700, FolderAccess::Private),
            (0o750, FolderAccess::Shared(0o750)),
            (0o777, FolderAccess::Shared(0o777)),
        ] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(DataFolder::open(folder.path()).unwrap().access(), access);
        }
    }

    #[test]
    fn a_file_in_its_place_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs::write(&path, "").unwrap();
        let error = DataFolder::open(&path).unwrap_err().to_string();
        assert!(error.contains("it is a file"), "{error}");
    }
}
