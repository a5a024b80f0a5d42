//! The PID file of a running command: the idempotency key is the file name; process id, start time and boot
//! id are the content, so that a later process with the same id is not mistaken for it.
//! A daemon that starts reads the files that an earlier one left.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

/// The variable that identifies a command and its child processes.
pub(super) const KEY: &str = "FLOWTRIGGER_IDEMPOTENCY_KEY";

/// A PID file, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

/// The content of a PID file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFileEntry {
    pub(super) process: i32,
    /// The start time of the process in kernel ticks since boot.
    pub(super) started: u64,
    /// The boot id of the machine.
    pub(super) boot: String,
}

impl PidFile {
    /// Creates the empty file, before the command starts.
    pub(super) fn create(folder: &Path, key: &str) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = folder.join(key);
        fs::write(&path, "")?;
        Ok(Self { path })
    }

    /// Writes the process, once it has started. If that fails, the empty file is enough: the key identifies the
    /// process.
    pub(super) fn fill(&self, process: Pid) {
        let process = process.as_raw_nonzero().get();
        let Some(started) = started(process) else {
            return;
        };
        let entry = PidFileEntry {
            process,
            started,
            boot: boot(),
        };
        if let Err(error) = fs::write(&self.path, entry.text()) {
            tracing::warn!(process, %error, "a command's process could not be recorded");
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

impl PidFileEntry {
    pub(super) fn text(&self) -> String {
        format!("{} {} {}\n", self.process, self.started, self.boot)
    }

    /// `None` if the file is empty or incomplete.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        Some(Self {
            process: words.next()?.parse().ok()?,
            started: words.next()?.parse().ok()?,
            boot: words.next()?.to_owned(),
        })
    }

    /// Whether the process is running and is the one of the file.
    pub(super) fn is_alive(&self) -> bool {
        self.boot == boot() && started(self.process) == Some(self.started)
    }
}

/// The boot id of the machine; empty if the kernel does not provide it.
pub(super) fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

/// The start time of a process in ticks since boot.
pub(super) fn started(process: i32) -> Option<u64> {
    stat(process)?.get(19)?.parse().ok()
}

/// The fields of `/proc/PID/stat` from the state on. The name before them may contain anything.
pub(super) fn stat(process: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_exists_while_it_is_held_and_names_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let processes = folder.path().join("processes");
        let record = PidFile::create(&processes, "k1").unwrap();
        let path = processes.join("k1");
        assert_eq!(
            PidFileEntry::read(&fs::read_to_string(&path).unwrap()),
            None
        );
        record.fill(rustix::process::getpid());
        let entry = PidFileEntry::read(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(entry.is_alive());
        let later = PidFileEntry {
            started: entry.started + 1,
            ..entry.clone()
        };
        assert!(!later.is_alive());
        let elsewhere = PidFileEntry {
            boot: "another".into(),
            ..entry
        };
        assert!(!elsewhere.is_alive());
        drop(record);
        assert!(!path.exists());
    }

    #[test]
    fn an_incomplete_pid_file_is_ignored() {
        for text in ["", "12", "12 34", "12 34 ab", "x 34 ab\n"] {
            assert_eq!(PidFileEntry::read(text), None, "{text}");
        }
        assert!(PidFileEntry::read("12 34 ab\n").is_some());
    }
}
