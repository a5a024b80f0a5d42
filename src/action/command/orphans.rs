//! Commands that outlived the daemon that started them: found by what it noted, and killed.
//! It refuses to kill by a number alone, which may belong to somebody else by now.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process, kill_process_group};

use super::pid_file::{KEY, Noted, boot, stat};

/// From SIGTERM to SIGKILL, and from there to giving up.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// What a process may take to become another program.
const BECOMING: Duration = Duration::from_millis(200);

/// A command that was found alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    pub key: String,
    /// The leader of its group, or the process itself where the group is somebody else's.
    pub process: i32,
    /// Whether nothing of it is left.
    pub gone: bool,
}

/// Kills what is left of the commands that are noted in the folder and takes the notes away. Nothing
/// else may work in the folder meanwhile.
pub fn kill(folder: &Path) -> Vec<Killed> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut killed = Vec::new();
    for entry in entries.flatten() {
        let key = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        for target in targets(&key, Noted::read(&text)) {
            killed.push(target.kill(&key));
        }
        drop(fs::remove_file(entry.path()));
    }
    killed
}

/// Whom a signal goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Group(i32),
    One(i32),
}

/// What lives of a command. Nothing survives a restart of the machine.
fn targets(key: &str, noted: Option<Noted>) -> BTreeSet<Target> {
    let mut targets = BTreeSet::new();
    if noted.as_ref().is_some_and(|noted| noted.boot != boot()) {
        return targets;
    }
    if let Some(noted) = noted.as_ref().filter(|noted| noted.lives()) {
        targets.insert(target(noted.process, key, Some(noted.process)));
    }
    let leader = noted.map(|noted| noted.process);
    let carriers = living()
        .into_iter()
        .filter(|process| carries(*process, key));
    targets.extend(carriers.map(|process| target(process, key, leader)));
    targets
}

/// The whole group of a process where the group is the command's: led by the process that was noted,
/// or by one that carries the key. Never our own.
fn target(process: i32, key: &str, leader: Option<i32>) -> Target {
    let Some(group) = group(process) else {
        return Target::One(process);
    };
    let its_own = leader == Some(group) || carries(group, key);
    match its_own && group != getpgrp().as_raw_nonzero().get() {
        true => Target::Group(group),
        false => Target::One(process),
    }
}

impl Target {
    fn kill(self, key: &str) -> Killed {
        self.signal(Signal::TERM);
        if !self.goes() {
            self.signal(Signal::KILL);
        }
        let (Target::Group(process) | Target::One(process)) = self;
        Killed {
            key: key.to_owned(),
            process,
            gone: self.goes(),
        }
    }

    fn signal(self, signal: Signal) {
        // It may be gone already, and that is all right.
        let _ = match self {
            Target::Group(group) => Pid::from_raw(group).map(|id| kill_process_group(id, signal)),
            Target::One(process) => Pid::from_raw(process).map(|id| kill_process(id, signal)),
        };
    }

    fn goes(self) -> bool {
        let until = Instant::now() + PATIENCE;
        while self.lives() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    fn lives(self) -> bool {
        match self {
            Target::Group(id) => living().into_iter().any(|one| group(one) == Some(id)),
            Target::One(process) => is_alive(process),
        }
    }
}

/// Every process but this one that is more than a name.
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

/// A zombie only waits to be noticed.
fn is_alive(process: i32) -> bool {
    stat(process).is_some_and(|stat| !matches!(stat[0].as_str(), "Z" | "X"))
}

fn group(process: i32) -> Option<i32> {
    stat(process)?.get(2)?.parse().ok()
}

fn carries(process: i32, key: &str) -> bool {
    let wanted = format!("{KEY}={key}");
    environment(process)
        .split(|byte| *byte == 0)
        .any(|variable| variable == wanted.as_bytes())
}

/// Looked at again while there is none: a process that is becoming another program has none for a
/// moment.
fn environment(process: i32) -> Vec<u8> {
    let until = Instant::now() + BECOMING;
    loop {
        let found = fs::read(format!("/proc/{process}/environ"));
        match found {
            Ok(empty) if empty.is_empty() && Instant::now() < until && may_carry(process) => {
                std::thread::sleep(LOOK);
            }
            found => return found.unwrap_or_default(),
        }
    }
}

/// The kernel's own never do.
fn may_carry(process: i32) -> bool {
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
    use crate::action::command::pid_file::started;

    /// A command of ours, killed at the end of its test whatever happens.
    struct Ours(Child);

    impl Ours {
        fn start(script: &str, key: &str) -> Self {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).env(KEY, key).process_group(0);
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

        fn noted(&self) -> Noted {
            Noted {
                process: self.id(),
                started: started(self.id()).unwrap(),
                boot: boot(),
            }
        }
    }

    impl Drop for Ours {
        fn drop(&mut self) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            drop(self.0.wait());
        }
    }

    fn folder_with(key: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(key), text).unwrap();
        folder
    }

    const WAITING: &str = "echo x; exec sleep 60";

    #[test]
    fn what_was_left_running_is_killed_with_its_group() {
        let key = "orphan-test-group";
        let ours = Ours::start("sleep 60 & echo x; sleep 60", key);
        let folder = folder_with(key, &ours.noted().text());
        let killed = kill(folder.path());
        let all = Killed {
            key: key.into(),
            process: ours.id(),
            gone: true,
        };
        assert_eq!(killed, [all]);
        assert!(!Target::Group(ours.id()).lives());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(kill(folder.path()), []);
    }

    #[test]
    fn one_that_ignores_sigterm_is_killed_all_the_same() {
        let key = "orphan-test-stubborn";
        let ours = Ours::start("trap '' TERM; echo x; while :; do sleep 0.05; done", key);
        let folder = folder_with(key, &ours.noted().text());
        assert!(kill(folder.path())[0].gone);
        assert!(!is_alive(ours.id()));
    }

    #[test]
    fn a_process_that_only_has_the_number_is_left_alone() {
        let ours = Ours::start(WAITING, "somebody-else");
        let (real, key) = (ours.noted(), "orphan-test-reused");
        for noted in [
            Noted {
                started: real.started - 1,
                ..real.clone()
            },
            Noted {
                boot: "another".into(),
                ..real
            },
        ] {
            let folder = folder_with(key, &noted.text());
            assert_eq!(kill(folder.path()), []);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        assert!(is_alive(ours.id()));
    }

    #[test]
    fn a_note_without_a_process_is_followed_by_its_key() {
        let key = "orphan-test-key";
        let ours = Ours::start(WAITING, key);
        let folder = folder_with(key, "");
        assert_eq!(kill(folder.path())[0].process, ours.id());
        assert!(!is_alive(ours.id()));
    }

    #[test]
    fn what_its_leader_left_behind_is_killed_too() {
        let key = "orphan-test-leaderless";
        let mut ours = Ours::start("sleep 60 >/dev/null & echo x; read x", key);
        let noted = ours.noted();
        let _ = kill_process(Pid::from_child(&ours.0), Signal::KILL);
        ours.0.wait().unwrap();
        let folder = folder_with(key, &noted.text());
        let killed = kill(folder.path());
        assert_eq!((killed.len(), killed[0].gone), (1, true));
        assert_eq!(killed[0].process, noted.process);
        assert!(!Target::Group(noted.process).lives());
    }
}
