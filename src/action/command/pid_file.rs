//! The PID file of a running command: the idempotency key is the file name; daemon and command with process id,
//! start time and boot id are the content, so that a later process with the same id is not mistaken for them.
//! A daemon that starts reads the files that an earlier one left.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

/// The variable that identifies a command and its child processes.
pub(super) const KEY: &str = "FLOWTRIGGER_IDEMPOTENCY_KEY";
/// The variable that identifies the daemon of a command: keys are equal in copies of a data folder.
pub(super) const DAEMON_VARIABLE: &str = "FLOWTRIGGER_DAEMON";

/// A PID file, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

/// The content of a PID file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFileEntry {
    /// The process that started the command. While it is alive the command is its own to stop, also if this
    /// file is a copy in another data folder.
    pub(super) daemon: ProcessIdentity,
    /// `None` until the command has started.
    pub(super) command: Option<ProcessIdentity>,
}

/// A process that no other one can be mistaken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessIdentity {
    pub(super) process: i32,
    /// The start time of the process in kernel ticks since boot.
    pub(super) started: u64,
    /// The boot id of the machine.
    pub(super) boot: String,
}

impl PidFile {
    /// Creates the file with this process as the daemon, before the command starts.
    pub(super) fn create(folder: &Path, key: &str) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let daemon = ProcessIdentity::own()
            .ok_or_else(|| io::Error::other("/proc has no entry for this process"))?;
        let path = folder.join(key);
        fs::write(&path, daemon.line(DAEMON))?;
        Ok(Self { path })
    }

    /// Adds the process, once it has started. If that fails, the daemon is enough: the key identifies the
    /// process.
    pub(super) fn fill(&self, process: Pid) {
        let Some(command) = ProcessIdentity::of(process) else {
            return;
        };
        let file = OpenOptions::new().append(true).open(&self.path);
        let line = command.line(COMMAND);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            let process = command.process;
            tracing::warn!(process, %error, "a command's process could not be recorded");
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// The words that start the two lines of a PID file.
const DAEMON: &str = "daemon";
const COMMAND: &str = "command";

impl PidFileEntry {
    /// `None` if the file names no daemon: its command was not started.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut lines = text.split_inclusive('\n');
        Some(Self {
            daemon: ProcessIdentity::read(lines.next()?, DAEMON)?,
            command: lines
                .next()
                .and_then(|line| ProcessIdentity::read(line, COMMAND)),
        })
    }
}

impl ProcessIdentity {
    /// `None` if the process is gone.
    pub(super) fn of(process: Pid) -> Option<Self> {
        let process = process.as_raw_nonzero().get();
        Some(Self {
            process,
            started: started(process)?,
            boot: boot(),
        })
    }

    /// This process; `None` if `/proc` has no entry for it.
    pub(super) fn own() -> Option<Self> {
        Self::of(rustix::process::getpid())
    }

    /// The value of [`DAEMON_VARIABLE`]. No process outlives a boot, so it does not name it.
    pub(super) fn short(&self) -> String {
        format!("{}-{}", self.process, self.started)
    }

    /// Whether a value of [`DAEMON_VARIABLE`] names a running process.
    pub(super) fn names_running(short: &str) -> bool {
        let identity = short
            .split_once('-')
            .and_then(|(process, at)| Some((process.parse().ok()?, at.parse::<u64>().ok()?)));
        identity.is_some_and(|(process, at)| started(process) == Some(at) && is_alive(process))
    }

    pub(super) fn line(&self, word: &str) -> String {
        format!("{word} {} {} {}\n", self.process, self.started, self.boot)
    }

    fn read(line: &str, word: &str) -> Option<Self> {
        let mut words = line.strip_suffix('\n')?.split(' ');
        if words.next()? != word {
            return None;
        }
        Some(Self {
            process: words.next()?.parse().ok()?,
            started: words.next()?.parse().ok()?,
            boot: words.next()?.to_owned(),
        })
    }

    /// Whether the process is running and is this one; a zombie does not run.
    pub(super) fn is_alive(&self) -> bool {
        self.boot == boot() && started(self.process) == Some(self.started) && is_alive(self.process)
    }
}

/// Whether a process runs; a zombie does not.
pub(super) fn is_alive(process: i32) -> bool {
    stat(process).is_some_and(|stat| !matches!(stat[0].as_str(), "Z" | "X"))
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
    fn a_pid_file_exists_while_it_is_held_and_names_daemon_and_command() {
        let folder = tempfile::tempdir().unwrap();
        let processes = folder.path().join("processes");
        let record = PidFile::create(&processes, "k1").unwrap();
        let path = processes.join("k1");
        let read = || PidFileEntry::read(&fs::read_to_string(&path).unwrap()).unwrap();
        let own = ProcessIdentity::of(rustix::process::getpid()).unwrap();
        assert_eq!((read().daemon, read().command), (own.clone(), None));
        record.fill(rustix::process::getpid());
        assert_eq!(read().command, Some(own.clone()));
        assert!(own.is_alive());
        let later = ProcessIdentity {
            started: own.started + 1,
            ..own.clone()
        };
        assert!(!later.is_alive());
        let elsewhere = ProcessIdentity {
            boot: "another".into(),
            ..own
        };
        assert!(!elsewhere.is_alive());
        drop(record);
        assert!(!path.exists());
    }

    #[test]
    fn an_incomplete_line_is_ignored() {
        for text in [
            "",
            "daemon 12",
            "daemon 12 34 ab",
            "daemon x 34 ab\n",
            "12 34 ab\n",
        ] {
            assert_eq!(PidFileEntry::read(text), None, "{text}");
        }
        let read = |text| PidFileEntry::read(text).unwrap().command;
        assert_eq!(read("daemon 12 34 ab\ncommand 56 7"), None);
        assert!(read("daemon 12 34 ab\ncommand 56 78 ab\n").is_some());
    }
}
