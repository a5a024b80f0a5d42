//! Runs one command in a process group of its own, feeds it, and keeps a bounded part of what it prints.
//! It refuses to leave anything of the group behind: not at its end, not out of time, not when dropped.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::pid_file::Record;

/// How long to read on when a process that left the group holds an output open.
const ESCAPED: Duration = Duration::from_secs(1);

pub(super) struct Limits {
    pub(super) time: Duration,
    /// From SIGTERM to SIGKILL.
    pub(super) grace: Duration,
    /// Bytes kept of each output.
    pub(super) output: usize,
}

pub(super) struct Ended {
    pub(super) how: How,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

pub(super) enum How {
    Itself(ExitStatus),
    /// Out of time; it went on SIGTERM.
    Stopped,
    /// Out of time; SIGTERM did not help.
    Killed,
}

/// Runs the command to its end. The outputs and the input must be pipes, the group its own.
pub(super) async fn run(
    mut command: Command,
    input: &[u8],
    limits: &Limits,
    record: Option<Record>,
) -> io::Result<Ended> {
    let mut group = Group::start(&mut command, record)?;
    let (mut stdout, mut stderr) = (Output::head(limits.output), Output::tail(limits.output));
    let how = {
        let (stdin, out, err) = group.pipes();
        let mut pipes = pin!(async {
            tokio::join!(feed(stdin, input), stdout.fill(out), stderr.fill(err));
        });
        let mut closed = false;
        let how = {
            let mut ending = pin!(group.ending(limits));
            loop {
                tokio::select! {
                    how = &mut ending => break how?,
                    () = &mut pipes, if !closed => closed = true,
                }
            }
        };
        let status = group.finish().await?;
        if !closed {
            // Whoever left the group may hold the pipes for ever; what was read by then is kept.
            drop(timeout(ESCAPED, pipes).await);
        }
        match how {
            Ending::Itself => How::Itself(status),
            Ending::Stopped => How::Stopped,
            Ending::Killed => How::Killed,
        }
    };
    Ok(Ended {
        how,
        stdout,
        stderr,
    })
}

enum Ending {
    Itself,
    Stopped,
    Killed,
}

/// A running command and everything that it started and that did not leave its group.
struct Group {
    leader: Child,
    /// The group's id, until the leader is reaped: then the number may belong to somebody else.
    id: Option<Pid>,
    /// Goes last, when nothing of the group is left.
    _record: Option<Record>,
}

impl Group {
    fn start(command: &mut Command, record: Option<Record>) -> io::Result<Self> {
        let leader = command.process_group(0).spawn()?;
        let id = leader
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let (Some(record), Some(id)) = (&record, id) {
            record.fill(id);
        }
        Ok(Self {
            leader,
            id,
            _record: record,
        })
    }

    fn pipes(
        &mut self,
    ) -> (
        Option<ChildStdin>,
        Option<tokio::process::ChildStdout>,
        Option<tokio::process::ChildStderr>,
    ) {
        let leader = &mut self.leader;
        (
            leader.stdin.take(),
            leader.stdout.take(),
            leader.stderr.take(),
        )
    }

    async fn ending(&self, limits: &Limits) -> io::Result<Ending> {
        if let Ok(ended) = timeout(limits.time, self.leader_ended()).await {
            return ended.map(|()| Ending::Itself);
        }
        self.signal(Signal::TERM);
        if let Ok(ended) = timeout(limits.grace, self.leader_ended()).await {
            return ended.map(|()| Ending::Stopped);
        }
        self.signal(Signal::KILL);
        Ok(Ending::Killed)
    }

    /// Waits without reaping: as long as the leader is a zombie, nobody else can get its number, so
    /// that a signal to the group cannot hit strangers.
    async fn leader_ended(&self) -> io::Result<()> {
        let Some(id) = self.id else { return Ok(()) };
        let mut children = signal(SignalKind::child())?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(id), options) {
                Ok(Some(_)) | Err(Errno::CHILD) => return Ok(()),
                Ok(None) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            children.recv().await;
        }
    }

    /// Kills what the leader left behind, then reaps the leader.
    async fn finish(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.id = None;
        self.leader.wait().await
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // The group may be gone already, and that is all right.
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// A command need not read its input; the broken pipe is no failure.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        drop(stdin.write_all(input).await);
    }
}

/// A bounded part of what was printed. The rest is read and dropped, so that the writer goes on.
pub(super) struct Output {
    bytes: VecDeque<u8>,
    cap: usize,
    keep: End,
    pub(super) truncated: bool,
}

enum End {
    Head,
    Tail,
}

impl Output {
    fn head(cap: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            cap,
            keep: End::Head,
            truncated: false,
        }
    }

    fn tail(cap: usize) -> Self {
        Self {
            keep: End::Tail,
            ..Self::head(cap)
        }
    }

    /// What was kept; bytes that are no text are replaced.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn fill(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            self.add(&buffer[..read]);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        match self.keep {
            End::Head => {
                let room = self.cap - self.bytes.len();
                self.truncated |= bytes.len() > room;
                self.bytes.extend(&bytes[..bytes.len().min(room)]);
            }
            End::Tail => {
                self.bytes.extend(bytes);
                let over = self.bytes.len().saturating_sub(self.cap);
                self.truncated |= over > 0;
                drop(self.bytes.drain(..over));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(mut output: Output) -> (String, bool) {
        for part in ["ab", "cd", "ef"] {
            output.add(part.as_bytes());
        }
        (output.text(), output.truncated)
    }

    #[test]
    fn the_cap_keeps_the_asked_end() {
        assert_eq!(added(Output::head(3)), ("abc".into(), true));
        assert_eq!(added(Output::tail(3)), ("def".into(), true));
        assert_eq!(added(Output::head(6)), ("abcdef".into(), false));
        assert_eq!(added(Output::tail(6)), ("abcdef".into(), false));
    }
}
