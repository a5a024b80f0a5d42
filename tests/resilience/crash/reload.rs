//! Rules that change while runs are active, queued or waiting: each run keeps its rule version.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Received, Receiver};
use flowtrigger_testing::wait::wait_until;
use rustix::process::Signal;

use super::desk::{event, request_rule, sandbox};

/// Two steps whose paths contain the version of the rule.
fn rule(port: u16, version: &str) -> String {
    let rule = request_rule("tell", "made", port, "").replace("/tell", &format!("/{version}"));
    format!(
        "{rule}- name: after\n  http: {{ url: 'http://127.0.0.1:{port}/{version}/after', json: {{ id: '{{{{ id }}}}' }} }}\n"
    )
}

fn paths(got: &[Received], id: &str) -> Vec<String> {
    let of = got.iter().filter(|got| got.id() == id);
    let mut paths: Vec<String> = of.map(|got| got.path.clone()).collect();
    paths.dedup();
    paths
}

#[test]
fn a_run_keeps_its_rule_version_through_a_reload() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let sandbox = sandbox(&rule(receiver.port, "v1"));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("under way", 1, "made"));
    daemon.accept("desk", &event("behind", 1, "made"));
    receiver.wait_for(1);
    sandbox.write_rules(&rule(receiver.port, "v2"));
    daemon.signal(Signal::HUP);
    daemon.expect_message("reloaded");
    daemon.accept("desk", &event("new", 2, "made"));
    receiver.wait_for(2);
    receiver.release_all();
    daemon.wait_until_idle();
    let got = receiver.received();
    for (id, version) in [("under way", "v1"), ("behind", "v1"), ("new", "v2")] {
        let planned = [format!("/{version}"), format!("/{version}/after")];
        assert_eq!(paths(&got, id), planned, "{id}");
    }
    daemon.stop();
}

#[test]
fn a_run_keeps_its_rule_version_over_a_restart_with_other_rules() {
    let receiver = Receiver::with_status(|got| match got.id() {
        "waits" if got.path == "/v1/after" => 503,
        _ => 200,
    });
    receiver.hold("");
    let retry = "  retry: { attempts: 2, backoff: 200ms }\n";
    let sandbox = sandbox(&format!("{}{retry}", rule(receiver.port, "v1")));
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &event("under way", 1, "made"));
    first.accept("desk", &event("behind", 1, "made"));
    first.accept("desk", &event("waits", 2, "made"));
    receiver.wait_for(2);
    sandbox.write_rules(&rule(receiver.port, "v2"));
    first.signal(Signal::HUP);
    first.expect_message("reloaded");
    first.accept("desk", &event("newer", 1, "made"));
    first.kill();
    // The rule no longer exists.
    sandbox.write_rules(&request_rule("other", "made", receiver.port, ""));
    let second = DaemonProcess::start(&sandbox);
    second.accept("desk", &event("newest", 1, "made"));
    receiver.release_all();
    wait_until("all but one are done", || second.count("done") == 4);
    second.wait_until_idle();
    let got = receiver.received();
    for (id, version) in [("under way", "v1"), ("behind", "v1"), ("newer", "v2")] {
        let planned = [format!("/{version}"), format!("/{version}/after")];
        assert_eq!(paths(&got, id), planned, "{id}");
    }
    assert_eq!(paths(&got, "newest"), ["/other"]);
    // Two attempts, as in the version of the run.
    let tries = got
        .iter()
        .filter(|got| got.path == "/v1/after" && got.id() == "waits");
    assert_eq!((tries.count(), second.count("dead")), (2, 1));
    second.stop();
}

/// The same two steps as a named flow.
fn by_name(port: u16, version: &str) -> String {
    let rule = rule(port, version);
    let (head, steps) = rule.split_once("flow:\n").expect("a flow");
    let steps: String = steps
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    format!("{head}flow: [{{ flow: both }}]\n---\nflows:\n  both:\n    flow:\n{steps}")
}

#[test]
fn a_run_keeps_the_version_of_its_named_flow() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let sandbox = sandbox(&by_name(receiver.port, "v1"));
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &event("under way", 1, "made"));
    first.accept("desk", &event("behind", 1, "made"));
    receiver.wait_for(1);
    sandbox.write_rules(&by_name(receiver.port, "v2"));
    first.signal(Signal::HUP);
    first.expect_message("reloaded");
    first.accept("desk", &event("newer", 1, "made"));
    first.kill();
    // The flow and the rule no longer exist.
    sandbox.write_rules(&request_rule("other", "made", receiver.port, ""));
    let second = DaemonProcess::start(&sandbox);
    receiver.release_all();
    wait_until("all are done", || second.count("done") == 3);
    second.wait_until_idle();
    let got = receiver.received();
    for (id, version) in [("under way", "v1"), ("behind", "v1"), ("newer", "v2")] {
        let planned = [format!("/{version}"), format!("/{version}/after")];
        assert_eq!(paths(&got, id), planned, "{id}");
    }
    second.stop();
}
