//! A disk that takes no more for a while: events are rejected, readiness says so, and everything continues afterwards.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::wait::wait_until;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::desk::{event, runs_of, sandbox};

/// Lets a process write at most so many bytes to each file, as if there were no more space.
fn limit_files(daemon: &DaemonProcess, bytes: Option<u64>) {
    let process = Pid::from_raw(i32::try_from(daemon.process()).unwrap());
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(process, Resource::Fsize, limit).expect("the limit can be set");
}

#[test]
fn a_full_disk_makes_the_daemon_not_ready_until_there_is_space() {
    let rule = "name: note\nevent_source: desk\nevent_type: made\nflow: [succeed: fine]\n";
    let sandbox = sandbox(rule);
    // A write over the limit fails then, and does not end the process.
    let daemon = DaemonProcess::start_after(&sandbox, "trap '' XFSZ");
    daemon.accept("desk", &event("before", 1, "made"));
    daemon.wait_until_idle();
    assert_eq!(daemon.get("/readyz").status(), 200);
    limit_files(&daemon, Some(1));
    let rejected = daemon.send("desk", &event("refused", 2, "made"));
    assert_eq!(rejected.status(), 503, "{rejected:?}");
    let ready = daemon.get("/readyz");
    assert_eq!(ready.status(), 503);
    let why = "the data folder cannot be written to: ";
    assert!(ready.body.starts_with(why), "{ready:?}");
    let accept = "accept: application/json\r\n";
    let json = daemon.request("GET", "/readyz", accept, b"").json();
    assert_eq!(json["ready"], false, "{json}");
    assert!(json["reason"].as_str().unwrap().starts_with(why), "{json}");
    assert_eq!(daemon.get("/healthz").status(), 200);
    sandbox
        .run(&["status"])
        .expect_stdout(1, &[&format!("not ready: {why}")]);
    limit_files(&daemon, None);
    // No event is needed to find out: a balancer sends none to a daemon that is not ready.
    wait_until("the daemon is ready again", || {
        daemon.get("/readyz").status() == 200
    });
    daemon.accept("desk", &event("after", 3, "made"));
    daemon.wait_until_idle();
    daemon.stop();
    let store = sandbox.store();
    for (id, runs) in [("before", 1), ("refused", 0), ("after", 1)] {
        assert_eq!(runs_of(&store, id).len(), runs, "{id}");
    }
}
