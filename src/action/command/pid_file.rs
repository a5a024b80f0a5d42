//! The note that a command is under way: its key in the file's name, its process and since when inside.
//! It is for a later life of the program; it refuses to be mistaken for a note of a process that only
//! has the same number.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

/// The variable by which a command, and what it starts, can be told again.
pub(super) const KEY: &str = "FLOWTRIGGER_IDEMPOTENCY_KEY";

/// A note that goes when this is dropped.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
}

/// What a note says of a process that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) process: i32,
    /// In the kernel's ticks since the machine started.
    pub(super) started: u64,
    /// Which start of the machine that was.
    pub(super) boot: String,
}

impl Record {
    /// Before the command starts.
    pub(super) fn create(folder: &Path, key: &str) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = folder.join(key);
        fs::write(&path, "")?;
        Ok(Self { path })
    }

    /// Once it has started. Where that fails, the note without a process is as good: the key tells.
    pub(super) fn fill(&self, process: Pid) {
        let process = process.as_raw_nonzero().get();
        let Some(started) = started(process) else {
            return;
        };
        let noted = Noted {
            process,
            started,
            boot: boot(),
        };
        if let Err(error) = fs::write(&self.path, noted.text()) {
            tracing::warn!(process, %error, "a command's process could not be recorded");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

impl Noted {
    pub(super) fn text(&self) -> String {
        format!("{} {} {}\n", self.process, self.started, self.boot)
    }

    /// None where the note was not filled, or not wholly.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        Some(Self {
            process: words.next()?.parse().ok()?,
            started: words.next()?.parse().ok()?,
            boot: words.next()?.to_owned(),
        })
    }

    /// Whether the process that was noted is there, and no other with its number.
    pub(super) fn lives(&self) -> bool {
        self.boot == boot() && started(self.process) == Some(self.started)
    }
}

/// Which start of the machine this is; empty where the kernel does not tell.
pub(super) fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

/// When a process started, in ticks since the machine did.
pub(super) fn started(process: i32) -> Option<u64> {
    stat(process)?.get(19)?.parse().ok()
}

/// What the kernel says of a process from its state on. The name before that may hold anything.
pub(super) fn stat(process: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_there_while_it_lives_and_names_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let processes = folder.path().join("processes");
        let record = Record::create(&processes, "k1").unwrap();
        let path = processes.join("k1");
        assert_eq!(Noted::read(&fs::read_to_string(&path).unwrap()), None);
        record.fill(rustix::process::getpid());
        let noted = Noted::read(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(noted.lives());
        let later = Noted {
            started: noted.started + 1,
            ..noted.clone()
        };
        assert!(!later.lives());
        let elsewhere = Noted {
            boot: "another".into(),
            ..noted
        };
        assert!(!elsewhere.lives());
        drop(record);
        assert!(!path.exists());
    }

    #[test]
    fn half_a_note_is_none() {
        for text in ["", "12", "12 34", "12 34 ab", "x 34 ab\n"] {
            assert_eq!(Noted::read(text), None, "{text}");
        }
        assert!(Noted::read("12 34 ab\n").is_some());
    }
}
