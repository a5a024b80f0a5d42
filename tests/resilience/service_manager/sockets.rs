//! Sockets that the service manager holds: restarts refuse no connection, and what cannot be used is reported.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::{Connection, request};
use flowtrigger_testing::program::{Output, finish};
use flowtrigger_testing::sandbox::{ActivatingSockets, Sandbox};
use flowtrigger_testing::wait::wait_until;
use serde_json::json;

use crate::crash::desk;
use crate::scheduling::{ExclusiveTest, report};

fn socket() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn for_events(events: &TcpListener) -> ActivatingSockets<'_> {
    ActivatingSockets { events, page: None }
}

/// What senders got that open a connection for each event and send as fast as they can.
#[derive(Debug, Default)]
struct Answers {
    over: AtomicBool,
    sent: AtomicUsize,
    accepted: AtomicUsize,
    rejected: AtomicUsize,
    refused: Mutex<Vec<String>>,
    /// Without an answer, because a crash broke the connection.
    broken: Mutex<Vec<String>>,
}

impl Answers {
    fn send_until_over(&self, address: &str) {
        while !self.over.load(Ordering::Relaxed) {
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            let event = json!({"kind": "made", "id": format!("e{number}"), "ticket": number});
            let head = "content-type: application/json\r\nconnection: close\r\n";
            let bytes = request("POST", "/events/desk", head, event.to_string().as_bytes());
            let mut connection = match Connection::open(address) {
                Ok(connection) => connection,
                Err(error) => {
                    self.refused.lock().unwrap().push(error.to_string());
                    continue;
                }
            };
            match connection.send_bytes(&bytes).map(|answer| answer.status()) {
                Ok(200) => {
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                }
                Ok(503) => {
                    self.rejected.fetch_add(1, Ordering::Relaxed);
                }
                Ok(status) => self.broken.lock().unwrap().push(status.to_string()),
                Err(error) => self.broken.lock().unwrap().push(error.to_string()),
            }
        }
    }

    fn wait_for(&self, more: usize) {
        let before = self.accepted.load(Ordering::Relaxed);
        wait_until("events are accepted", || {
            self.accepted.load(Ordering::Relaxed) >= before + more
        });
    }
}

#[test]
fn no_connection_is_refused_over_restarts() {
    let _exclusive = ExclusiveTest::start();
    let sandbox = desk::sandbox(&desk::request_rule("tell", "other", 1, ""));
    let socket = socket();
    let address = socket.local_addr().unwrap().to_string();
    let answers = Answers::default();
    std::thread::scope(|scope| {
        let mut daemon = DaemonProcess::start_activated(&sandbox, for_events(&socket));
        assert_eq!(daemon.address, address);
        for _ in 0..8 {
            scope.spawn(|| answers.send_until_over(&address));
        }
        for _ in 0..3 {
            answers.wait_for(300);
            daemon.stop();
            daemon = DaemonProcess::start_activated(&sandbox, for_events(&socket));
        }
        answers.wait_for(300);
        // A crash breaks the connections that are open, and refuses none either.
        daemon.kill();
        daemon = DaemonProcess::start_activated(&sandbox, for_events(&socket));
        answers.wait_for(300);
        answers.over.store(true, Ordering::Relaxed);
        daemon.stop();
        report(&format!("{answers:?}"));
    });
    assert_eq!(*answers.refused.lock().unwrap(), [""; 0]);
}

#[test]
fn the_page_has_a_socket_of_its_own() {
    let sandbox = desk::sandbox(&desk::request_rule("tell", "made", 1, ""));
    let (events, page) = (socket(), socket());
    let sockets = ActivatingSockets {
        events: &events,
        page: Some(&page),
    };
    // The environment of the sandbox turns the page off; a socket is stronger.
    let daemon = DaemonProcess::start_activated(&sandbox, sockets);
    let address = page.local_addr().unwrap().to_string();
    assert_eq!(daemon.page_address(), address);
    let mut connection = Connection::open(&address).unwrap();
    let answer = connection.send("GET", "/", "").unwrap();
    assert!(answer.status() < 500, "{answer:?}");
    daemon.stop();
}

#[test]
fn commands_of_steps_inherit_no_socket() {
    let rule = "name: list\nevent_source: desk\nevent_type: made\nflow:\n- exec: [sh, -c, \"ls -l /proc/$$/fd > part; mv part listed\"]\n";
    let sandbox = desk::sandbox(rule);
    let socket = socket();
    let daemon = DaemonProcess::start_activated(&sandbox, for_events(&socket));
    daemon.accept("desk", &desk::event("1", 1, "made"));
    sandbox.wait_for_file("rules/listed");
    let listed = sandbox.read("rules/listed");
    // Standard error is the pipe of the step, wherever the rest leads.
    assert!(listed.contains(" 2 -> pipe:"), "{listed}");
    assert!(!listed.contains("socket:"), "{listed}");
    daemon.stop();
}

#[test]
fn a_socket_that_cannot_be_used_is_reported() {
    let given = |count: &str, names: &str| {
        let sandbox = desk_sandbox()
            .with_env("LISTEN_FDS", count)
            .with_env("LISTEN_FDNAMES", names);
        sandbox.run_daemon()
    };
    given("1", "admin").expect_stderr(
        2,
        &["unknown socket `admin` from the service manager; set `FileDescriptorName=`"],
    );
    given("1", "page").expect_stderr(
        2,
        &[
            "failed to use the socket `page` from the service manager",
            "write `ListenStream=`",
        ],
    );
}

#[test]
fn a_public_socket_needs_verified_senders_too() {
    let sandbox = desk_sandbox();
    let public = TcpListener::bind("0.0.0.0:0").unwrap();
    let mut command = sandbox.activated_command(for_events(&public), &["daemon"]);
    let output = Output::new(finish(command.spawn().unwrap()));
    output.expect_stderr(2, &["other machines can reach it", "`desk`"]);
}

fn desk_sandbox() -> Sandbox {
    desk::sandbox(&desk::request_rule("tell", "made", 1, ""))
}
