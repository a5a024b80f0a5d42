//! Decides which processes may use the admin socket: those of the daemon's user and of root, but no confined
//! command. A confined command cannot gain privileges and has a lower limit of file locks than the daemon. Neither it nor its
//! children can hide either.

use std::fs;

use axum::serve::Listener;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

/// Parents of a process that are looked at.
const MAX_ANCESTORS: usize = 64;

/// Accepts connections of processes that may use the socket, and closes all others.
pub struct CheckedListener {
    listener: UnixListener,
    own: ProcessStatus,
}

/// What `/proc/PID/status` says about a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProcessStatus {
    process: i32,
    parent: i32,
    user: u32,
    privileges: Privileges,
    /// The hard limit of file locks, which confined commands have lowered. `None` is unlimited.
    locks: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privileges {
    /// It may run programs that give it more rights, such as `sudo`.
    CanGrow,
    Fixed,
}

impl CheckedListener {
    pub fn new(listener: UnixListener) -> std::io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let limits = fs::read_to_string("/proc/self/limits")?;
        let own = ProcessStatus::parse(&status, &limits)
            .ok_or_else(|| std::io::Error::other("`/proc/self` is incomplete"))?;
        Ok(Self { listener, own })
    }
}

impl Listener for CheckedListener {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match check(&stream, self.own) {
                Ok(()) => return (stream, address),
                Err(why) => warn!("connection to the admin socket closed: {why}"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn check(stream: &UnixStream, own: ProcessStatus) -> Result<(), String> {
    let peer = stream
        .peer_cred()
        .map_err(|error| format!("its sender is unknown ({error})"))?;
    if peer.uid() != own.user && peer.uid() != 0 {
        return Err(format!(
            "user {} sent it, and only the daemon's user and root may",
            peer.uid()
        ));
    }
    // A process outside the daemon's container has no number here; no command of a rule can be there.
    let Some(process) = peer.pid().filter(|process| *process != 0) else {
        return Ok(());
    };
    // A confined command cannot gain privileges. A hardened service does not see the processes of root in `/proc`.
    if peer.uid() == 0 && own.user != 0 {
        return Ok(());
    }
    let status = status(process).ok_or("its sender has ended")?;
    match is_confined(status, own) {
        true => Err(format!("process {process} is a confined command of a rule")),
        false => Ok(()),
    }
}

/// If the daemon itself cannot gain privileges, that distinguishes nobody: then the limit shows a confined command, also one
/// that left its parents, and no other command of a rule may use the socket either.
fn is_confined(peer: ProcessStatus, own: ProcessStatus) -> bool {
    match (peer.privileges, own.privileges) {
        (Privileges::CanGrow, _) => false,
        (Privileges::Fixed, Privileges::CanGrow) => true,
        (Privileges::Fixed, Privileges::Fixed) => {
            is_lower(peer.locks, own.locks) || descends(peer, own.process)
        }
    }
}

/// Whether a limit is lower than another; `None` is unlimited.
fn is_lower(limit: Option<u64>, than: Option<u64>) -> bool {
    limit.unwrap_or(u64::MAX) < than.unwrap_or(u64::MAX)
}

fn descends(peer: ProcessStatus, ancestor: i32) -> bool {
    let parents = std::iter::successors(Some(peer), |child| status(child.parent));
    parents
        .take(MAX_ANCESTORS)
        .any(|process| process.process == ancestor)
}

fn status(process: i32) -> Option<ProcessStatus> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).ok();
    ProcessStatus::parse(&read("status")?, &read("limits")?)
}

impl ProcessStatus {
    fn parse(status: &str, limits: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            // Of the user ids, the effective one is the second.
            Some(line.split_whitespace().collect::<Vec<_>>())
        };
        Some(Self {
            process: field("Pid:")?.first()?.parse().ok()?,
            parent: field("PPid:")?.first()?.parse().ok()?,
            user: field("Uid:")?.get(1)?.parse().ok()?,
            privileges: match *field("NoNewPrivs:")?.first()? {
                "0" => Privileges::CanGrow,
                _ => Privileges::Fixed,
            },
            locks: locks(limits)?,
        })
    }
}

/// The hard limit in the line `Max file locks  SOFT  HARD  locks`.
fn locks(limits: &str) -> Option<Option<u64>> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max file locks"))?;
    match line.split_whitespace().nth(1)? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tsh\nPid:\t7\nPPid:\t3\nUid:\t1\t2\t3\t4\nNoNewPrivs:\t1\n";

    #[test]
    fn the_status_of_a_process_is_read() {
        let status = ProcessStatus {
            process: 7,
            parent: 3,
            user: 2,
            privileges: Privileges::Fixed,
            locks: Some(7),
        };
        let limits = |hard: &str| format!("Max file locks     5     {hard}     locks     \n");
        assert_eq!(ProcessStatus::parse(STATUS, &limits("7")), Some(status));
        let unlimited = ProcessStatus::parse(STATUS, &limits("unlimited")).unwrap();
        assert_eq!(unlimited.locks, None);
        assert_eq!(ProcessStatus::parse("", &limits("7")), None);
        assert_eq!(ProcessStatus::parse(STATUS, ""), None);
    }

    #[test]
    fn a_process_that_cannot_gain_privileges_is_a_confined_command() {
        let own = status(i32::try_from(std::process::id()).unwrap()).unwrap();
        let daemon = |privileges| ProcessStatus { privileges, ..own };
        let peer = |process, parent, privileges| ProcessStatus {
            process,
            parent,
            privileges,
            ..own
        };
        let hardened = daemon(Privileges::Fixed);
        let usual = daemon(Privileges::CanGrow);
        assert!(!is_confined(peer(7, 1, Privileges::CanGrow), usual));
        assert!(is_confined(peer(7, 1, Privileges::Fixed), usual));
        assert!(!is_confined(peer(7, 1, Privileges::Fixed), hardened));
        assert!(is_confined(
            peer(7, own.process, Privileges::Fixed),
            hardened
        ));
    }

    /// A hardened service does not see the processes of root, so nothing may be asked about them.
    #[tokio::test]
    async fn a_process_of_root_may_use_the_socket_of_another_user() {
        let (stream, _other) = UnixStream::pair().unwrap();
        if stream.peer_cred().unwrap().uid() != 0 {
            return;
        }
        let own = status(i32::try_from(std::process::id()).unwrap()).unwrap();
        let hardened = |user| ProcessStatus {
            user,
            privileges: Privileges::Fixed,
            ..own
        };
        assert_eq!(check(&stream, hardened(65_532)), Ok(()));
        // A daemon of root cannot know this: the process may be a command.
        let as_root = hardened(0);
        assert_eq!(check(&stream, as_root).is_err(), is_confined(own, as_root));
    }

    #[test]
    fn a_confined_command_is_recognised_after_it_left_its_parents() {
        let own = status(i32::try_from(std::process::id()).unwrap()).unwrap();
        let hardened = |locks| ProcessStatus {
            privileges: Privileges::Fixed,
            locks,
            ..own
        };
        // An orphan, which init adopted.
        let orphan = |locks| ProcessStatus {
            process: 7,
            parent: 1,
            ..hardened(locks)
        };
        assert!(is_confined(orphan(Some(9)), hardened(None)));
        assert!(is_confined(orphan(Some(8)), hardened(Some(9))));
        assert!(!is_confined(orphan(None), hardened(None)));
        assert!(!is_confined(orphan(Some(9)), hardened(Some(9))));
    }
}
