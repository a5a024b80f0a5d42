//! A daemon as a process of its own that can be killed and started again, and what it logs and answers.
//! It refuses to outlive its test, and to be waited for without end.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::place::Place;
use super::turn::{PATIENCE, until};
use super::wire::{Message, Wire};

pub struct Daemon {
    child: Child,
    log: Arc<Log>,
    socket: PathBuf,
    /// Once it listens.
    pub address: String,
}

#[derive(Default)]
struct Log {
    /// The lines, and whether there will be more.
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Daemon {
    /// Starts one and waits until it listens.
    #[track_caller]
    pub fn start(place: &Place) -> Self {
        let mut daemon = Self::spawn(place);
        assert!(daemon.listens(), "{}", daemon.log());
        daemon
    }

    /// Starts one and waits for nothing.
    pub fn spawn(place: &Place) -> Self {
        let arguments = ["daemon", "--listen", "127.0.0.1:0", "--log-format", "json"];
        let mut child = place.command(&arguments).spawn().unwrap();
        let log = Arc::new(Log::default());
        let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lines.lock().unwrap().0.push(line);
                kept.more.notify_all();
            }
            kept.lines.lock().unwrap().1 = true;
            kept.more.notify_all();
        });
        Self {
            child,
            log,
            socket: place.path("data/flowtrigger.sock"),
            address: String::new(),
        }
    }

    /// Whether it came to listen before it ended.
    pub fn listens(&mut self) -> bool {
        let Some(line) = self.find(|line| line["message"] == "listening") else {
            return false;
        };
        self.address = line["address"].as_str().unwrap().to_owned();
        true
    }

    /// Waits for a line of the log.
    #[track_caller]
    pub fn logs(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self.find(wanted);
        found.unwrap_or_else(|| panic!("not in the log: {}", self.log()))
    }

    /// Waits for a line whose message begins so.
    #[track_caller]
    pub fn says(&self, message: &str) -> Value {
        self.logs(|line| {
            let said = line["message"].as_str();
            said.is_some_and(|said| said.starts_with(message))
        })
    }

    fn find(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let until = Instant::now() + PATIENCE;
        let (mut lines, mut seen) = (self.log.lines.lock().unwrap(), 0);
        loop {
            for line in &lines.0[seen..] {
                // The last line of one that was killed may be cut.
                let line = serde_json::from_str(line).unwrap_or_default();
                if wanted(&line) {
                    return Some(line);
                }
            }
            seen = lines.0.len();
            let left = until.saturating_duration_since(Instant::now());
            if lines.1 || left.is_zero() {
                return None;
            }
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().0.join("\n")
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Without a word.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.calm();
    }

    /// Waits for its end; gives the code.
    #[track_caller]
    pub fn ends(&mut self) -> Option<i32> {
        let mut ended: Option<ExitStatus> = None;
        until("the daemon ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        self.calm();
        ended.and_then(|status| status.code())
    }

    /// Asks it to stop and holds it to a good end.
    #[track_caller]
    pub fn stops(mut self) {
        self.signal(Signal::TERM);
        let code = self.ends();
        assert_eq!(code, Some(0), "{}", self.log());
    }

    fn calm(&self) {
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
    }

    pub fn post(&self, event: &Value) -> Message {
        let mut wire = Wire::connect(&self.address).unwrap();
        wire.ask("POST", "/events/desk", &event.to_string())
            .unwrap()
    }

    /// Posts an event that is taken; gives the answer.
    #[track_caller]
    pub fn takes(&self, event: &Value) -> Value {
        let answer = self.post(event);
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()
    }

    /// Over its Unix socket.
    pub fn order(&self, method: &str, path: &str) -> Message {
        let mut stream = None;
        // It listens to events a moment before it listens to orders.
        until("the daemon takes orders", || {
            stream = UnixStream::connect(&self.socket).ok();
            stream.is_some()
        });
        Wire::new(stream.unwrap()).ask(method, path, "").unwrap()
    }

    /// Runs in a state.
    pub fn count(&self, state: &str) -> u64 {
        let status = self.order("GET", "/status").json();
        status["runs"][state].as_u64().unwrap_or_default()
    }

    /// Waits until nothing is left that goes on by itself, as long as there is progress.
    #[track_caller]
    pub fn rests(&self) {
        let (mut before, mut since) = (Value::Null, Instant::now());
        loop {
            let runs = self.order("GET", "/status").json()["runs"].clone();
            let open = ["queued", "running", "retrying"];
            if open
                .iter()
                .all(|state| runs[state].as_u64().unwrap_or_default() == 0)
            {
                return;
            }
            if runs != before {
                (before, since) = (runs, Instant::now());
            }
            assert!(
                since.elapsed() < PATIENCE,
                "no progress: {before}, {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The most memory that it ever held, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
