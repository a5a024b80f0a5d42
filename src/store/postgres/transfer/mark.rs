//! Marks a data folder whose database is being moved: daemons and commands reject it until the move has ended.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::MoveError;

/// A file beside the database, with the URL of the database that it is moved to.
pub struct MovingMark<'a> {
    path: PathBuf,
    url: &'a str,
}

impl<'a> MovingMark<'a> {
    pub fn new(path: PathBuf, url: &'a str) -> Self {
        Self { path, url }
    }

    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Writes it to disk, so that it is there after a crash of the machine.
    pub fn set(&self) -> Result<(), MoveError> {
        self.write().map_err(|why| MoveError::Mark {
            path: self.path.clone(),
            why,
        })
    }

    fn write(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.path)?;
        writeln!(file, "{}", self.url)?;
        file.sync_all()?;
        self.sync_folder()
    }

    /// Removes it, after the database file was renamed.
    pub fn remove(&self) -> Result<(), MoveError> {
        // First the new name must be on disk.
        let removed = self
            .sync_folder()
            .and_then(|()| std::fs::remove_file(&self.path));
        match removed {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(MoveError::Unmark {
                path: self.path.clone(),
                why,
            }),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self) -> std::io::Result<()> {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }
}
