//! Loops against a real daemon: a help desk that answers each change of ours with a new event. They end
//! at the stated number, `why` tells the chain, and what has no part in them goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::place::Place;
use crate::receiver::{Got, Receiver};
use crate::wire::{Message, Wire};

/// Who our connection is at the desk, and a person there.
const US: u64 = 900;
const PERSON: u64 = 12;

/// What the desk tells of its changes.
#[derive(Clone, Copy)]
enum Shape {
    /// The event webhook: it tells who acted.
    Webhook,
    /// The ZIS envelope: it does not.
    Zis,
}

/// A help desk on this machine.
struct Desk {
    receiver: Receiver,
    /// Where its events go.
    daemon: Arc<Mutex<String>>,
}

impl Desk {
    /// One that tells of each change that is made through its API.
    fn telling(shape: Shape) -> Self {
        Self::that(move |got, daemon| {
            let (ticket, field) = change(got);
            let event = event(shape, field, ticket, US);
            assert_eq!(post(daemon, &event).status(), 200);
        })
    }

    fn that(act: impl Fn(&Got, &str) + Send + Sync + 'static) -> Self {
        let daemon = Arc::new(Mutex::new(String::new()));
        let address = Arc::clone(&daemon);
        let receiver = Receiver::answering(move |got| {
            let address = address.lock().unwrap().clone();
            act(got, &address);
            200
        });
        Self { receiver, daemon }
    }

    fn sends_to(&self, daemon: &Daemon) {
        *self.daemon.lock().unwrap() = daemon.address.clone();
    }

    /// A folder whose connection `desk` leads here.
    fn place(&self, rules: &str, more: &str) -> Place {
        let place = Place::new(rules);
        let port = self.receiver.port;
        place.configure(&format!(
            "connections:\n  desk: {{ base_url: \"http://127.0.0.1:{port}\", actor_id: {US} }}\n{more}"
        ));
        place
    }
}

/// The ticket and the field that a request changes.
fn change(got: &Got) -> (u64, &'static str) {
    let number = got.path.trim_start_matches("/api/v2/tickets/");
    let field = match got.body["ticket"].get("priority") {
        Some(_) => "priority",
        None => "status",
    };
    (number.parse().unwrap(), field)
}

/// A rule that writes a field of the ticket whenever another changes.
fn writing(name: &str, on: &str, field: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.{on}\nflow:\n- name: write\n  http:\n    connection: desk\n    method: PUT\n    path: \"/api/v2/tickets/{{{{ ticket.id }}}}\"\n    json: {{ ticket: {{ {field}: \"{{{{ current }}}}\" }} }}\n"
    )
}

/// A change that somebody made; no two are alike.
fn event(shape: Shape, field: &str, ticket: u64, actor: u64) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = format!("E{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let (previous, current) = match field {
        "priority" => ("low", "high"),
        _ => ("new", "open"),
    };
    match shape {
        Shape::Webhook => json!({
            "type": format!("zen:event-type:ticket.{field}_changed"),
            "id": id, "time": "2026-01-05T09:00:00Z", "account_id": 1,
            "event": {"previous": previous.to_uppercase(), "current": current.to_uppercase()},
            "detail": {"id": ticket.to_string(), "actor_id": actor.to_string()},
        }),
        Shape::Zis => json!({"account_id": 1, "input": {"ticket_event": {
            "type": if field == "priority" { "Priority Changed" } else { "Status Changed" },
            "previous": previous, "current": current, "ticket": {"id": ticket},
            "meta": {"sequence": {"id": id, "position": 1, "total": 1}},
        }}}),
    }
}

fn post(address: &str, event: &Value) -> Message {
    let mut wire = Wire::connect(address).unwrap();
    let event = event.to_string();
    wire.ask("POST", "/events/support", &event).unwrap()
}

/// Takes an event in and waits until nothing goes on any more.
#[track_caller]
fn happens(daemon: &Daemon, event: &Value) {
    assert_eq!(post(&daemon.address, event).status(), 200);
    daemon.rests();
}

fn said(place: &Place, arguments: &[&str]) -> String {
    let mut command = place.command(arguments);
    let output = command.stdout(std::process::Stdio::piped()).output();
    let output = output.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The runs of a ticket, the newest first.
fn runs(place: &Place, ticket: &str) -> Vec<Value> {
    let arguments = [
        "runs", "list", "--ticket", ticket, "--format", "json", "--limit", "100",
    ];
    let lines = said(place, &arguments);
    let runs = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    runs.collect()
}

#[test]
fn a_loop_with_its_actor_told_ends_at_its_depth_and_other_tickets_and_rules_go_on() {
    let desk = Desk::telling(Shape::Webhook);
    let rules = writing("close-again", "StatusChanged", "status");
    let other = "---\nname: note\nevent_source: support\nevent_type: ticket.StatusChanged\nflow: [{ succeed: noted }]\n";
    let place = desk.place(&(rules + other), "");
    let daemon = Daemon::start(&place);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Shape::Webhook, "status", 7, PERSON));
    // The run for the person's event, and 5 for the events that followed.
    assert_eq!(desk.receiver.count(), 6);
    let line = daemon.says("run suppressed");
    assert_eq!(
        (&line["level"], &line["rule"]),
        (&json!("WARN"), &json!("close-again"))
    );
    let runs = runs(&place, "7");
    let of = |rule: &str, state: &str| {
        let all = runs.iter();
        all.filter(|run| run["rule"] == rule && run["state"] == state)
            .count()
    };
    assert_eq!(
        (of("close-again", "done"), of("close-again", "suppressed")),
        (6, 1)
    );
    assert_eq!(of("note", "done"), 7);
    let why = said(&place, &["why", "7", "--rule", "close-again"]);
    assert!(why.contains("loop_guard  closed: event 6 in a row caused by our own actions, `depth` allows 5; caused by run"), "{why}");
    assert_eq!(why.matches("\n      ← run").count(), 6, "{why}");
    assert_eq!(
        why.matches("← event ticket.StatusChanged E").count(),
        7,
        "{why}"
    );
    let metrics = daemon.order("GET", "/metrics").body;
    assert!(
        metrics.contains("flowtrigger_suppressed_total{gate=\"loop_guard\"} 1\n"),
        "{metrics}"
    );
    // A person's next change begins anew, and another ticket never knew.
    happens(&daemon, &event(Shape::Webhook, "status", 7, PERSON));
    assert_eq!(desk.receiver.count(), 12);
    happens(&daemon, &event(Shape::Webhook, "status", 8, PERSON));
    assert_eq!(desk.receiver.count(), 18);
    daemon.stops();
}

#[test]
fn a_loop_with_no_actor_told_ends_at_its_rate() {
    let desk = Desk::telling(Shape::Zis);
    let rules = writing("close-again", "StatusChanged", "status");
    let place = desk.place(&rules, "loop_guard: { runs: 8, in: 1h }\n");
    let daemon = Daemon::start(&place);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Shape::Zis, "status", 7, PERSON));
    assert_eq!(desk.receiver.count(), 8);
    let why = said(&place, &["why", "7"]);
    assert!(why.contains("loop_guard  closed: limit of 8 runs for support 7 within 1h reached; possibly caused by run 8 (close-again) ← run 7"), "{why}");
    assert_eq!(
        why.matches("← event ticket.StatusChanged").count(),
        9,
        "{why}"
    );
    happens(&daemon, &event(Shape::Zis, "status", 8, PERSON));
    assert_eq!(desk.receiver.count(), 16);
    daemon.stops();
}

#[test]
fn two_rules_that_answer_each_other_share_one_chain() {
    let desk = Desk::telling(Shape::Webhook);
    let ping = writing("ping", "StatusChanged", "priority");
    let pong = writing("pong", "PriorityChanged", "status");
    let place = desk.place(&format!("{ping}---\n{pong}"), "");
    let daemon = Daemon::start(&place);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Shape::Webhook, "status", 7, PERSON));
    assert_eq!(desk.receiver.count(), 6);
    let why = said(&place, &["why", "7"]);
    assert!(why.contains("(pong) ← run"), "{why}");
    assert!(why.contains("(ping) ← run"), "{why}");
    daemon.stops();
}

#[test]
fn a_chain_outlives_the_daemon_and_a_person_in_between_begins_anew() {
    let desk = Desk::that(|_, _| ());
    let place = desk.place(&writing("close-again", "StatusChanged", "status"), "");
    let newest = || runs(&place, "7")[0].clone();
    let daemon = Daemon::start(&place);
    let by = |actor| event(Shape::Webhook, "status", 7, actor);
    happens(&daemon, &by(PERSON));
    for _ in 0..3 {
        happens(&daemon, &by(US));
    }
    let before = newest();
    assert_eq!(before["depth"], 3);
    daemon.kill();
    let daemon = Daemon::start(&place);
    happens(&daemon, &by(US));
    let after = newest();
    assert_eq!(
        (&after["depth"], &after["caused_by"]),
        (&json!(4), &before["id"])
    );
    let shown = said(&place, &["runs", "show", &after["id"].to_string()]);
    assert!(
        shown.contains(&format!(
            "loop_guard  open; caused by run {}, depth 4",
            before["id"]
        )),
        "{shown}"
    );
    happens(&daemon, &by(PERSON));
    assert_eq!(
        (newest()["depth"].clone(), newest()["caused_by"].clone()),
        (json!(0), Value::Null)
    );
    happens(&daemon, &by(US));
    assert_eq!(newest()["depth"], 1);
    daemon.stops();
}

#[test]
fn a_hook_that_calls_the_daemon_itself_is_answered_while_its_run_has_the_one_place() {
    // The receiver answers only when the daemon has taken what it sends on.
    let desk = Desk::that(|got, daemon| {
        let (ticket, _) = change(got);
        let sent_on = event(Shape::Webhook, "priority", ticket, PERSON);
        assert_eq!(post(daemon, &sent_on).status(), 200);
    });
    let told = "---\nname: note\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow: [{ succeed: noted }]\n";
    let rules = writing("hook", "StatusChanged", "status") + told;
    let place = desk.place(&rules, "limits: { runs: 1, per_rule: 1, per_host: 1 }\n");
    let daemon = Daemon::start(&place);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Shape::Webhook, "status", 7, PERSON));
    let states: Vec<Value> = runs(&place, "7")
        .iter()
        .map(|run| run["state"].clone())
        .collect();
    assert_eq!(
        (desk.receiver.count(), states),
        (1, vec![json!("done"), json!("done")])
    );
    daemon.stops();
}
