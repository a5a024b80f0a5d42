//! The daemon under senders who make mistakes, authors who make mistakes and administrators in a hurry.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::serving::Daemon;
use crate::support::{NOTE, Place, is_gone, rule, subject, urgent};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn events_are_answered_as_the_contract_has_it() {
    let place = Place::with_flow(NOTE);
    let daemon = Daemon::start(&place);
    let one = daemon.post("/events/support", &urgent(1).to_string());
    assert_eq!(
        (one.status, one.header("content-type")),
        (200, Some("application/json"))
    );
    let one = one.json();
    assert_eq!(keys(&one), ["accepted", "event", "runs"]);
    assert_eq!(one["accepted"], true);
    assert!(!one["event"].as_str().unwrap().is_empty());
    let run = &one["runs"][0];
    assert_eq!(keys(run), ["id", "rule", "state"]);
    assert_eq!(
        (&run["rule"], &run["state"]),
        (&json!("on-urgent"), &json!("queued"))
    );
    let many = json!([urgent(2), subject(3, "nobody listens")]).to_string();
    let many = daemon.post("/events/support", &many).json();
    assert_eq!(many.as_array().unwrap().len(), 2);
    assert_eq!(
        (&many[0]["runs"][0]["rule"], &many[1]["runs"]),
        (&json!("on-urgent"), &json!([]))
    );
    let damaged = urgent(4).to_string().replace("refund", r"re\ud83dfund");
    let damaged = daemon.post("/events/support", &damaged).json();
    assert!(
        damaged["warnings"][0]
            .as_str()
            .unwrap()
            .contains("surrogate"),
        "{damaged}"
    );
    let again = daemon
        .post("/events/support", &urgent(1).to_string())
        .json();
    assert_eq!(
        (&again["event"], &again["redelivered"]),
        (&one["event"], &json!(true))
    );
    for path in ["/healthz", "/readyz"] {
        assert_eq!(daemon.get(path).status, 200);
    }
}

#[test]
fn what_is_no_event_is_refused_with_its_reason_and_place() {
    let place = Place::with_flow(NOTE);
    let daemon = Daemon::start(&place);
    let deep = "[".repeat(1_000);
    let deeper = format!("{}1{}", "{\"a\":".repeat(150_000), "}".repeat(150_000));
    let no_id = urgent(1).to_string().replace("\"id\":1,", "\"id\":{},");
    let array = format!("[{},{}]", urgent(1), no_id);
    for (body, parts) in [
        ("", &["empty input", "\"line\":1", "\"column\":1"][..]),
        ("hello", &["invalid JSON", "\"line\":1", "\"column\":1"]),
        ("{\n \"a\": }", &["\"line\":2", "\"column\":7"]),
        (
            &deep,
            &["nested more than 127 levels deep", "\"column\":128"],
        ),
        (&deeper, &["nested more than 127 levels deep"]),
        ("{\"a\":1,\"a\":2}", &["duplicate key `a`", "\"line\":1"]),
        ("[]", &["an empty array holds no event"]),
        ("7", &["this JSON is a number", "help"]),
        ("{\"input\":null}", &["`input` is null", "help"]),
        (&no_id, &["\"path\":\"input.ticket_event.ticket.id\""]),
        (
            &array,
            &["\"index\":1", "\"path\":\"input.ticket_event.ticket.id\""],
        ),
    ] {
        daemon.post("/events/support", body).refuses(400, parts);
    }
    let other = daemon.post("/events/upmind", &urgent(1).to_string());
    other.refuses(
        400,
        &["an event of `support`, not of `upmind`", "/events/support"],
    );
    let good = daemon
        .post("/events/support", &urgent(9).to_string())
        .json();
    assert_eq!(
        good["runs"].as_array().unwrap().len(),
        1,
        "none of the array was taken"
    );
    assert_eq!(
        good["runs"][0]["id"], 1,
        "nothing refused left a run behind: {good}"
    );
}

#[test]
fn what_is_no_request_for_here_is_refused_by_its_status() {
    let place = Place::with_flow(NOTE);
    let daemon = Daemon::start(&place);
    let event = urgent(1).to_string();
    let json = "content-type: application/json\r\n";
    daemon
        .post("/events/nope", &event)
        .refuses(404, &["unknown source", "/events/support"]);
    daemon
        .post("/events", &event)
        .refuses(404, &["/events/support"]);
    daemon
        .post("/else", &event)
        .refuses(404, &["send events to"]);
    let get = daemon.get("/events/support");
    get.refuses(405, &["POST"]);
    assert_eq!(get.header("allow"), Some("POST"));
    daemon.post("/healthz", "").refuses(405, &["GET"]);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let refused = daemon.ask("POST", "/events/support", form, event.as_bytes());
    refused.refuses(415, &["Content-Type", "application/json"]);
    let packed = format!("{json}content-encoding: gzip\r\n");
    let refused = daemon.ask("POST", "/events/support", &packed, event.as_bytes());
    refused.refuses(415, &["Content-Encoding"]);
    let large = vec![b'x'; 10_000_000];
    let refused = daemon.ask("POST", "/events/support", json, &large);
    refused.refuses(413, &["larger than 1048576 bytes", "send fewer events"]);
    assert_eq!(daemon.post("/events/support", &event).status, 200);
}

#[test]
fn a_reload_takes_new_rules_whole_or_keeps_the_old() {
    let place = Place::with_flow(NOTE);
    let daemon = Daemon::start(&place);
    let matched = |ticket: u64| {
        let answer = daemon
            .post("/events/support", &urgent(ticket).to_string())
            .json();
        answer["runs"][0]["rule"].as_str().unwrap().to_owned()
    };
    assert_eq!(matched(1), "on-urgent");
    let broken = rule("broken", NOTE).replace("when:", "wenn:");
    let text = format!("{}---\n{broken}", rule("new", NOTE));
    let number = 1 + text
        .lines()
        .position(|line| line.starts_with("wenn:"))
        .unwrap();
    place.write("rules/rules.yaml", text);
    daemon.signal(Signal::HUP);
    let line = daemon.logs(|line| line["at"] == format!("rules/rules.yaml:{number}:1"));
    assert_eq!(line["level"], "ERROR");
    assert!(
        line["message"].as_str().unwrap().contains("`wenn`"),
        "{line}"
    );
    assert!(line["help"].as_str().unwrap().contains("`when`"), "{line}");
    daemon.logs(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("not reloaded")
    });
    assert_eq!(matched(2), "on-urgent");
    assert_eq!(daemon.get("/readyz").status, 200);
    place.write("rules/rules.yaml", rule("new", NOTE));
    daemon.signal(Signal::HUP);
    daemon.logs(|line| line["message"] == "reloaded" && line["rules"] == 1);
    assert_eq!(matched(3), "new");
}

#[test]
fn a_reload_whose_secret_is_not_set_keeps_the_old_and_names_it() {
    let place = Place::with_flow(NOTE);
    let daemon = Daemon::start(&place);
    let flow = "- http: { url: 'http://127.0.0.1:9/', headers: { X-Key: '{{ secret.PAGER }}' } }";
    place.write("rules/rules.yaml", rule("needing", flow));
    daemon.signal(Signal::HUP);
    let named = |line: &Value| line["message"].as_str().unwrap_or("").contains("`PAGER`");
    assert_eq!(daemon.logs(named)["level"], "ERROR");
    let answer = daemon
        .post("/events/support", &urgent(1).to_string())
        .json();
    assert_eq!(answer["runs"][0]["rule"], "on-urgent");
}

/// A command that tells when it began, and ends once the test lets it.
const HELD: &str = "- name: held\n  shell: |\n    echo $$ > pid\n    touch began\n    while [ ! -e let_go ]; do sleep 0.02; done\n    touch ended\n  timeout: 50s\n";

#[test]
fn work_in_flight_ends_while_new_events_are_refused() {
    let place = Place::with_flow(HELD);
    let mut daemon = Daemon::start(&place);
    daemon.post("/events/support", &urgent(1).to_string());
    place.waits_for("rules/began");
    daemon.signal(Signal::TERM);
    daemon.logs(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("stopping")
    });
    let refused = loop {
        let answer = daemon.post("/events/support", &urgent(2).to_string());
        if answer.status != 200 {
            break answer;
        }
    };
    refused.refuses(503, &["stopping"]);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((5..=30).contains(&seconds), "{seconds}");
    assert_eq!(daemon.get("/readyz").status, 503);
    assert_eq!(daemon.get("/healthz").status, 200);
    place.write("rules/let_go", "");
    assert_eq!(daemon.ends(), 0);
    assert!(place.path("rules/ended").exists());
    assert!(
        daemon.log().contains("every run came to its end"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_second_signal_ends_at_once_and_names_what_is_lost() {
    let place = Place::with_flow(HELD);
    let mut daemon = Daemon::start(&place);
    daemon.post("/events/support", &urgent(1).to_string());
    place.waits_for("rules/began");
    daemon.signal(Signal::TERM);
    daemon.logs(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("stopping")
    });
    // What comes together with the first is the same order.
    daemon.signal(Signal::TERM);
    std::thread::sleep(std::time::Duration::from_millis(400));
    daemon.signal(Signal::INT);
    assert_eq!(daemon.ends(), 5);
    let log = daemon.log();
    assert!(
        log.contains("on-urgent") && log.contains("running"),
        "{log}"
    );
    let command = place.read("rules/pid").trim().parse().unwrap();
    assert!(is_gone(command), "the command goes on");
    assert!(!place.path("rules/ended").exists());
}

#[test]
fn the_log_holds_nothing_of_what_was_sent() {
    let receiver = Receiver::answering(&["500 Oops"]);
    let flow = format!(
        "- name: tell\n  http: {{ url: 'http://127.0.0.1:{}/x', json: {{ t: '{{{{ current }}}}' }} }}\n  retry: {{ attempts: 2, backoff: 10ms }}\n",
        receiver.port
    );
    let place = Place::new();
    let text = rule("told", &flow).replace("PriorityChanged", "SubjectChanged");
    place.write(
        "rules/rules.yaml",
        text.replace("current: urgent", "current: { present: true }"),
    );
    let mut daemon = Daemon::start(&place);
    assert_eq!(
        daemon
            .post("/events/support", &subject(1, "c4nary-subject").to_string())
            .status,
        200
    );
    daemon.post("/events/support", "{\"c4nary-key\": \"c4nary-value\"");
    daemon.post("/events/support", "{\"c4nary-key\": \"c4nary-value\"}");
    let dead = daemon.logs(|line| line["state"] == "dead");
    assert_eq!(
        (&dead["rule"], &dead["level"]),
        (&json!("told"), &json!("ERROR"))
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ends(), 0);
    assert!(receiver.got()[0].body.contains("c4nary-subject"));
    assert!(!daemon.log().contains("c4nary"), "{}", daemon.log());
}
