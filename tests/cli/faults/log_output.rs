//! A daemon whose log cannot be written: lines are lost and counted, and nothing else changes.

use std::fs::OpenOptions;
use std::io::pipe;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::program::finish;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use rustix::process::{Pid, Signal, kill_process};

use super::setup::{NOTE, sandbox_with_flow, urgent};

/// A daemon whose standard error the test provides.
struct Daemon {
    child: Option<Child>,
    address: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Daemon {
    fn start(sandbox: &Sandbox, stderr: Stdio) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let mut command = sandbox.command(&["daemon", "--listen", &address]);
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn();
        let daemon = Self {
            child: Some(child.unwrap()),
            address,
        };
        wait_until("the daemon listens", || {
            TcpStream::connect(&daemon.address).is_ok()
        });
        daemon
    }

    fn post(&self, ticket: u64) -> u16 {
        let mut connection = Connection::open(&self.address).unwrap();
        let event = urgent(ticket).to_string();
        let answer = connection.send("POST", "/events/support", &event);
        answer.expect("an answer").status()
    }

    fn metric(&self, name: &str) -> u64 {
        let mut connection = Connection::open(&self.address).unwrap();
        let metrics = connection.send("GET", "/metrics", "").unwrap().body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        // A counter appears with its first count.
        line.map_or(0, |line| line.trim().parse().unwrap())
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        finish(self.child.take().unwrap()).status.code()
    }
}

/// Events are accepted and their runs end, before and after a reload, and the daemon stops in order.
fn works(sandbox: &Sandbox, stderr: Stdio, events: u64) {
    let daemon = Daemon::start(sandbox, stderr);
    let done = || daemon.metric("flowtrigger_runs{state=\"done\"}");
    for ticket in 1..=events {
        assert_eq!(daemon.post(ticket), 200);
    }
    wait_until("the runs end", || done() == events);
    assert!(daemon.metric("flowtrigger_log_lines_lost_total") > 0);
    daemon.signal(Signal::HUP);
    let reloads = "flowtrigger_reloads_total{result=\"ok\"}";
    wait_until("the rules are loaded again", || daemon.metric(reloads) == 1);
    assert_eq!(daemon.post(events + 1), 200);
    wait_until("the last run ends", || done() == events + 1);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_log_on_a_full_disk_changes_nothing_else() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    works(&sandbox_with_flow(NOTE), full.into(), 3);
}

#[test]
fn a_log_whose_reader_is_gone_changes_nothing_else() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    works(&sandbox_with_flow(NOTE), writer.into(), 3);
}

#[test]
fn a_log_whose_reader_does_not_read_changes_nothing_else() {
    let (reader, writer) = pipe().unwrap();
    works(&sandbox_with_flow(NOTE), writer.into(), 200);
    drop(reader);
}
