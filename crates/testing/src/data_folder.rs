//! A temporary data folder for tests that open a store without a daemon.

use std::path::{Path, PathBuf};

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
