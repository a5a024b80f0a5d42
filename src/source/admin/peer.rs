//! Decides which processes may use the admin socket: those of the daemon's user and of root, but no confined
//! command. A confined command cannot gain privileges, and neither it nor its children can hide that.

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
        let own = ProcessStatus::parse(&status)
            .ok_or_else(|| std::io::Error::other("/proc/self/status is incomplete"))?;
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
    let status = status(process).ok_or("its sender has ended")?;
    match is_confined(status, own) {
        true => Err(format!("process {process} is a confined command of a rule")),
        false => Ok(()),
    }
}

/// If the daemon itself cannot gain privileges, nothing distinguishes a confined command from others, and no
/// command of a rule may use the socket.
fn is_confined(peer: ProcessStatus, own: ProcessStatus) -> bool {
    match (peer.privileges, own.privileges) {
        (Privileges::CanGrow, _) => false,
        (Privileges::Fixed, Privileges::CanGrow) => true,
        (Privileges::Fixed, Privileges::Fixed) => descends(peer, own.process),
    }
}

fn descends(peer: ProcessStatus, ancestor: i32) -> bool {
    let parents = std::iter::successors(Some(peer), |child| status(child.parent));
    parents
        .take(MAX_ANCESTORS)
        .any(|process| process.process == ancestor)
}

fn status(process: i32) -> Option<ProcessStatus> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    ProcessStatus::parse(&status)
}

impl ProcessStatus {
    fn parse(status: &str) -> Option<Self> {
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
        })
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
        };
        assert_eq!(ProcessStatus::parse(STATUS), Some(status));
        assert_eq!(ProcessStatus::parse(""), None);
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
}
