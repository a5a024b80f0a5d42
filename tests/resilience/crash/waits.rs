//! A run that waits when its daemon is killed: it goes on after the next start, where it stood.

use super::daemon::Daemon;
use super::place::{Place, event};
use super::receiver::Receiver;
use super::turn::until;

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
fn a_run_killed_while_it_waits_finishes_after_the_next_start() {
    let receiver = Receiver::fine();
    let place = Place::new(&waiting(receiver.port, "2s"));
    let first = Daemon::start(&place);
    first.takes(&event("a", 1, "made"));
    until("it waits", || first.count("waiting") == 1);
    first.kill();
    let second = Daemon::start(&place);
    until("it is done", || second.count("done") == 1);
    second.stops();
    let paths: Vec<String> = receiver.got().into_iter().map(|got| got.path).collect();
    assert_eq!(paths, ["/before", "/after"]);
}

#[test]
fn a_long_wait_is_over_no_sooner_for_a_kill_and_holds_up_nobody() {
    let receiver = Receiver::fine();
    let place = Place::new(&waiting(receiver.port, "4d"));
    let mut daemon = Daemon::start(&place);
    daemon.takes(&event("a", 1, "made"));
    until("it waits", || daemon.count("waiting") == 1);
    for (end, next, waiting) in [
        (Daemon::kill as fn(Daemon), "b", 2),
        (Daemon::stops, "c", 3),
    ] {
        end(daemon);
        daemon = Daemon::start(&place);
        daemon.rests();
        // One of the same ticket comes to its own wait.
        daemon.takes(&event(next, 1, "made"));
        until("they wait", || daemon.count("waiting") == waiting);
    }
    let cancel = ["runs", "cancel", "--all", "--state", "waiting"];
    let cancelled = place.command(&cancel).output().expect("an answer");
    assert!(cancelled.status.success(), "{cancelled:?}");
    assert_eq!(daemon.count("cancelled"), 3);
    daemon.stops();
    let after = receiver
        .got()
        .into_iter()
        .filter(|got| got.path == "/after");
    assert_eq!(after.count(), 0);
}
