//! Looks at the files of a daemon again and again, until they differ from what was loaded and two looks were equal.
//!
//! A look is a few system calls per file on a blocking thread. The time between two looks grows with the cost of a look,
//! so that looking takes at most a twentieth of one core.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::rulebook::fingerprint::{FilesFingerprint, LoadedFiles};

/// The time between the looks at files.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// A look is followed by at least this many times its duration.
const REST: u32 = 20;

/// Whether changed files are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMode {
    Off,
    /// The time between two looks.
    Every(Duration),
}

/// Watches the files that were loaded last.
#[derive(Debug)]
pub(super) struct FileWatcher {
    mode: WatchMode,
    files: LoadedFiles,
    /// What was loaded, whether or not it is in force. `None` if it must be loaded again.
    loaded: Option<FilesFingerprint>,
    last: Option<FilesFingerprint>,
    next_look: Instant,
}

impl FileWatcher {
    pub fn new(mode: WatchMode, files: LoadedFiles, loaded: FilesFingerprint) -> Self {
        let mut watcher = Self {
            mode,
            files: files.clone(),
            loaded: None,
            last: None,
            next_look: Instant::now(),
        };
        watcher.note_loaded(files, loaded);
        watcher
    }

    /// These files were loaded in this state. They are loaded again when they have changed.
    pub fn note_loaded(&mut self, files: LoadedFiles, loaded: FilesFingerprint) {
        self.files = files;
        self.loaded = Some(loaded);
        self.rest(Duration::ZERO);
    }

    /// What was loaded could not be used for a reason that is not in the files: they are loaded again unchanged.
    pub fn forget_loaded(&mut self) {
        self.loaded = None;
        self.last = None;
        self.rest(Duration::ZERO);
    }

    /// Returns when the files must be loaded. It may be dropped and called again.
    pub async fn changed(&mut self) {
        let WatchMode::Every(_) = self.mode else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep_until(self.next_look).await;
            let files = self.files.clone();
            let began = Instant::now();
            let look = tokio::task::spawn_blocking(move || files.look()).await;
            self.rest(began.elapsed());
            if let Ok(look) = look
                && self.is_changed(look)
            {
                return;
            }
        }
    }

    /// Whether a look shows a change that the look before showed too. A set of files that is being written looks
    /// different each time.
    fn is_changed(&mut self, look: FilesFingerprint) -> bool {
        let before = self.last.replace(look);
        before == Some(look) && self.loaded != Some(look)
    }

    fn rest(&mut self, took: Duration) {
        if let WatchMode::Every(interval) = self.mode {
            self.next_look = Instant::now() + interval.max(took * REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::RulebookPaths;

    #[test]
    fn a_change_counts_when_it_is_seen_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        let files = LoadedFiles::of(&RulebookPaths::new(&path));
        let mut number = 0;
        let mut write = || {
            number += 1;
            fs::write(&path, "x".repeat(number)).unwrap();
            files.look()
        };
        let loaded = write();
        let mut watcher = FileWatcher::new(WatchMode::Every(WATCH_INTERVAL), files.clone(), loaded);
        assert!(!watcher.is_changed(loaded));
        assert!(!watcher.is_changed(loaded));
        let half = write();
        assert!(!watcher.is_changed(half), "seen once");
        let whole = write();
        assert!(!watcher.is_changed(whole), "still being written");
        assert!(watcher.is_changed(whole));
        watcher.note_loaded(files.clone(), whole);
        assert!(!watcher.is_changed(whole));
        assert!(!watcher.is_changed(whole), "loaded, in force or not");
        watcher.forget_loaded();
        assert!(!watcher.is_changed(whole));
        assert!(watcher.is_changed(whole), "the store was away");
    }

    #[tokio::test]
    async fn changed_files_are_found_unless_watching_is_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        fs::write(&path, "one").unwrap();
        let files = LoadedFiles::of(&RulebookPaths::new(&path));
        let every = WatchMode::Every(Duration::from_millis(1));
        let mut watcher = FileWatcher::new(every, files.clone(), files.look());
        let mut off = FileWatcher::new(WatchMode::Off, files.clone(), files.look());
        fs::write(&path, "three").unwrap();
        let changed = async {
            watcher.changed().await;
            // Not loaded, so that it is found again.
            watcher.changed().await;
        };
        tokio::select! {
            () = off.changed() => panic!("watching is off"),
            () = changed => {}
        }
    }
}
