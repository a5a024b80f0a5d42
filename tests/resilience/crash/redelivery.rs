//! Redeliveries and gates over a restart.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::desk::{event, request_rule, sandbox};

fn states(answer: &Value) -> Vec<&str> {
    let runs = answer["runs"].as_array().unwrap();
    runs.iter()
        .map(|run| run["state"].as_str().unwrap())
        .collect()
}

#[test]
fn a_redelivery_after_a_restart_starts_no_run() {
    let receiver = Receiver::with_status(|got| if got.path == "/dies" { 404 } else { 200 });
    let rules = ["works", "dies"].map(|name| request_rule(name, "made", receiver.port, ""));
    let sandbox = sandbox(&rules.join("---\n"));
    let first = DaemonProcess::start(&sandbox);
    let taken = first.accept("desk", &event("a", 1, "made"));
    first.wait_until_idle();
    first.stop();
    let came = receiver.count();
    for end in [DaemonProcess::stop, DaemonProcess::kill] {
        let daemon = DaemonProcess::start(&sandbox);
        let again = daemon.accept("desk", &event("a", 1, "made"));
        assert_eq!(again["redelivered"], true, "{again}");
        let mut ends = states(&again);
        ends.sort_unstable();
        assert_eq!(ends, ["dead", "done"]);
        let ids = |answer: &Value| [0, 1].map(|run| answer["runs"][run]["id"].clone());
        assert_eq!(ids(&again), ids(&taken));
        daemon.wait_until_idle();
        end(daemon);
    }
    assert_eq!(receiver.count(), came);
}

#[test]
fn a_redelivery_of_an_active_event_after_a_kill_starts_no_run() {
    let receiver = Receiver::ok();
    receiver.hold("");
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, ""));
    let first = DaemonProcess::start(&sandbox);
    for (id, ticket) in [("a", 1), ("b", 1), ("c", 2)] {
        first.accept("desk", &event(id, ticket, "made"));
    }
    receiver.wait_for(2);
    first.kill();
    let second = DaemonProcess::start(&sandbox);
    for id in ["a", "b", "c"] {
        let again = second.accept("desk", &event(id, 1, "made"));
        assert_eq!(again["redelivered"], true, "{again}");
    }
    receiver.release_all();
    second.wait_until_idle();
    assert_eq!(second.count("done"), 3);
    second.stop();
    let behind = receiver
        .received()
        .iter()
        .filter(|got| got.id() == "b")
        .count();
    assert_eq!(behind, 1);
}

#[test]
fn gates_hold_over_a_restart_and_a_kill() {
    let receiver = Receiver::ok();
    let gated = |name: &str, gate: &str| {
        let rule = request_rule(name, "made", receiver.port, "");
        rule.replace("flow:", &format!("{gate}\nflow:"))
    };
    let sandbox = sandbox(
        &[
            gated("once", "dedupe: { per: ticket, for: 24h }"),
            gated("twice", "throttle: { per: ticket, limit: 2, in: 24h }"),
        ]
        .join("---\n"),
    );
    let mut ends: Vec<Value> = Vec::new();
    for (id, end) in [
        ("a", DaemonProcess::stop as fn(DaemonProcess)),
        ("b", DaemonProcess::kill),
        ("c", DaemonProcess::stop),
    ] {
        let daemon = DaemonProcess::start(&sandbox);
        let taken = daemon.accept("desk", &event(id, 1, "made"));
        ends.push(json!(states(&taken)));
        daemon.wait_until_idle();
        end(daemon);
    }
    assert_eq!(
        ends,
        [
            json!(["queued", "queued"]),
            json!(["suppressed", "queued"]),
            json!(["suppressed", "suppressed"])
        ]
    );
    let came = receiver.received();
    let of = |path: &str| came.iter().filter(|got| got.path == path).count();
    assert_eq!((of("/once"), of("/twice")), (1, 2));
}

#[test]
fn a_dead_run_releases_its_dedupe_over_a_restart() {
    let receiver = Receiver::with_status(|got| if got.id() == "a" { 404 } else { 200 });
    let rule = request_rule("once", "made", receiver.port, "");
    let gate = "dedupe: { per: ticket, for: 24h }\nflow:";
    let sandbox = sandbox(&rule.replace("flow:", gate));
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &event("a", 1, "made"));
    wait_until("it died", || first.count("dead") == 1);
    first.kill();
    let second = DaemonProcess::start(&sandbox);
    assert_eq!(
        states(&second.accept("desk", &event("b", 1, "made"))),
        ["queued"]
    );
    assert_eq!(
        states(&second.accept("desk", &event("c", 1, "made"))),
        ["suppressed"]
    );
    second.wait_until_idle();
    second.stop();
    assert_eq!(receiver.count(), 2);
}
