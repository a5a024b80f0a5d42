//! Loops with a real daemon: a help desk sends an event for each change that a rule makes. The loop guard ends
//! them at its limit, `why` shows the chain, and everything else continues.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::{Connection, Message};
use flowtrigger_testing::receiver::{Received, Receiver};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::desk;

/// The user of our connection at the help desk, and a person.
const US: u64 = 900;
const PERSON: u64 = 12;

/// The format of the help desk's events.
#[derive(Clone, Copy)]
enum Format {
    /// The event webhook: it names the actor.
    Webhook,
    /// The ZIS envelope: it does not name the actor.
    Zis,
}

/// A help desk on this machine.
struct Desk {
    receiver: Receiver,
    /// The address for its events.
    daemon: Arc<Mutex<String>>,
}

impl Desk {
    /// Sends an event for each change through its API.
    fn request_rule(format: Format) -> Self {
        Self::that(move |got, daemon| {
            let (ticket, field) = change(got);
            let event = event(format, field, ticket, US);
            assert_eq!(post(daemon, &event).status(), 200);
        })
    }

    fn that(act: impl Fn(&Received, &str) + Send + Sync + 'static) -> Self {
        let daemon = Arc::new(Mutex::new(String::new()));
        let address = Arc::clone(&daemon);
        let receiver = Receiver::with_status(move |got| {
            let address = address.lock().unwrap().clone();
            act(got, &address);
            200
        });
        Self { receiver, daemon }
    }

    fn sends_to(&self, daemon: &DaemonProcess) {
        *self.daemon.lock().unwrap() = daemon.address.clone();
    }

    /// A sandbox whose connection `desk` is this receiver.
    fn sandbox(&self, rules: &str, more: &str) -> Sandbox {
        let sandbox = desk::sandbox(rules);
        let port = self.receiver.port;
        desk::configure(
            &sandbox,
            &format!(
                "connections:\n  desk: {{ base_url: \"http://127.0.0.1:{port}\", actor_id: {US} }}\n{more}"
            ),
        );
        sandbox
    }
}

/// The ticket and the field that a request changes.
fn change(got: &Received) -> (u64, &'static str) {
    let number = got.path.trim_start_matches("/api/v2/tickets/");
    let field = match got.json()["ticket"].get("priority") {
        Some(_) => "priority",
        None => "status",
    };
    (number.parse().unwrap(), field)
}

/// A rule that writes a field of the ticket after a change of another.
fn writing(name: &str, on: &str, field: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.{on}\nflow:\n- name: write\n  http:\n    connection: desk\n    method: PUT\n    path: \"/api/v2/tickets/{{{{ ticket.id }}}}\"\n    json: {{ ticket: {{ {field}: \"{{{{ current }}}}\" }} }}\n"
    )
}

/// A change by this actor, with a new id.
fn event(format: Format, field: &str, ticket: u64, actor: u64) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = format!("E{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let (previous, current) = match field {
        "priority" => ("low", "high"),
        _ => ("new", "open"),
    };
    match format {
        Format::Webhook => json!({
            "type": format!("zen:event-type:ticket.{field}_changed"),
            "id": id, "time": "2026-01-05T09:00:00Z", "account_id": 1,
            "event": {"previous": previous.to_uppercase(), "current": current.to_uppercase()},
            "detail": {"id": ticket.to_string(), "actor_id": actor.to_string()},
        }),
        Format::Zis => json!({"account_id": 1, "input": {"ticket_event": {
            "type": if field == "priority" { "Priority Changed" } else { "Status Changed" },
            "previous": previous, "current": current, "ticket": {"id": ticket},
            "meta": {"sequence": {"id": id, "position": 1, "total": 1}},
        }}}),
    }
}

fn post(address: &str, event: &Value) -> Message {
    let mut connection = Connection::open(address).unwrap();
    let event = event.to_string();
    connection.send("POST", "/events/support", &event).unwrap()
}

/// Sends an event and waits until all runs ended.
#[track_caller]
fn happens(daemon: &DaemonProcess, event: &Value) {
    assert_eq!(post(&daemon.address, event).status(), 200);
    daemon.wait_until_idle();
}

fn said(sandbox: &Sandbox, arguments: &[&str]) -> String {
    sandbox.run(arguments).stdout
}

/// The runs of a ticket, the newest first.
fn runs(sandbox: &Sandbox, ticket: &str) -> Vec<Value> {
    let arguments = [
        "runs", "list", "--ticket", ticket, "--format", "json", "--limit", "100",
    ];
    let lines = said(sandbox, &arguments);
    let runs = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    runs.collect()
}

#[test]
fn a_loop_with_a_known_actor_ends_at_the_depth_and_others_continue() {
    let desk = Desk::request_rule(Format::Webhook);
    let rules = writing("close-again", "StatusChanged", "status");
    let other = "---\nname: note\nevent_source: support\nevent_type: ticket.StatusChanged\nflow: [{ succeed: noted }]\n";
    let sandbox = desk.sandbox(&(rules + other), "");
    let daemon = DaemonProcess::start(&sandbox);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Format::Webhook, "status", 7, PERSON));
    // The run for the person's event, and 5 for the events that followed.
    assert_eq!(desk.receiver.count(), 6);
    let line = daemon.expect_message("run suppressed");
    assert_eq!(
        (&line["level"], &line["rule"]),
        (&json!("WARN"), &json!("close-again"))
    );
    let runs = runs(&sandbox, "7");
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
    let why = said(&sandbox, &["why", "7", "--rule", "close-again"]);
    assert!(why.contains("loop_guard  closed: event 6 in a row caused by our own actions, `depth` allows 5; caused by run"), "{why}");
    assert_eq!(why.matches("\n      ← run").count(), 6, "{why}");
    assert_eq!(
        why.matches("← event ticket.StatusChanged E").count(),
        7,
        "{why}"
    );
    let metrics = daemon.admin("GET", "/metrics").body;
    assert!(
        metrics.contains("flowtrigger_suppressed_total{gate=\"loop_guard\"} 1\n"),
        "{metrics}"
    );
    // A change by a person starts a new chain, and other tickets are not affected.
    happens(&daemon, &event(Format::Webhook, "status", 7, PERSON));
    assert_eq!(desk.receiver.count(), 12);
    happens(&daemon, &event(Format::Webhook, "status", 8, PERSON));
    assert_eq!(desk.receiver.count(), 18);
    daemon.stop();
}

#[test]
fn a_loop_without_an_actor_ends_at_the_rate() {
    let desk = Desk::request_rule(Format::Zis);
    let rules = writing("close-again", "StatusChanged", "status");
    let sandbox = desk.sandbox(&rules, "loop_guard: { runs: 8, in: 1h }\n");
    let daemon = DaemonProcess::start(&sandbox);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Format::Zis, "status", 7, PERSON));
    assert_eq!(desk.receiver.count(), 8);
    let why = said(&sandbox, &["why", "7"]);
    assert!(why.contains("loop_guard  closed: limit of 8 runs for support 7 within 1h reached, which may be a loop; possibly caused by run 8 (close-again) ← run 7"), "{why}");
    assert_eq!(
        why.matches("← event ticket.StatusChanged").count(),
        9,
        "{why}"
    );
    let line = daemon.expect_message("run held by loop guard");
    assert_eq!(line["rule"], "close-again");
    let metrics = daemon.admin("GET", "/metrics").body;
    assert!(
        metrics.contains("flowtrigger_loop_guard_high_rate_total{outcome=\"held\"} 1\n"),
        "{metrics}"
    );
    // The held run is not lost: a retry executes it.
    let held = runs(&sandbox, "7")[0].clone();
    assert_eq!(held["state"], "held");
    said(&sandbox, &["runs", "retry", &held["id"].to_string()]);
    daemon.wait_until_idle();
    assert_eq!(desk.receiver.count(), 9);
    happens(&daemon, &event(Format::Zis, "status", 8, PERSON));
    assert_eq!(desk.receiver.count(), 17);
    daemon.stop();
}

#[test]
fn a_high_rate_of_a_rule_that_posts_elsewhere_drops_and_holds_nothing() {
    let desk = Desk::that(|_, _| ());
    let port = desk.receiver.port;
    let rules = format!(
        "name: tell\nevent_source: desk\nevent_type: order\nflow:\n- http: {{ url: \"http://127.0.0.1:{port}/chat\", method: POST, json: {{ order: \"{{{{ id }}}}\" }} }}\n"
    );
    let sandbox = desk::sandbox(&rules);
    desk::configure(&sandbox, "loop_guard: { runs: 2, in: 1h }\n");
    let daemon = DaemonProcess::start(&sandbox);
    // All orders have the key of their shop.
    for order in 0..60 {
        let mut connection = Connection::open(&daemon.address).unwrap();
        let body = json!({"kind": "order", "ticket": "north", "id": order}).to_string();
        let answer = connection.send("POST", "/events/desk", &body).unwrap();
        assert_eq!(answer.status(), 200);
    }
    daemon.wait_until_idle();
    assert_eq!(desk.receiver.count(), 60);
    let metrics = daemon.admin("GET", "/metrics").body;
    assert!(
        metrics.contains("flowtrigger_loop_guard_high_rate_total{outcome=\"admitted\"} 40\n"),
        "{metrics}"
    );
    daemon.stop();
}

#[test]
fn two_rules_that_trigger_each_other_share_one_chain() {
    let desk = Desk::request_rule(Format::Webhook);
    let ping = writing("ping", "StatusChanged", "priority");
    let pong = writing("pong", "PriorityChanged", "status");
    let sandbox = desk.sandbox(&format!("{ping}---\n{pong}"), "");
    let daemon = DaemonProcess::start(&sandbox);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Format::Webhook, "status", 7, PERSON));
    assert_eq!(desk.receiver.count(), 6);
    let why = said(&sandbox, &["why", "7"]);
    assert!(why.contains("(pong) ← run"), "{why}");
    assert!(why.contains("(ping) ← run"), "{why}");
    daemon.stop();
}

#[test]
fn a_chain_survives_a_restart_and_ends_with_a_person() {
    let desk = Desk::that(|_, _| ());
    let sandbox = desk.sandbox(&writing("close-again", "StatusChanged", "status"), "");
    let newest = || runs(&sandbox, "7")[0].clone();
    let daemon = DaemonProcess::start(&sandbox);
    let by = |actor| event(Format::Webhook, "status", 7, actor);
    happens(&daemon, &by(PERSON));
    for _ in 0..3 {
        happens(&daemon, &by(US));
    }
    let before = newest();
    assert_eq!(before["depth"], 3);
    daemon.kill();
    let daemon = DaemonProcess::start(&sandbox);
    happens(&daemon, &by(US));
    let after = newest();
    assert_eq!(
        (&after["depth"], &after["caused_by"]),
        (&json!(4), &before["id"])
    );
    let shown = said(&sandbox, &["runs", "show", &after["id"].to_string()]);
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
    daemon.stop();
}

#[test]
fn a_receiver_may_post_events_while_its_request_is_open() {
    // The receiver responds only after the daemon accepted its event.
    let desk = Desk::that(|got, daemon| {
        let (ticket, _) = change(got);
        let sent_on = event(Format::Webhook, "priority", ticket, PERSON);
        assert_eq!(post(daemon, &sent_on).status(), 200);
    });
    let told = "---\nname: note\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow: [{ succeed: noted }]\n";
    let rules = writing("hook", "StatusChanged", "status") + told;
    let sandbox = desk.sandbox(&rules, "limits: { runs: 1, per_rule: 1, per_host: 1 }\n");
    let daemon = DaemonProcess::start(&sandbox);
    desk.sends_to(&daemon);
    happens(&daemon, &event(Format::Webhook, "status", 7, PERSON));
    let states: Vec<Value> = runs(&sandbox, "7")
        .iter()
        .map(|run| run["state"].clone())
        .collect();
    assert_eq!(
        (desk.receiver.count(), states),
        (1, vec![json!("done"), json!("done")])
    );
    daemon.stop();
}
