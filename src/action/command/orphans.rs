//! Kills commands that outlived the daemon that started them, found by their PID files.
//! A process id alone is never enough: another process may have it now.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process, kill_process_group};

use super::pid_file::{DAEMON_VARIABLE, KEY, PidFileEntry, ProcessIdentity, boot, is_alive, stat};

/// The time from SIGTERM to SIGKILL, and from there to giving up.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);
/// The time between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The time in which a process may be becoming another program.
const EXEC_DELAY: Duration = Duration::from_millis(200);

/// A command that was found running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    pub key: String,
    /// The leader of its group, or the process itself if the group is not the command's.
    pub process: i32,
    /// Whether all its processes are gone.
    pub gone: bool,
}

/// Kills the remaining processes of the commands with PID files in the folder, and removes the files. A command
/// whose daemon is alive is left alone: its file is a copy. Nothing else may use the folder meanwhile.
pub fn kill(folder: &Path) -> Vec<Killed> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut killed = Vec::new();
    for entry in entries.flatten() {
        let key = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        // A file that names no daemon was written before its command could start.
        let orphan = PidFileEntry::read(&text).filter(|entry| !entry.daemon.is_alive());
        for target in orphan.iter().flat_map(|entry| targets(&key, entry)) {
            killed.push(target.kill(&key));
        }
        drop(fs::remove_file(entry.path()));
    }
    killed
}

/// What a signal is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SignalTarget {
    Group(i32),
    One(i32),
}

/// The remaining processes of a command. None survives a restart of the machine.
fn targets(key: &str, entry: &PidFileEntry) -> BTreeSet<SignalTarget> {
    let mut targets = BTreeSet::new();
    if entry.daemon.boot != boot() {
        return targets;
    }
    let command = entry.command.as_ref();
    if let Some(command) = command.filter(|command| command.is_alive()) {
        targets.insert(target(command.process, key, Some(command.process)));
    }
    let leader = command.map(|command: &ProcessIdentity| command.process);
    let carriers = living()
        .into_iter()
        .filter(|process| has_key(*process, key));
    targets.extend(carriers.map(|process| target(process, key, leader)));
    targets
}

/// The group of a process if it is the command's: its leader is the process of the PID file, or one with the
/// key in its environment. Never our own group.
fn target(process: i32, key: &str, leader: Option<i32>) -> SignalTarget {
    let Some(group) = group(process) else {
        return SignalTarget::One(process);
    };
    let its_own = leader == Some(group) || has_key(group, key);
    match its_own && group != getpgrp().as_raw_nonzero().get() {
        true => SignalTarget::Group(group),
        false => SignalTarget::One(process),
    }
}

impl SignalTarget {
    fn kill(self, key: &str) -> Killed {
        self.signal(Signal::TERM);
        if !self.ends() {
            self.signal(Signal::KILL);
        }
        let (SignalTarget::Group(process) | SignalTarget::One(process)) = self;
        Killed {
            key: key.to_owned(),
            process,
            gone: self.ends(),
        }
    }

    fn signal(self, signal: Signal) {
        // An error means that it is gone already.
        let _ = match self {
            SignalTarget::Group(group) => {
                Pid::from_raw(group).map(|id| kill_process_group(id, signal))
            }
            SignalTarget::One(process) => Pid::from_raw(process).map(|id| kill_process(id, signal)),
        };
    }

    fn ends(self) -> bool {
        let until = Instant::now() + KILL_TIMEOUT;
        while self.is_alive() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        true
    }

    fn is_alive(self) -> bool {
        match self {
            SignalTarget::Group(id) => living().into_iter().any(|one| group(one) == Some(id)),
            SignalTarget::One(process) => is_alive(process),
        }
    }
}

/// All running processes except this one.
fn living() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse::<i32>().ok());
    let own = getpid().as_raw_nonzero().get();
    numbers
        .filter(|process| *process != own && is_alive(*process))
        .collect()
}

fn group(process: i32) -> Option<i32> {
    stat(process)?.get(2)?.parse().ok()
}

/// Whether a process has the key and its daemon, if it names one, is gone: the same run in a copy of the data
/// folder has the same key.
fn has_key(process: i32, key: &str) -> bool {
    let environment = environment(process);
    let value = |name: &str| {
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find_map(|variable| {
            let value = variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        })
    };
    value(KEY).is_some_and(|found| found == key)
        && !value(DAEMON_VARIABLE).is_some_and(|daemon| ProcessIdentity::names_running(&daemon))
}

/// The environment, read again while it is empty: a process that is becoming another program has none for a
/// moment.
fn environment(process: i32) -> Vec<u8> {
    let until = Instant::now() + EXEC_DELAY;
    loop {
        let found = fs::read(format!("/proc/{process}/environ"));
        match found {
            Ok(empty) if empty.is_empty() && Instant::now() < until && may_have_key(process) => {
                std::thread::sleep(POLL_INTERVAL);
            }
            found => return found.unwrap_or_default(),
        }
    }
}

/// Kernel threads never have one.
fn may_have_key(process: i32) -> bool {
    const KERNEL: u64 = 0x0020_0000;
    let flags = stat(process).and_then(|stat| stat.get(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & KERNEL == 0) && is_alive(process)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A command of ours, killed at the end of its test whatever happens.
    struct Ours(Child);

    impl Ours {
        fn start(script: &str, key: &str) -> Self {
            Self::start_for(script, key, "")
        }

        /// Starts a command of a daemon.
        fn start_for(script: &str, key: &str, daemon: &str) -> Self {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).env(KEY, key).process_group(0);
            command.env(DAEMON_VARIABLE, daemon);
            command.stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // Its first word says that it is past its first line.
            let mut word = [0];
            child
                .stdout
                .as_mut()
                .unwrap()
                .read_exact(&mut word)
                .unwrap();
            Self(child)
        }

        fn id(&self) -> i32 {
            i32::try_from(self.0.id()).unwrap()
        }

        fn entry(&self) -> PidFileEntry {
            PidFileEntry {
                daemon: gone_daemon(),
                command: ProcessIdentity::of(Pid::from_child(&self.0)),
            }
        }
    }

    impl Drop for Ours {
        fn drop(&mut self) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            drop(self.0.wait());
        }
    }

    /// A daemon that had our process id before us.
    fn gone_daemon() -> ProcessIdentity {
        let own = ProcessIdentity::of(getpid()).unwrap();
        ProcessIdentity {
            started: own.started - 1,
            ..own
        }
    }

    fn folder_with(key: &str, entry: &PidFileEntry) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let command = entry.command.as_ref();
        let command = command.map(|command| command.line("command"));
        let text = entry.daemon.line("daemon") + &command.unwrap_or_default();
        fs::write(folder.path().join(key), text).unwrap();
        folder
    }

    const WAITING: &str = "echo x; exec sleep 60";

    #[test]
    fn what_was_left_running_is_killed_with_its_group() {
        let key = "orphan-test-group";
        let ours = Ours::start("sleep 60 & echo x; sleep 60", key);
        let folder = folder_with(key, &ours.entry());
        let killed = kill(folder.path());
        let all = Killed {
            key: key.into(),
            process: ours.id(),
            gone: true,
        };
        assert_eq!(killed, [all]);
        assert!(!SignalTarget::Group(ours.id()).is_alive());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(kill(folder.path()), []);
    }

    #[test]
    fn one_that_ignores_sigterm_is_killed_all_the_same() {
        let key = "orphan-test-stubborn";
        let ours = Ours::start("trap '' TERM; echo x; while :; do sleep 0.05; done", key);
        let folder = folder_with(key, &ours.entry());
        assert!(kill(folder.path())[0].gone);
        assert!(!is_alive(ours.id()));
    }

    #[test]
    fn the_same_key_of_a_living_daemon_is_left_alone() {
        let key = "orphan-test-copy";
        let living = ProcessIdentity::own().unwrap().short();
        let gone = gone_daemon();
        let own = Ours::start_for(WAITING, key, &gone.short());
        let others = Ours::start_for(WAITING, key, &living);
        let folder = folder_with(key, &own.entry());
        let killed = kill(folder.path());
        assert_eq!((killed.len(), killed[0].process), (1, own.id()));
        assert!(is_alive(others.id()));
    }

    #[test]
    fn a_process_that_only_has_the_number_is_left_alone() {
        let ours = Ours::start(WAITING, "somebody-else");
        let real = ProcessIdentity::of(Pid::from_child(&ours.0)).unwrap();
        for command in [
            ProcessIdentity {
                started: real.started - 1,
                ..real.clone()
            },
            ProcessIdentity {
                boot: "another".into(),
                ..real
            },
        ] {
            let entry = PidFileEntry {
                daemon: gone_daemon(),
                command: Some(command),
            };
            let folder = folder_with("orphan-test-reused", &entry);
            assert_eq!(kill(folder.path()), []);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        assert!(is_alive(ours.id()));
    }

    #[test]
    fn a_command_of_a_living_daemon_is_left_alone() {
        let key = "orphan-test-copy";
        let ours = Ours::start(WAITING, key);
        let entry = PidFileEntry {
            daemon: ProcessIdentity::of(getpid()).unwrap(),
            ..ours.entry()
        };
        let folder = folder_with(key, &entry);
        assert_eq!(kill(folder.path()), []);
        assert!(is_alive(ours.id()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_without_a_command_is_followed_by_its_key() {
        let key = "orphan-test-key";
        let ours = Ours::start(WAITING, key);
        let entry = PidFileEntry {
            command: None,
            ..ours.entry()
        };
        let folder = folder_with(key, &entry);
        assert_eq!(kill(folder.path())[0].process, ours.id());
        assert!(!is_alive(ours.id()));
    }

    #[test]
    fn what_its_leader_left_behind_is_killed_too() {
        let key = "orphan-test-leaderless";
        let mut ours = Ours::start("sleep 60 >/dev/null & echo x; read x", key);
        let entry = ours.entry();
        let _ = kill_process(Pid::from_child(&ours.0), Signal::KILL);
        ours.0.wait().unwrap();
        let folder = folder_with(key, &entry);
        let killed = kill(folder.path());
        assert_eq!((killed.len(), killed[0].gone), (1, true));
        assert_eq!(killed[0].process, ours.id());
        assert!(!SignalTarget::Group(ours.id()).is_alive());
    }
}
