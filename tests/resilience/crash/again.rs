//! Events that come again, and gates, over a restart: what was done is known to the next life.

use serde_json::{Value, json};

use super::daemon::Daemon;
use super::place::{Place, event, telling};
use super::receiver::Receiver;
use super::turn::until;

fn states(answer: &Value) -> Vec<&str> {
    let runs = answer["runs"].as_array().unwrap();
    runs.iter()
        .map(|run| run["state"].as_str().unwrap())
        .collect()
}

#[test]
fn an_event_that_comes_again_after_a_restart_runs_nothing() {
    let receiver = Receiver::answering(|got| if got.path == "/dies" { 404 } else { 200 });
    let rules = ["works", "dies"].map(|name| telling(name, "made", receiver.port, ""));
    let place = Place::new(&rules.join("---\n"));
    let first = Daemon::start(&place);
    let taken = first.takes(&event("a", 1, "made"));
    first.rests();
    first.stops();
    let came = receiver.count();
    for end in [Daemon::stops, Daemon::kill] {
        let daemon = Daemon::start(&place);
        let again = daemon.takes(&event("a", 1, "made"));
        assert_eq!(again["redelivered"], true, "{again}");
        let mut ends = states(&again);
        ends.sort_unstable();
        assert_eq!(ends, ["dead", "done"]);
        let ids = |answer: &Value| [0, 1].map(|run| answer["runs"][run]["id"].clone());
        assert_eq!(ids(&again), ids(&taken));
        daemon.rests();
        end(daemon);
    }
    assert_eq!(receiver.count(), came);
}

#[test]
fn an_event_that_is_under_way_comes_again_after_a_kill() {
    let receiver = Receiver::fine();
    receiver.holds();
    let place = Place::new(&telling("tell", "made", receiver.port, ""));
    let first = Daemon::start(&place);
    for (id, ticket) in [("a", 1), ("b", 1), ("c", 2)] {
        first.takes(&event(id, ticket, "made"));
    }
    receiver.gets(2);
    first.kill();
    let second = Daemon::start(&place);
    for id in ["a", "b", "c"] {
        let again = second.takes(&event(id, 1, "made"));
        assert_eq!(again["redelivered"], true, "{again}");
    }
    receiver.release();
    second.rests();
    assert_eq!(second.count("done"), 3);
    second.stops();
    let behind = receiver.got().iter().filter(|got| got.id() == "b").count();
    assert_eq!(behind, 1);
}

#[test]
fn gates_hold_over_a_restart_and_a_kill() {
    let receiver = Receiver::fine();
    let gated = |name: &str, gate: &str| {
        let rule = telling(name, "made", receiver.port, "");
        rule.replace("flow:", &format!("{gate}\nflow:"))
    };
    let place = Place::new(
        &[
            gated("once", "dedupe: { per: ticket, for: 24h }"),
            gated("twice", "throttle: { per: ticket, limit: 2, in: 24h }"),
        ]
        .join("---\n"),
    );
    let mut ends: Vec<Value> = Vec::new();
    for (id, end) in [
        ("a", Daemon::stops as fn(Daemon)),
        ("b", Daemon::kill),
        ("c", Daemon::stops),
    ] {
        let daemon = Daemon::start(&place);
        let taken = daemon.takes(&event(id, 1, "made"));
        ends.push(json!(states(&taken)));
        daemon.rests();
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
    let came = receiver.got();
    let of = |path: &str| came.iter().filter(|got| got.path == path).count();
    assert_eq!((of("/once"), of("/twice")), (1, 2));
}

#[test]
fn a_run_that_died_gives_its_dedupe_back_over_a_restart() {
    let receiver = Receiver::answering(|got| if got.id() == "a" { 404 } else { 200 });
    let rule = telling("once", "made", receiver.port, "");
    let gate = "dedupe: { per: ticket, for: 24h }\nflow:";
    let place = Place::new(&rule.replace("flow:", gate));
    let first = Daemon::start(&place);
    first.takes(&event("a", 1, "made"));
    until("it died", || first.count("dead") == 1);
    first.kill();
    let second = Daemon::start(&place);
    assert_eq!(states(&second.takes(&event("b", 1, "made"))), ["queued"]);
    assert_eq!(
        states(&second.takes(&event("c", 1, "made"))),
        ["suppressed"]
    );
    second.rests();
    second.stops();
    assert_eq!(receiver.count(), 2);
}
