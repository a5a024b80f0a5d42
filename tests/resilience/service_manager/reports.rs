//! What a daemon reports to the service manager: its states, and that it is alive while its store answers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};

use super::notifications::Notifications;
use crate::crash::desk::{configure, event, request_rule};

/// A sandbox whose daemons report to the service manager, which wants a sign of life each second.
fn watched() -> (Sandbox, Notifications) {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let socket = sandbox.path("notify");
    let notifications = Notifications::listen(&socket);
    let sandbox = sandbox
        .with_env("NOTIFY_SOCKET", socket.to_str().unwrap())
        .with_env("WATCHDOG_USEC", "1000000");
    configure(&sandbox, "");
    sandbox.write_rules(&request_rule("tell", "made", 1, ""));
    (sandbox, notifications)
}

#[test]
fn a_daemon_reports_its_states_to_the_service_manager() {
    let (sandbox, manager) = watched();
    let mut daemon = DaemonProcess::start(&sandbox);
    let status = format!("STATUS=accepting events at {}, 1 rules", daemon.address);
    let after = manager.expect(0, &["READY=1", &status]);
    let after = manager.expect(after, &["WATCHDOG=1"]);
    daemon.signal(Signal::HUP);
    let after = manager.expect(after, &["RELOADING=1", "MONOTONIC_USEC="]);
    let after = manager.expect(after, &["READY=1", "STATUS=accepting events, 1 rules"]);
    sandbox.write_rules("name: broken");
    daemon.signal(Signal::HUP);
    let after = manager.expect(after, &["RELOADING=1", "MONOTONIC_USEC="]);
    let after = manager.expect(after, &["READY=1", "the last reload failed"]);
    daemon.signal(Signal::TERM);
    manager.expect(after, &["STOPPING=1", "STATUS=waiting for work in flight"]);
    assert_eq!(daemon.wait_for_exit(), Some(0));
}

#[test]
fn a_daemon_that_cannot_start_never_reports_that_it_is_ready() {
    let (sandbox, manager) = watched();
    sandbox.write_rules("name: broken");
    sandbox.run_daemon().expect_stderr(3, &["broken"]);
    assert_eq!(manager.count("READY=1"), 0);
}

/// Lets the writes of a process to disk hang until it is dropped.
struct HungDisk(Child);

impl HungDisk {
    /// `None` if `strace` is not here. The tests of durability require it where `DURABILITY_TESTS_MUST_TRACE` is set.
    fn of(process: u32) -> Option<Self> {
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=fdatasync,fsync"]);
        command.args(["-e", "inject=fdatasync,fsync:delay_enter=3600000000"]);
        command.args(["-p", &process.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = lines.next().unwrap().unwrap();
        assert!(attached.contains("attached"), "{attached}");
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self(child))
    }
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        // After this signal, strace lets the process continue.
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_daemon_whose_disk_hangs_reports_no_life_until_it_answers() {
    let (sandbox, manager) = watched();
    let daemon = DaemonProcess::start(&sandbox);
    manager.expect(0, &["WATCHDOG=1"]);
    let Some(disk) = HungDisk::of(daemon.process()) else {
        crate::scheduling::report("not tested: `strace` is not installed");
        return;
    };
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| daemon.send("desk", &event("1", 1, "made")));
        daemon.expect_message("the writer of the store does not answer");
        let before = manager.count("WATCHDOG=1");
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(manager.count("WATCHDOG=1"), before);
        drop(disk);
        assert_eq!(sending.join().unwrap().status(), 200);
    });
    let resumed = manager.count("WATCHDOG=1");
    flowtrigger_testing::wait::wait_until("it is alive again", || {
        manager.count("WATCHDOG=1") > resumed
    });
    daemon.stop();
}
