//! Rules that change under work that is under way, queued or waiting: it ends as it was planned.

use rustix::process::Signal;

use super::daemon::Daemon;
use super::place::{Place, event, telling};
use super::receiver::{Got, Receiver};
use super::turn::until;

/// Two steps that tell which version of the rule they are of.
fn rule(port: u16, version: &str) -> String {
    let rule = telling("tell", "made", port, "").replace("/tell", &format!("/{version}"));
    format!(
        "{rule}- name: after\n  http: {{ url: 'http://127.0.0.1:{port}/{version}/after', json: {{ id: '{{{{ id }}}}' }} }}\n"
    )
}

fn paths(got: &[Got], id: &str) -> Vec<String> {
    let of = got.iter().filter(|got| got.id() == id);
    let mut paths: Vec<String> = of.map(|got| got.path.clone()).collect();
    paths.dedup();
    paths
}

#[test]
fn work_ends_as_it_was_planned_through_a_reload() {
    let receiver = Receiver::fine();
    receiver.holds();
    let place = Place::new(&rule(receiver.port, "v1"));
    let daemon = Daemon::start(&place);
    daemon.takes(&event("under way", 1, "made"));
    daemon.takes(&event("behind", 1, "made"));
    receiver.gets(1);
    place.rules(&rule(receiver.port, "v2"));
    daemon.signal(Signal::HUP);
    daemon.says("reloaded");
    daemon.takes(&event("new", 2, "made"));
    receiver.gets(2);
    receiver.release();
    daemon.rests();
    let got = receiver.got();
    for (id, version) in [("under way", "v1"), ("behind", "v1"), ("new", "v2")] {
        let planned = [format!("/{version}"), format!("/{version}/after")];
        assert_eq!(paths(&got, id), planned, "{id}");
    }
    daemon.stops();
}

#[test]
fn work_ends_as_it_was_planned_over_a_kill_and_a_start_with_other_rules() {
    let receiver = Receiver::answering(|got| match got.id() {
        "waits" if got.path == "/v1/after" => 503,
        _ => 200,
    });
    receiver.holds();
    let retry = "  retry: { attempts: 2, backoff: 200ms }\n";
    let place = Place::new(&format!("{}{retry}", rule(receiver.port, "v1")));
    let first = Daemon::start(&place);
    first.takes(&event("under way", 1, "made"));
    first.takes(&event("behind", 1, "made"));
    first.takes(&event("waits", 2, "made"));
    receiver.gets(2);
    place.rules(&rule(receiver.port, "v2"));
    first.signal(Signal::HUP);
    first.says("reloaded");
    first.takes(&event("newer", 1, "made"));
    first.kill();
    // The rule is gone altogether.
    place.rules(&telling("other", "made", receiver.port, ""));
    let second = Daemon::start(&place);
    second.takes(&event("newest", 1, "made"));
    receiver.release();
    until("all but one are done", || second.count("done") == 4);
    second.rests();
    let got = receiver.got();
    for (id, version) in [("under way", "v1"), ("behind", "v1"), ("newer", "v2")] {
        let planned = [format!("/{version}"), format!("/{version}/after")];
        assert_eq!(paths(&got, id), planned, "{id}");
    }
    assert_eq!(paths(&got, "newest"), ["/other"]);
    // Two tries, as the version had it that planned it, and then no more.
    let tries = got
        .iter()
        .filter(|got| got.path == "/v1/after" && got.id() == "waits");
    assert_eq!((tries.count(), second.count("dead")), (2, 1));
    second.stops();
}

/// The same two steps as a flow of its own, which the rule runs by its name.
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
fn a_named_flow_goes_on_as_it_was_when_the_run_was_planned() {
    let receiver = Receiver::fine();
    receiver.holds();
    let place = Place::new(&by_name(receiver.port, "v1"));
    let first = Daemon::start(&place);
    first.takes(&event("under way", 1, "made"));
    first.takes(&event("behind", 1, "made"));
    receiver.gets(1);
    place.rules(&by_name(receiver.port, "v2"));
    first.signal(Signal::HUP);
    first.says("reloaded");
    first.takes(&event("newer", 1, "made"));
    first.kill();
    // The flow is gone, and the rule with it.
    place.rules(&telling("other", "made", receiver.port, ""));
    let second = Daemon::start(&place);
    receiver.release();
    until("all are done", || second.count("done") == 3);
    second.rests();
    let got = receiver.got();
    for (id, version) in [("under way", "v1"), ("behind", "v1"), ("newer", "v2")] {
        let planned = [format!("/{version}"), format!("/{version}/after")];
        assert_eq!(paths(&got, id), planned, "{id}");
    }
    second.stops();
}
