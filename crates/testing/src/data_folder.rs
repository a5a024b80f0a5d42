//! A temporary data folder for tests that open a store without a daemon.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

thread_local! {
    static FOLDERS: RefCell<Vec<tempfile::TempDir>> = const { RefCell::new(Vec::new()) };
}

/// A folder for a store that tasks use. A test drops its variables before its runtime drops the tasks, and a store
/// whose files are deleted ends the process. This folder is deleted when the thread of the test ends.
pub fn folder_until_thread_ends() -> PathBuf {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_owned();
    FOLDERS.with_borrow_mut(|folders| folders.push(folder));
    path
}

/// Deleted when it is dropped.
pub struct DataFolder(tempfile::TempDir);

impl Default for DataFolder {
    fn default() -> Self {
        Self::new()
    }
}

impl DataFolder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("flowtrigger.db")
    }
}
