//! A daemon as a process of its own, with what it logs and what it answers.
//! It refuses to outlive its test, and to be waited for without end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::support::{PATIENCE, Place, Said, calm, finish};

pub struct Daemon {
    child: Option<Child>,
    log: Arc<Log>,
    pub address: String,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The status, and a part of the error for each thing that has to be told.
    #[track_caller]
    pub fn refuses(&self, status: u16, parts: &[&str]) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        calm(&self.body);
        assert_eq!(self.json()["accepted"], false, "{self:?}");
        for part in parts {
            assert!(self.body.contains(part), "no `{part}` in {self:?}");
        }
        self
    }
}

impl Daemon {
    pub fn start(place: &Place) -> Self {
        Self::begin(place, "127.0.0.1:0", &[])
    }

    pub fn listening(place: &Place, address: &str) -> Self {
        Self::begin(place, address, &[])
    }

    pub fn start_with(place: &Place, more: &[&str]) -> Self {
        Self::begin(place, "127.0.0.1:0", more)
    }

    fn begin(place: &Place, address: &str, more: &[&str]) -> Self {
        let arguments = ["daemon", "--listen", address, "--log-format", "json"];
        let arguments = [&arguments[..], more].concat();
        let mut command = place.command(&arguments);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Log::default());
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                lines.lines.lock().unwrap().push(line.unwrap());
                lines.more.notify_all();
            }
        });
        let mut daemon = Self {
            child: Some(child),
            log,
            address: String::new(),
        };
        let line = daemon.logs(|line| line["message"] == "listening");
        daemon.address = line["address"].as_str().unwrap().to_owned();
        daemon
    }

    /// Waits for a line of the log; each line must be JSON.
    #[track_caller]
    pub fn logs(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let lines = self.log.lines.lock().unwrap();
        let (lines, waited) = self
            .log
            .more
            .wait_timeout_while(lines, PATIENCE, |lines| !parsed(lines).iter().any(&wanted))
            .unwrap();
        assert!(!waited.timed_out(), "not in the log: {lines:#?}");
        parsed(&lines).into_iter().find(wanted).unwrap()
    }

    /// Waits until so many lines are such.
    #[track_caller]
    pub fn logs_often(&self, times: usize, wanted: impl Fn(&Value) -> bool) {
        let lines = self.log.lines.lock().unwrap();
        let too_few = |lines: &mut Vec<String>| {
            parsed(lines).iter().filter(|line| wanted(line)).count() < times
        };
        let (lines, waited) = self
            .log
            .more
            .wait_timeout_while(lines, PATIENCE, too_few)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "not {times} times in the log: {lines:#?}"
        );
    }

    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_child(self.child.as_ref().unwrap());
        kill_process(id, signal).unwrap();
    }

    /// Waits for its end; gives the code.
    pub fn ends(&mut self) -> i32 {
        let said = Said::of(finish(self.child.take().unwrap()));
        calm(&self.log());
        said.code
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(
            "POST",
            path,
            "content-type: application/json\r\n",
            body.as_bytes(),
        )
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", b"")
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A receiver that has heard enough may hang up before the end.
        drop(stream.write_all(body));
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let (head, body) = (head.to_owned(), body.to_owned());
        Answer { status, head, body }
    }
}

fn parsed(lines: &[String]) -> Vec<Value> {
    let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    lines.iter().map(parse).collect()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
