//! Questions that people answer by link, in a daemon process: the page, the answer, and what cannot be answered.

use std::io::{Read, Write};
use std::net::TcpStream;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

const CONFIG: &str = "outgoing: { allow: [127.0.0.1] }
listen: { public_url: \"https://hooks.example.com/desk/\" }
sources: { desk: { event_type: { path: kind }, id: id, key: ticket } }
";

/// A rule that sends the link, waits for the answer and sends that.
fn rules(port: u16, within: &str) -> String {
    format!(
        "name: refund
event_source: desk
event_type: made
flow:
- name: ask
  http: {{ url: \"http://127.0.0.1:{port}/ask\", json: {{ link: \"{{{{ steps.approval.url }}}}\" }} }}
- name: approval
  wait_for: {{ answer: [approve, reject], question: \"Refund <20 €>?\", within: {within} }}
- when: {{ steps.approval.expired: false }}
- name: tell
  http: {{ url: \"http://127.0.0.1:{port}/tell\", json: {{ answer: \"{{{{ steps.approval.answer }}}}\", from: \"{{{{ steps.approval.by.address | default('nowhere') }}}}\" }} }}
"
    )
}

fn sandbox(port: u16, within: &str) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("flowtrigger.yaml", CONFIG);
    sandbox.write_rules(&rules(port, within));
    sandbox
}

/// A daemon with one run that has sent its link, the path of the link, and the id of the run.
fn asked(sandbox: &Sandbox, receiver: &Receiver) -> (DaemonProcess, String, String) {
    let daemon = DaemonProcess::start(sandbox);
    let run = made(&daemon, "a");
    let sent: Value = serde_json::from_str(&receiver.wait_for(1)[0].body).expect("JSON");
    let link = sent["link"].as_str().expect("a link");
    let path = link.strip_prefix("https://hooks.example.com/desk");
    let path = path.unwrap_or_else(|| panic!("{link}")).to_owned();
    assert!(path.starts_with("/answers/fta_"), "{path}");
    (daemon, path, run)
}

/// Sends an event with this id; returns the id of its run.
fn made(daemon: &DaemonProcess, id: &str) -> String {
    let accepted = daemon.accept("desk", &json!({"kind": "made", "id": id, "ticket": id}));
    accepted["runs"][0]["id"].to_string()
}

const FORM: &str =
    "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";

fn post(daemon: &DaemonProcess, path: &str, answer: &str) -> Message {
    daemon.request("POST", path, FORM, format!("answer={answer}").as_bytes())
}

/// The state of the question for a program.
fn look(daemon: &DaemonProcess, path: &str) -> Value {
    let looked = daemon.request("GET", path, "accept: application/json\r\n", b"");
    looked.json()
}

/// The whole response to a HEAD request.
fn head(daemon: &DaemonProcess, path: &str) -> String {
    let mut stream = TcpStream::connect(&daemon.address).expect("the daemon listens");
    let request = format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    response
}

#[test]
fn a_link_is_looked_at_any_number_of_times_and_answered_once() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(receiver.port, "2d");
    let (daemon, path, run) = asked(&sandbox, &receiver);
    wait_until("it waits", || daemon.count("waiting") == 1);
    let preselected = format!("{path}?answer=approve");
    for _ in 0..20 {
        // A mail scanner opens every link, also with an answer in it.
        let page = daemon.get(&preselected);
        assert_eq!(page.status(), 200, "{page:?}");
        assert!(page.body.contains("Refund &lt;20 €&gt;?"), "{}", page.body);
        assert!(page.body.contains("value=\"reject\""), "{}", page.body);
        assert_eq!(page.body.matches("class=\"chosen\"").count(), 1);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex, nofollow, noarchive"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page.header(name), Some(value), "{name}");
        }
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    let response = head(&daemon, &path);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        response.ends_with("\r\n\r\n"),
        "HEAD has no body: {response}"
    );
    let open = look(&daemon, &path);
    assert_eq!(
        (&open["state"], &open["answers"]),
        (&json!("open"), &json!(["approve", "reject"]))
    );
    assert_eq!(receiver.count(), 1, "looking changes nothing");

    let answered = post(&daemon, &path, "approve");
    assert_eq!(answered.status(), 200, "{answered:?}");
    assert!(answered.body.contains("Thank you"), "{}", answered.body);
    let told: Value = serde_json::from_str(&receiver.wait_for(2)[1].body).expect("JSON");
    assert_eq!(told, json!({"answer": "approve", "from": "127.0.0.1"}));
    wait_until("it is done", || daemon.count("done") == 1);
    for answer in ["approve", "reject"] {
        let again = post(&daemon, &path, answer);
        assert_eq!(again.status(), 409, "{again:?}");
        assert!(again.body.contains("<b>approve</b>"), "{}", again.body);
    }
    let after = look(&daemon, &path);
    assert_eq!(
        (&after["state"], &after["answer"]),
        (&json!("answered"), &json!("approve"))
    );
    assert_eq!(
        daemon.metric("flowtrigger_answers_total{outcome=\"accepted\"}"),
        1.0
    );
    assert_eq!(
        daemon.metric("flowtrigger_answers_total{outcome=\"repeated\"}"),
        2.0
    );
    assert_eq!(receiver.count(), 2);
    let token = path.rsplit('/').next().expect("a token").to_owned();
    for shown in [
        sandbox.run(&["runs", "show", &run]).stdout,
        sandbox
            .run(&["runs", "show", &run, "--format", "json"])
            .stdout,
        sandbox
            .run(&["runs", "show", &run, "--attempt", "1"])
            .stdout,
        daemon.log(),
    ] {
        assert!(!shown.contains(&token), "a link is shown: {shown}");
    }
    let exchange = sandbox
        .run(&["runs", "show", &run, "--attempt", "1"])
        .stdout;
    assert!(exchange.contains("/answers/(hidden)"), "{exchange}");
    daemon.stop();
}

#[test]
fn an_answer_survives_a_kill_before_the_run_continues() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(receiver.port, "2d");
    let (daemon, path, _) = asked(&sandbox, &receiver);
    wait_until("it waits", || daemon.count("waiting") == 1);
    let paused = sandbox.run(&["pause", "--all"]);
    assert_eq!(paused.code, 0, "{paused:?}");
    let json = "content-type: application/json\r\naccept: application/json\r\n";
    let answered = daemon.request("POST", &path, json, br#"{"answer": "reject"}"#);
    assert_eq!(
        (answered.status(), &answered.json()["answer"]),
        (200, &json!("reject"))
    );
    daemon.kill();
    let daemon = DaemonProcess::start(&sandbox);
    assert_eq!(
        post(&daemon, &path, "approve").status(),
        409,
        "the link works after a restart"
    );
    let resumed = sandbox.run(&["resume", "--all"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let told: Value = serde_json::from_str(&receiver.wait_for(2)[1].body).expect("JSON");
    assert_eq!(told["answer"], "reject");
    wait_until("it is done", || daemon.count("done") == 1);
    daemon.stop();
}

#[test]
fn what_is_not_signed_or_not_an_answer_is_refused() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(receiver.port, "2d");
    let (daemon, path, _) = asked(&sandbox, &receiver);
    wait_until("it waits", || daemon.count("waiting") == 1);
    let changed = path.replace("fta_A", "fta_B");
    for forged in [
        changed.as_str(),
        &path[..path.len() - 1],
        &format!("{path}A"),
        "/answers/",
        "/answers/fta_",
        "/answers/fta_AAAA",
        "/answers/../healthz",
        &format!("/answers/fta_{}", "A".repeat(4_000)),
    ] {
        assert_ne!(forged, path);
        for method in ["GET", "POST"] {
            let refused = daemon.request(method, forged, FORM, b"answer=approve");
            assert_eq!(refused.status(), 404, "{method} {forged}: {refused:?}");
        }
    }
    let refused = "flowtrigger_requests_refused_total{source=\"\",reason=\"unknown_link\"}";
    wait_until("they are counted", || daemon.metric(refused) >= 14.0);
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let refused = daemon.request(method, &path, FORM, b"answer=approve");
        assert_eq!(refused.status(), 405, "{method}");
        assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
    }
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for (headers, body, status) in [
        (
            format!("{form}sec-fetch-site: cross-site\r\n"),
            "answer=approve",
            403,
        ),
        (
            format!("{form}origin: https://evil.example\r\n"),
            "answer=approve",
            403,
        ),
        (
            "content-type: text/plain\r\n".to_owned(),
            "answer=approve",
            415,
        ),
        (form.to_owned(), "answer=perhaps", 400),
        (form.to_owned(), "", 400),
        (form.to_owned(), &"answer=".repeat(1_000), 413),
    ] {
        let refused = daemon.request("POST", &path, &headers, body.as_bytes());
        assert_eq!(refused.status(), status, "{headers} {refused:?}");
    }
    assert_eq!(
        look(&daemon, &path)["state"],
        "open",
        "nothing was answered"
    );
    assert_eq!(receiver.count(), 1);
    daemon.stop();
}

#[test]
fn after_its_time_and_after_its_run_a_question_is_closed_politely() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(receiver.port, "1s");
    let (daemon, path, _) = asked(&sandbox, &receiver);
    wait_until("nobody answered", || daemon.count("skipped") == 1);
    let late = post(&daemon, &path, "approve");
    assert_eq!(late.status(), 410, "{late:?}");
    assert!(
        late.body.contains("The time for answers ended"),
        "{}",
        late.body
    );
    assert_eq!(daemon.get(&path).status(), 410);
    assert_eq!(look(&daemon, &path)["state"], "expired");
    assert_eq!(receiver.count(), 1);
    daemon.stop();
}

#[test]
fn a_cancelled_run_needs_no_answer() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(receiver.port, "2d");
    let (daemon, path, run) = asked(&sandbox, &receiver);
    wait_until("it waits", || daemon.count("waiting") == 1);
    let cancelled = sandbox.run(&["runs", "cancel", &run]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    let over = post(&daemon, &path, "approve");
    assert_eq!(over.status(), 410, "{over:?}");
    assert!(over.body.contains("(cancelled)"), "{}", over.body);
    daemon.stop();
}

#[test]
fn the_command_line_answers_with_and_without_a_daemon() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(receiver.port, "2d");
    let (daemon, _, run) = asked(&sandbox, &receiver);
    wait_until("it waits", || daemon.count("waiting") == 1);
    let refused = sandbox.run(&["runs", "answer", &run, "approval", "perhaps"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("write one of `approve`, `reject`"),
        "{refused:?}"
    );
    let refused = sandbox.run(&["runs", "answer", &run, "other", "approve"]);
    assert!(
        refused.stderr.contains("name one of `approval`"),
        "{refused:?}"
    );
    let answered = sandbox.run(&["runs", "answer", &run, "approval", "approve"]);
    assert_eq!(answered.code, 0, "{answered:?}");
    receiver.wait_for(2);
    wait_until("it is done", || daemon.count("done") == 1);
    let shown = sandbox
        .run(&["runs", "show", &run, "--format", "json"])
        .stdout;
    let shown: Value = serde_json::from_str(shown.trim()).expect("JSON");
    let commands = shown["commands"].as_array().expect("commands");
    assert_eq!(commands.len(), 3, "{commands:?}");
    assert_eq!(commands[2]["command"], "answer");

    let second = made(&daemon, "b");
    wait_until("another waits", || daemon.count("waiting") == 1);
    daemon.stop();
    let answered = sandbox.run(&[
        "runs", "answer", &second, "approval", "reject", "--format", "json",
    ]);
    assert_eq!(answered.code, 0, "{answered:?}");
    assert!(
        answered.stdout.contains("\"state\":\"queued\""),
        "{answered:?}"
    );
    let daemon = DaemonProcess::start(&sandbox);
    let told: Value = serde_json::from_str(&receiver.wait_for(4)[3].body).expect("JSON");
    assert_eq!(told["answer"], "reject");
    daemon.stop();
}
