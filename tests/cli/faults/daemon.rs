//! A daemon with mistaken senders, mistaken authors and impatient administrators.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::has_ended;
use flowtrigger_testing::receiver::Receiver;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::setup::{NOTE, rule, sandbox, sandbox_with_flow, subject, urgent};

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
fn responses_to_events_follow_the_contract() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let one = daemon.post("/events/support", &urgent(1).to_string());
    assert_eq!(
        (one.status(), one.header("content-type")),
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
        assert_eq!(daemon.get(path).status(), 200);
    }
}

#[test]
fn what_is_not_an_event_is_rejected_with_reason_and_position() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let deep = "[".repeat(1_000);
    let deeper = format!("{}1{}", "{\"a\":".repeat(30_000), "}".repeat(30_000));
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
        ("[]", &["an empty array has no event"]),
        ("7", &["this JSON is a number", "help"]),
        ("{\"input\":null}", &["`input` is null", "help"]),
        (&no_id, &["\"path\":\"input.ticket_event.ticket.id\""]),
        (
            &array,
            &["\"index\":1", "\"path\":\"input.ticket_event.ticket.id\""],
        ),
    ] {
        daemon
            .post("/events/support", body)
            .expect_rejected(400, parts);
    }
    let other = daemon.post("/events/upmind", &urgent(1).to_string());
    other.expect_rejected(
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
fn wrong_requests_are_rejected_by_status() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let event = urgent(1).to_string();
    let json = "content-type: application/json\r\n";
    daemon
        .post("/events/nope", &event)
        .expect_rejected(404, &["unknown source", "the log"]);
    daemon
        .post("/events", &event)
        .expect_rejected(404, &["unknown source"]);
    daemon
        .post("/else", &event)
        .expect_rejected(404, &["send events to"]);
    let get = daemon.get("/events/support");
    get.expect_rejected(405, &["POST"]);
    assert_eq!(get.header("allow"), Some("POST"));
    daemon.post("/healthz", "").expect_rejected(405, &["GET"]);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let refused = daemon.request("POST", "/events/support", form, event.as_bytes());
    refused.expect_rejected(415, &["Content-Type", "application/json"]);
    let packed = format!("{json}content-encoding: gzip\r\n");
    let refused = daemon.request("POST", "/events/support", &packed, event.as_bytes());
    refused.expect_rejected(415, &["Content-Encoding"]);
    let large = vec![b'x'; 10_000_000];
    let refused = daemon.request("POST", "/events/support", json, &large);
    refused.expect_rejected(413, &["larger than 1048576 bytes", "send fewer events"]);
    assert_eq!(daemon.post("/events/support", &event).status(), 200);
}

#[test]
fn a_reload_replaces_all_rules_or_none() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
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
    sandbox.write("rules/rules.yaml", text);
    daemon.signal(Signal::HUP);
    let line = daemon.expect_log(|line| line["at"] == format!("rules/rules.yaml:{number}:1"));
    assert_eq!(line["level"], "ERROR");
    assert!(
        line["message"].as_str().unwrap().contains("`wenn`"),
        "{line}"
    );
    assert!(line["help"].as_str().unwrap().contains("`when`"), "{line}");
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("not reloaded")
    });
    assert_eq!(matched(2), "on-urgent");
    assert_eq!(daemon.get("/readyz").status(), 200);
    let status = daemon.admin("GET", "/status").json();
    let mistake = &status["failed_reload"]["diagnostics"][0];
    assert_eq!(
        (&mistake["file"], &mistake["line"]),
        (&json!("rules/rules.yaml"), &json!(number))
    );
    let overview = daemon.admin("GET", "/overview.json").json();
    assert_eq!(overview["status"]["failed_reload"], status["failed_reload"]);
    sandbox.write("rules/rules.yaml", rule("new", NOTE));
    daemon.signal(Signal::HUP);
    daemon.expect_log(|line| line["message"] == "reloaded" && line["rules"] == 1);
    assert_eq!(matched(3), "new");
    let renewed = daemon.admin("GET", "/status").json();
    assert_eq!(renewed.get("failed_reload"), None, "{renewed}");
    assert_ne!(renewed["revision"], status["revision"]);
}

#[test]
fn a_reload_with_a_missing_secret_keeps_the_rules_and_names_it() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let flow = "- http: { url: 'http://127.0.0.1:9/', headers: { X-Key: '{{ secret.PAGER }}' } }";
    sandbox.write("rules/rules.yaml", rule("needing", flow));
    daemon.signal(Signal::HUP);
    let named = |line: &Value| line["message"].as_str().unwrap_or("").contains("`PAGER`");
    assert_eq!(daemon.expect_log(named)["level"], "ERROR");
    let answer = daemon
        .post("/events/support", &urgent(1).to_string())
        .json();
    assert_eq!(answer["runs"][0]["rule"], "on-urgent");
}

/// A command that creates a file when it starts, and ends when the test creates another.
const HELD: &str = "- name: held\n  shell: |\n    echo $$ > pid\n    touch began\n    while [ ! -e let_go ]; do sleep 0.02; done\n    touch ended\n  timeout: 50s\n";

#[test]
fn shutdown_completes_active_runs_and_rejects_events() {
    let sandbox = sandbox_with_flow(HELD);
    let mut daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &urgent(1).to_string());
    sandbox.wait_for_file("rules/began");
    daemon.signal(Signal::TERM);
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("stopping")
    });
    let refused = loop {
        let answer = daemon.post("/events/support", &urgent(2).to_string());
        if answer.status() != 200 {
            break answer;
        }
    };
    refused.expect_rejected(503, &["stopping"]);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((5..=30).contains(&seconds), "{seconds}");
    assert_eq!(daemon.get("/readyz").status(), 503);
    assert_eq!(daemon.get("/healthz").status(), 200);
    sandbox.write("rules/let_go", "");
    assert_eq!(daemon.wait_for_exit(), Some(0));
    assert!(sandbox.path("rules/ended").exists());
    assert!(
        daemon.log().contains("all runs have finished"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_second_signal_ends_immediately_and_names_active_runs() {
    let sandbox = sandbox_with_flow(HELD);
    let mut daemon = DaemonProcess::start(&sandbox);
    daemon.post("/events/support", &urgent(1).to_string());
    sandbox.wait_for_file("rules/began");
    daemon.signal(Signal::TERM);
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("stopping")
    });
    // Signals that arrive together with the first count as one.
    daemon.signal(Signal::TERM);
    std::thread::sleep(std::time::Duration::from_millis(400));
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait_for_exit(), Some(5));
    let log = daemon.log();
    assert!(
        log.contains("on-urgent") && log.contains("running"),
        "{log}"
    );
    let command = sandbox.read("rules/pid").trim().parse().unwrap();
    assert!(has_ended(command), "the command goes on");
    assert!(!sandbox.path("rules/ended").exists());
}

#[test]
fn the_log_holds_nothing_of_what_was_sent() {
    let receiver = Receiver::in_turn(&["500 Oops"]);
    let flow = format!(
        "- name: tell\n  http: {{ url: 'http://127.0.0.1:{}/x', json: {{ t: '{{{{ current }}}}' }} }}\n  retry: {{ attempts: 2, backoff: 10ms }}\n",
        receiver.port
    );
    let sandbox = sandbox();
    let text = rule("told", &flow).replace("PriorityChanged", "SubjectChanged");
    sandbox.write(
        "rules/rules.yaml",
        text.replace("current: urgent", "current: { present: true }"),
    );
    let mut daemon = DaemonProcess::start(&sandbox);
    assert_eq!(
        daemon
            .post("/events/support", &subject(1, "c4nary-subject").to_string())
            .status(),
        200
    );
    daemon.post("/events/support", "{\"c4nary-key\": \"c4nary-value\"");
    daemon.post("/events/support", "{\"c4nary-key\": \"c4nary-value\"}");
    let dead = daemon.expect_log(|line| line["state"] == "dead");
    assert_eq!(
        (&dead["rule"], &dead["level"]),
        (&json!("told"), &json!("ERROR"))
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    assert!(receiver.received()[0].body.contains("c4nary-subject"));
    assert!(!daemon.log().contains("c4nary"), "{}", daemon.log());
}
