//! A waiting run continues after its daemon was killed.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;

use super::desk::{event, sandbox};

fn waiting(port: u16, time: &str) -> String {
    let step = |name: &str| {
        format!(
            "- name: {name}\n  http: {{ url: \"http://127.0.0.1:{port}/{name}\", json: {{ id: \"{{{{ id }}}}\" }} }}\n"
        )
    };
    format!(
        "name: patient\nevent_source: desk\nevent_type: made\nflow:\n{}- wait: {time}\n{}",
        step("before"),
        step("after")
    )
}

#[test]
fn a_waiting_run_finishes_after_a_kill() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(&waiting(receiver.port, "2s"));
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &event("a", 1, "made"));
    wait_until("it waits", || first.count("waiting") == 1);
    first.kill();
    let second = DaemonProcess::start(&sandbox);
    wait_until("it is done", || second.count("done") == 1);
    second.stop();
    let paths: Vec<String> = receiver
        .received()
        .into_iter()
        .map(|got| got.path)
        .collect();
    assert_eq!(paths, ["/before", "/after"]);
}

#[test]
fn a_long_wait_survives_restarts_and_blocks_nothing() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(&waiting(receiver.port, "4d"));
    let mut daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("a", 1, "made"));
    wait_until("it waits", || daemon.count("waiting") == 1);
    for (end, next, waiting) in [
        (DaemonProcess::kill as fn(DaemonProcess), "b", 2),
        (DaemonProcess::stop, "c", 3),
    ] {
        end(daemon);
        daemon = DaemonProcess::start(&sandbox);
        daemon.wait_until_idle();
        // Another run of the same ticket starts to wait.
        daemon.accept("desk", &event(next, 1, "made"));
        wait_until("they wait", || daemon.count("waiting") == waiting);
    }
    let cancel = ["runs", "cancel", "--all", "--state", "waiting"];
    let cancelled = sandbox.command(&cancel).output().expect("an answer");
    assert!(cancelled.status.success(), "{cancelled:?}");
    assert_eq!(daemon.count("cancelled"), 3);
    daemon.stop();
    let after = receiver
        .received()
        .into_iter()
        .filter(|got| got.path == "/after");
    assert_eq!(after.count(), 0);
}
