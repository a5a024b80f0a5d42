//! Runs one command in its own process group, writes its input, and keeps a limited part of its output.
//! The whole group is killed when the command ends, runs out of time, or the future is dropped.

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

use super::pid_file::PidFile;

/// How long to read on when a process that left the group keeps an output open.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

pub(in crate::action) struct ProcessLimits {
    pub(in crate::action) time: Duration,
    /// The time from SIGTERM to SIGKILL.
    pub(in crate::action) grace: Duration,
    /// The bytes to keep of each output.
    pub(in crate::action) output: usize,
}

pub(in crate::action) struct ProcessOutput {
    pub(in crate::action) how: Termination,
    pub(in crate::action) stdout: CapturedOutput,
    pub(in crate::action) stderr: CapturedOutput,
}

pub(in crate::action) enum Termination {
    Exited(ExitStatus),
    /// Out of time; it ended on SIGTERM.
    Terminated,
    /// Out of time; it ignored SIGTERM.
    Killed,
}

/// Runs the command to its end. Its input and outputs must be pipes.
pub(super) async fn run(
    mut command: Command,
    input: &[u8],
    limits: &ProcessLimits,
    record: Option<PidFile>,
) -> io::Result<ProcessOutput> {
    let mut group = Group::start(&mut command, record)?;
    let (mut stdout, mut stderr) = (
        CapturedOutput::head(limits.output),
        CapturedOutput::tail(limits.output),
    );
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
            // A process that left the group may keep the pipes open forever; what was read so far is kept.
            drop(timeout(DRAIN_TIMEOUT, pipes).await);
        }
        match how {
            WaitOutcome::Exited => Termination::Exited(status),
            WaitOutcome::Terminated => Termination::Terminated,
            WaitOutcome::Killed => Termination::Killed,
        }
    };
    Ok(ProcessOutput {
        how,
        stdout,
        stderr,
    })
}

enum WaitOutcome {
    Exited,
    Terminated,
    Killed,
}

/// A running command and its child processes that did not leave the group.
struct Group {
    leader: Child,
    /// The group's id, until the leader is reaped: afterwards another group may get the id.
    id: Option<Pid>,
    /// Dropped last, when no process of the group is left.
    _record: Option<PidFile>,
}

impl Group {
    fn start(command: &mut Command, record: Option<PidFile>) -> io::Result<Self> {
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

    async fn ending(&self, limits: &ProcessLimits) -> io::Result<WaitOutcome> {
        if let Ok(ended) = timeout(limits.time, self.leader_ended()).await {
            return ended.map(|()| WaitOutcome::Exited);
        }
        self.signal(Signal::TERM);
        if let Ok(ended) = timeout(limits.grace, self.leader_ended()).await {
            return ended.map(|()| WaitOutcome::Terminated);
        }
        self.signal(Signal::KILL);
        Ok(WaitOutcome::Killed)
    }

    /// Waits without reaping: while the leader is a zombie, no other process can get its id, so that a signal to
    /// the group cannot reach another group.
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

    /// Kills the remaining processes of the group, then reaps the leader.
    async fn finish(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.id = None;
        self.leader.wait().await
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // An error means that the group is gone already.
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Writes the input. A broken pipe is not a failure: a command need not read its input.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        drop(stdin.write_all(input).await);
    }
}

/// A limited part of an output. The rest is read and dropped, so that the command can continue.
pub(in crate::action) struct CapturedOutput {
    bytes: VecDeque<u8>,
    cap: usize,
    keep: KeptEnd,
    pub(in crate::action) truncated: bool,
    /// Bytes of the whole output.
    pub(in crate::action) size: u64,
}

enum KeptEnd {
    Head,
    Tail,
}

impl CapturedOutput {
    fn head(cap: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            cap,
            keep: KeptEnd::Head,
            truncated: false,
            size: 0,
        }
    }

    fn tail(cap: usize) -> Self {
        Self {
            keep: KeptEnd::Tail,
            ..Self::head(cap)
        }
    }

    /// The kept bytes as text; invalid UTF-8 is replaced.
    pub(in crate::action) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The kept bytes.
    pub(in crate::action) fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    async fn fill(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            self.add(&buffer[..read]);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        match self.keep {
            KeptEnd::Head => {
                let room = self.cap - self.bytes.len();
                self.truncated |= bytes.len() > room;
                self.bytes.extend(&bytes[..bytes.len().min(room)]);
            }
            KeptEnd::Tail => {
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

    fn added(mut output: CapturedOutput) -> (String, bool) {
        for part in ["ab", "cd", "ef"] {
            output.add(part.as_bytes());
        }
        (output.text(), output.truncated)
    }

    #[test]
    fn the_cap_keeps_the_chosen_end() {
        assert_eq!(added(CapturedOutput::head(3)), ("abc".into(), true));
        assert_eq!(added(CapturedOutput::tail(3)), ("def".into(), true));
        assert_eq!(added(CapturedOutput::head(6)), ("abcdef".into(), false));
        assert_eq!(added(CapturedOutput::tail(6)), ("abcdef".into(), false));
    }
}
