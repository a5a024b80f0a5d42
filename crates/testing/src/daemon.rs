//! A daemon as a process of its own: its log, its HTTP and admin interfaces, signals and exit.
//! It is killed when it is dropped.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http_wire::{Connection, Message, request};
use crate::program::assert_no_panic;
use crate::sandbox::{ActivatingSockets, Sandbox};
use crate::wait::{TIMEOUT, wait_until};

/// The option with the time between two looks at files.
const WATCH_OPTION: &str = "--watch-interval";
const WATCH_MILLISECONDS: u32 = 25;

pub struct DaemonProcess {
    child: Child,
    log: Arc<Log>,
    socket: PathBuf,
    /// Where it listens for events.
    pub address: String,
}

#[derive(Default)]
struct Log {
    lines: Mutex<LogLines>,
    changed: Condvar,
}

#[derive(Default)]
struct LogLines {
    lines: Vec<String>,
    is_closed: bool,
}

impl DaemonProcess {
    /// Starts a daemon on a free port and waits until it listens.
    #[track_caller]
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &["--listen", "127.0.0.1:0"])
    }

    /// Starts a daemon with these arguments and waits until it listens.
    #[track_caller]
    pub fn start_with(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut daemon = Self::spawn_with(sandbox, arguments);
        assert!(daemon.wait_until_listening(), "{}", daemon.log());
        daemon
    }

    /// Starts a daemon with its page on a free port.
    #[track_caller]
    pub fn start_with_page(sandbox: &Sandbox) -> Self {
        Self::start_with(
            sandbox,
            &["--listen", "127.0.0.1:0", "--page", "127.0.0.1:0"],
        )
    }

    /// Where it serves the page.
    #[track_caller]
    pub fn page_address(&self) -> String {
        let line = self.expect_log(|line| line["message"] == "serving the page");
        let address = line["address"].as_str().expect("an address");
        address.to_owned()
    }

    /// Starts a daemon that loads changed files, and looks at them often.
    #[track_caller]
    pub fn start_watching(sandbox: &Sandbox) -> Self {
        let interval = WATCH_MILLISECONDS.to_string();
        Self::start_with(
            sandbox,
            &["--listen", "127.0.0.1:0", WATCH_OPTION, &interval],
        )
    }

    /// Starts a daemon in the place of a shell that has executed a command before.
    #[track_caller]
    pub fn start_after(sandbox: &Sandbox, shell: &str) -> Self {
        let arguments = Self::arguments(&["--listen", "127.0.0.1:0"]);
        let mut command = sandbox.command_after(shell, &arguments);
        let mut daemon = Self::spawn_command(sandbox, command.stdout(Stdio::null()));
        assert!(daemon.wait_until_listening(), "{}", daemon.log());
        daemon
    }

    /// The path of the admin socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts a daemon on a free port without waiting.
    pub fn spawn(sandbox: &Sandbox) -> Self {
        Self::spawn_with(sandbox, &["--listen", "127.0.0.1:0"])
    }

    fn spawn_with(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = sandbox.command(&Self::arguments(arguments));
        Self::spawn_command(sandbox, command.stdout(Stdio::null()))
    }

    /// Starts a daemon on sockets that are open already, as a service manager does, and waits until it listens.
    #[track_caller]
    pub fn start_activated(sandbox: &Sandbox, sockets: ActivatingSockets<'_>) -> Self {
        let mut command = sandbox.activated_command(sockets, &Self::arguments(&[]));
        let mut daemon = Self::spawn_command(sandbox, &mut command);
        assert!(daemon.wait_until_listening(), "{}", daemon.log());
        daemon
    }

    fn arguments<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = [&["daemon", "--log-format", "json"], arguments].concat();
        if !arguments.contains(&WATCH_OPTION) {
            // A test says itself when rules are loaded.
            all.push("--no-watch");
        }
        all
    }

    fn spawn_command(sandbox: &Sandbox, command: &mut Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("standard error is piped");
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lines.lock().unwrap().lines.push(line);
                kept.changed.notify_all();
            }
            kept.lines.lock().unwrap().is_closed = true;
            kept.changed.notify_all();
        });
        Self {
            child,
            log,
            socket: sandbox.path("data/flowtrigger.sock"),
            address: String::new(),
        }
    }

    /// Whether it began to listen; `false` if it ended before.
    pub fn wait_until_listening(&mut self) -> bool {
        let Some(line) = self.find_log(1, |line| line["message"] == "listening") else {
            return false;
        };
        let address = line["address"].as_str().expect("an address");
        self.address = address.to_owned();
        true
    }

    /// Waits for a log line and returns it.
    #[track_caller]
    pub fn expect_log(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        self.expect_logs(1, is_wanted)
    }

    /// Waits until the log holds so many of these lines; returns the last of them.
    #[track_caller]
    pub fn expect_logs(&self, count: usize, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self.find_log(count, is_wanted);
        found.unwrap_or_else(|| panic!("not {count} times in the log: {}", self.log()))
    }

    /// Waits for a log line whose message starts with this text.
    #[track_caller]
    pub fn expect_message(&self, start: &str) -> Value {
        self.expect_log(|line| {
            let message = line["message"].as_str();
            message.is_some_and(|message| message.starts_with(start))
        })
    }

    fn find_log(&self, count: usize, is_wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let end = Instant::now() + TIMEOUT;
        let mut log = self.log.lines.lock().unwrap();
        let (mut seen, mut found) = (0, 0);
        loop {
            for (number, line) in log.lines.iter().enumerate().skip(seen) {
                let is_last = number + 1 == log.lines.len();
                let line = match serde_json::from_str(line) {
                    Ok(line) => line,
                    // The daemon may have been killed while it wrote its last line.
                    Err(_) if is_last => Value::Null,
                    Err(_) => panic!("not JSON in the log: {line}"),
                };
                found += usize::from(is_wanted(&line));
                if found == count {
                    return Some(line);
                }
            }
            seen = log.lines.len();
            let left = end.saturating_duration_since(Instant::now());
            if log.is_closed || left.is_zero() {
                return None;
            }
            log = self.log.changed.wait_timeout(log, left).unwrap().0;
        }
    }

    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().lines.join("\n")
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process can be signalled");
    }

    /// Kills it without a shutdown.
    pub fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
        assert_no_panic(&self.log());
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends; returns the exit code, `None` after a signal.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> Option<i32> {
        let mut ended: Option<ExitStatus> = None;
        wait_until("the daemon ends", || {
            ended = self
                .child
                .try_wait()
                .expect("the process can be waited for");
            ended.is_some()
        });
        wait_until("the log is complete", || {
            self.log.lines.lock().unwrap().is_closed
        });
        assert_no_panic(&self.log());
        ended.and_then(|status| status.code())
    }

    /// Shuts it down and checks that it ends without an error.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        let code = self.wait_for_exit();
        assert_eq!(code, Some(0), "{}", self.log());
    }

    /// Posts an event to a source on a connection that stays open.
    #[track_caller]
    pub fn send(&self, source: &str, event: &Value) -> Message {
        let mut connection = Connection::open(&self.address).expect("the daemon listens");
        let response = connection.send("POST", &format!("/events/{source}"), &event.to_string());
        response.unwrap_or_else(|error| panic!("no response: {error}; {}", self.log()))
    }

    /// Posts an event that must be accepted; returns the response.
    #[track_caller]
    pub fn accept(&self, source: &str, event: &Value) -> Value {
        let response = self.send(source, event);
        assert_eq!(response.status(), 200, "{response:?}");
        response.json()
    }

    /// Posts a JSON text.
    pub fn post(&self, path: &str, body: &str) -> Message {
        let media = "content-type: application/json\r\n";
        self.request("POST", path, media, body.as_bytes())
    }

    pub fn get(&self, path: &str) -> Message {
        self.request("GET", path, "", b"")
    }

    /// Sends a request with these header lines on a new connection.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Message {
        let headers = format!("connection: close\r\n{headers}");
        let bytes = request(method, path, &headers, body);
        let mut connection = Connection::open(&self.address).expect("the daemon listens");
        let response = connection.send_bytes(&bytes);
        response.unwrap_or_else(|error| panic!("no response: {error}; {}", self.log()))
    }

    /// Sends a request over the admin socket.
    pub fn admin(&self, method: &str, path: &str) -> Message {
        let mut stream = None;
        // The admin socket opens a moment after the listener.
        wait_until("the admin socket is open", || {
            stream = UnixStream::connect(&self.socket).ok();
            stream.is_some()
        });
        let mut connection = Connection::new(stream.expect("a connection"));
        connection.send(method, path, "").expect("a response")
    }

    /// The value of a metric with its labels, as it is written in `/metrics`; 0 if there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").body;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// The number of runs in a state.
    pub fn count(&self, state: &str) -> u64 {
        let status = self.admin("GET", "/status").json();
        status["runs"][state].as_u64().unwrap_or_default()
    }

    /// Waits until no run is queued, running or retrying; the timeout starts again with each progress.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        let (mut before, mut since) = (Value::Null, Instant::now());
        loop {
            let runs = self.admin("GET", "/status").json()["runs"].clone();
            let is_zero = |state: &&str| runs[state].as_u64().unwrap_or_default() == 0;
            if ["queued", "running", "retrying"].iter().all(is_zero) {
                return;
            }
            if runs != before {
                (before, since) = (runs, Instant::now());
            }
            let log = || self.log();
            assert!(
                since.elapsed() < TIMEOUT,
                "no progress: {before}, {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The peak resident memory in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.expect("a peak").trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
