//! Runs the built program in a folder and checks its exit code and output.

use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::wait::TIMEOUT;

/// A finished process: exit code and output.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The program with piped output. Removes `FLOWTRIGGER_*` and `RUST_LOG`, so that the environment of the
/// person who runs the tests changes nothing.
pub fn command(program: impl AsRef<Path>, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLOWTRIGGER_") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").env_remove("RUST_LOG");
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end of a process; after [`TIMEOUT`] kills it and panics with its output.
pub fn finish(child: Child) -> process::Output {
    let id = Pid::from_child(&child);
    let (sender, output) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match output.recv_timeout(TIMEOUT) {
        Ok(output) => output.expect("the output can be read"),
        Err(_) => {
            kill_process(id, Signal::KILL).expect("the process can be killed");
            panic!("the program did not end: {:?}", output.recv());
        }
    }
}

impl Output {
    /// Checks that the process exited, and that its output is UTF-8 without a panic.
    #[track_caller]
    pub fn new(output: process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        let output = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(output.code >= 0, "ended by a signal: {output:?}");
        assert_no_panic(&output.stdout);
        assert_no_panic(&output.stderr);
        output
    }

    /// Checks the exit code and that standard error contains each part.
    #[track_caller]
    pub fn expect_stderr(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
        self
    }

    /// Checks the exit code and that standard output contains each part.
    #[track_caller]
    pub fn expect_stdout(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.stdout.contains(part), "no `{part}` in {self:#?}");
        }
        self
    }

    /// Standard output as one JSON value per line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:#?}")))
            .collect()
    }
}

/// Checks that a text shows no trace of a panic.
#[track_caller]
pub fn assert_no_panic(text: &str) {
    for word in ["panicked", "overflowed", "RUST_BACKTRACE", "unwrap()"] {
        assert!(!text.contains(word), "`{word}` in {text}");
    }
}

/// Waits up to five seconds for a process to end. A killed process that its new parent has not reaped
/// yet counts as ended.
pub fn has_ended(id: u32) -> bool {
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit(')').next()?.trim().chars().next()
    };
    (0..500).any(|_| {
        let ended = matches!(state(), None | Some('Z' | 'X'));
        if !ended {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        ended
    })
}
