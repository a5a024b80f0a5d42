//! What attempts sent and received, as an engineer on call sees it: found by the address, shown, repeated by hand.

use std::process::Command;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Received, Receiver, Response};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::setup::{rule, sandbox, subject, urgent};

const SECRET: &str = "s3cr \"et\"/é'\\$HOME";

/// What a customer could write to change a command line, a terminal or our output.
const HOSTILE: &str = "it's \"$HOME\" `id` $(id) \\ %s\nMATCH  forged-rule\t\u{1b}[31m\u{202e}x\u{0} [secret KEY] @file";

fn prepared(config: &str, rules: &str, port: u16) -> Sandbox {
    let sandbox = sandbox().with_env("FLOWTRIGGER_SECRET_KEY", SECRET);
    let config = format!("outgoing: {{ allow: [127.0.0.1] }}\n{config}");
    sandbox.write(
        "flowtrigger.yaml",
        config.replace("PORT", &port.to_string()),
    );
    sandbox.write_rules(&rules.replace("PORT", &port.to_string()));
    sandbox
}

fn on_subject(flow: &str) -> String {
    format!("name: r\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n{flow}\n")
}

/// Sends an event and waits until its only run is over.
fn settled(sandbox: &Sandbox, event: &Value) {
    let daemon = DaemonProcess::start(sandbox);
    daemon.accept("support", event);
    daemon.expect_log(|line| line["state"] == "done" || line["state"] == "dead");
    daemon.stop();
}

fn shown(sandbox: &Sandbox, run: &str) -> Value {
    let output = sandbox.run(&["runs", "show", run, "--format", "json"]);
    output.json_lines().remove(0)
}

#[test]
fn an_attempt_repeated_by_hand_sends_the_same_request() {
    let receiver = Receiver::ok();
    let flow = "- http: { method: PUT, url: 'http://127.0.0.1:PORT/a b/{{ current }}', query: { q: '{{ current }} {{ secret.KEY }}' }, headers: { X-Key: 'k {{ secret.KEY }}', X-Said: '{{ current | replace(\"\\u0000\", \"\") }}', X-None: '' }, json: { text: '{{ current }}', key: 'a {{ secret.KEY }} b', both: ['{{ secret.KEY | b64encode }}'] } }
- http: { connection: basic, path: /form, form: { text: '{{ current }}', key: '{{ secret.KEY }}' } }
- http: { connection: bearer, method: PATCH, path: /raw, body: '{{ current }}{{ secret.KEY }}' }
- http: { connection: bearer, method: DELETE, path: /none }";
    let config = "connections:
  basic: { base_url: 'http://127.0.0.1:PORT', auth: { basic: { username: \"o'bot\", password: '{{ secret.KEY }}' } } }
  bearer: { base_url: 'http://127.0.0.1:PORT', auth: { bearer: 'plain token' } }
";
    let sandbox = prepared(config, &on_subject(flow), receiver.port);
    settled(&sandbox, &subject(7, HOSTILE));
    let first = receiver.received();
    assert_eq!(first.len(), 4, "{}", shown(&sandbox, "1")["why"]);
    for attempt in 1..=first.len() {
        let attempt = attempt.to_string();
        let command = sandbox.run(&["runs", "show", "1", "--attempt", &attempt, "--curl"]);
        assert_eq!(command.code, 0, "{command:?}");
        let text = &command.stdout;
        assert!(!text.contains(SECRET) && !text.contains("s3cr"), "{text}");
        assert!(
            !text.contains(['\u{1b}', '\u{202e}', '\u{0}', '\t']),
            "{text}"
        );
        assert_eq!(text.lines().find(|line| line.starts_with("MATCH")), None);
        let without = Command::new("sh").args(["-c", text]).output().unwrap();
        let needs_secret = text.contains("FLOWTRIGGER_SECRET_KEY");
        assert_eq!(
            without.status.success(),
            !needs_secret,
            "{without:?}\n{text}"
        );
        if needs_secret {
            let mut repeated = Command::new("sh");
            repeated
                .args(["-c", text])
                .env("FLOWTRIGGER_SECRET_KEY", SECRET);
            let repeated = repeated.output().expect("a shell");
            assert!(
                repeated.status.success(),
                "`curl` is needed: {repeated:?}\n{text}"
            );
        }
    }
    let all = receiver.received();
    assert_eq!(all.len(), 8);
    for (sent, repeated) in all[..4].iter().zip(&all[4..]) {
        assert_eq!(comparable(repeated), comparable(sent));
    }
}

/// A request without the headers of the client, and with its escapes decoded.
fn comparable(request: &Received) -> (String, Vec<(String, String)>, String) {
    let mut lines = request.head.lines();
    let line = lines.next().unwrap_or_default();
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let bytes = percent_encoding::percent_decode_str(&text);
        bytes.decode_utf8_lossy().into_owned()
    };
    let mut headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .filter(|(name, _)| !["accept", "content-length", "connection"].contains(&name.as_str()))
        .collect();
    headers.sort();
    let is_form = request.header("content-type") == Some("application/x-www-form-urlencoded");
    let body = match is_form {
        true => decoded(&request.body),
        false => request.body.clone(),
    };
    (decoded(line), headers, body)
}

#[test]
fn an_attempt_in_progress_is_shown_with_what_it_sends() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[500]);
    let flow = "- set: { jq: '{a: 1}' }
- name: tell
  http: { method: POST, url: 'http://127.0.0.1:PORT/slow', json: { text: '{{ current }}', key: '{{ secret.KEY }}' } }
  retry: { attempts: 3, backoff: 10ms }";
    let sandbox = prepared("", &on_subject(flow), receiver.port);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &subject(7, "calm"));
    receiver.wait_for(1);
    receiver.hold("hold this");
    daemon.wait_until_idle();
    daemon.accept("support", &subject(8, "hold this"));
    receiver.wait_until_held();
    let output = sandbox.run(&["runs", "show", "2"]);
    output.expect_stdout(
        0,
        &[
            "tell  attempt 1  in progress since 20",
            "POST http://127.0.0.1:",
            r#"{"text":"hold this","key":"[secret KEY]"}"#,
        ],
    );
    let now = &shown(&sandbox, "2")["in_progress"];
    assert_eq!(
        (&now[0]["step"], &now[0]["attempt"]),
        (&json!("tell"), &json!(1))
    );
    assert_eq!(now[0]["call"]["method"], "POST");
    let none = sandbox.run(&["runs", "show", "2", "--attempt", "1"]);
    none.expect_stderr(1, &["no attempt of run 2 has an exchange"]);
    receiver.release_all();
    daemon.wait_until_idle();
    assert_eq!(shown(&sandbox, "2")["in_progress"], json!([]));
    // The step before it is no attempt that is printed with a number.
    let first = sandbox.run(&["runs", "show", "1", "--attempt", "1"]);
    first.expect_stdout(0, &["run 1, attempt 1", "tell  attempt 1", "500"]);
    let missing = sandbox.run(&["runs", "show", "1", "--attempt", "3"]);
    missing.expect_stderr(1, &["its attempts are 1 to 2"]);
    daemon.stop();
}

#[test]
fn what_was_not_stored_whole_is_not_repeated() {
    let receiver = Receiver::ok();
    let flow = "- http: { url: 'http://127.0.0.1:PORT/', json: { text: '{{ current }}' } }
- http: { url: 'outbox:paper/x', json: { a: 1 } }
- exec: [sh, -c, 'exit 0', sh, \"it's {{ ticket.id }}\"]";
    let config = "archive: { exchange_size: 1KiB }\n";
    let sandbox = prepared(config, &on_subject(flow), receiver.port);
    settled(&sandbox, &subject(7, &"long ".repeat(1_000)));
    let repeat =
        |attempt: &str| sandbox.run(&["runs", "show", "1", "--attempt", attempt, "--curl"]);
    repeat("1").expect_stderr(
        1,
        &["attempt 1 of run 1 cannot be repeated", "exchange_size"],
    );
    repeat("2").expect_stderr(1, &["written to an outbox"]);
    repeat("3").expect_stdout(
        0,
        &[
            "is not stored\n",
            "cd rules && sh -c 'exit 0' sh 'it'\\''s 7'\n",
        ],
    );
    repeat("4").expect_stderr(1, &["run 1 has no attempt 4; its attempts are 1 to 3"]);
    let whole = sandbox.run(&["runs", "show", "1", "--attempt", "1"]);
    whole.expect_stdout(
        0,
        &["(cut; the rest is not kept)", "(stored without its end)"],
    );
}

#[test]
fn hostile_text_stays_in_its_place_wherever_an_exchange_is_shown() {
    let receiver =
        Receiver::responding(|_, _| Response::new("500 Oops", "x-note: \u{202e}\r\n", HOSTILE));
    let flow = "- http: { url: 'http://127.0.0.1:PORT/', json: { text: '{{ current }}' } }\n  retry: { attempts: 1 }";
    let sandbox = prepared("", &on_subject(flow), receiver.port);
    settled(&sandbox, &subject(7, HOSTILE));
    for rest in [&[][..], &["--attempt", "1"], &["--attempt", "1", "--curl"]] {
        let output = sandbox.run(&[&["runs", "show", "1"], rest].concat());
        assert_eq!(output.code, 0, "{output:?}");
        let text = &output.stdout;
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{text}");
        let forged = text
            .lines()
            .find(|line| line.trim_start().starts_with("MATCH  forged"));
        assert_eq!(forged, None, "{text}");
    }
    let body = &shown(&sandbox, "1")["log"][0]["exchange"]["response"]["body"];
    assert_eq!(body["text"], HOSTILE);
}

#[test]
fn the_scope_decides_what_is_kept_and_addresses_are_always_found() {
    for (scope, sent, failed) in [
        ("full", "full", "full"),
        ("failures", "target", "full"),
        ("off", "target", "target"),
    ] {
        let receiver = Receiver::with_status(|request| match request.head.contains("/fails") {
            true => 500,
            false => 200,
        });
        let flow =
            "- http: { url: 'http://127.0.0.1:PORT/tickets/{{ ticket.id }}', json: { a: canary } }
- exec: [echo, canary]
- http: { url: 'http://127.0.0.1:PORT/fails', json: { a: canary } }\n  retry: { attempts: 1 }";
        let config = format!("archive: {{ exchanges: {scope} }}\n");
        let rules = rule("r", flow);
        let sandbox = prepared(&config, &rules, receiver.port);
        settled(&sandbox, &urgent(90_388));
        let run = shown(&sandbox, "1");
        let log = run["log"].as_array().unwrap();
        let kept: Vec<&Value> = log
            .iter()
            .filter(|line| line["outcome"] != "started")
            .map(|line| &line["exchange"]["kept"])
            .collect();
        let command = match scope {
            "full" => json!("full"),
            _ => json!(null),
        };
        assert_eq!(kept, [&json!(sent), &command, &json!(failed)], "{scope}");
        let numbers: Vec<&Value> = log.iter().map(|line| &line["number"]).collect();
        // A command whose exchange is not kept has no number.
        let last = if scope == "full" { 3 } else { 2 };
        assert_eq!(numbers.last(), Some(&&json!(last)), "{run}");
        let found = |text: &str| sandbox.run(&["runs", "list", "--sent-to", text]);
        found("Tickets/90388").expect_stdout(0, &["1    dead   r"]);
        found("tickets/90389").expect_stdout(1, &["no such run"]);
        let all = sandbox.run(&["runs", "retry", "--all", "--sent-to", "/fails", "--dry-run"]);
        all.expect_stdout(0, &["dead"]);
    }
}

#[test]
fn an_interrupted_attempt_shows_its_request() {
    let receiver = Receiver::ok();
    receiver.hold("slow");
    let flow = "- http: { url: 'http://127.0.0.1:PORT/slow', json: { a: slow } }\n  timeout: 60s";
    let sandbox = prepared("", &rule("r", flow), receiver.port);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(1));
    receiver.wait_until_held();
    sandbox
        .run(&["runs", "cancel", "1"])
        .expect_stdout(0, &["cancelled"]);
    // The daemon writes what it has before the run is shown.
    let run = shown(&sandbox, "1");
    let line = &run["log"][0];
    assert_eq!(
        (&line["outcome"], &line["number"]),
        (&json!("interrupted"), &json!(1))
    );
    assert_eq!(
        line["exchange"]["request"]["body"]["text"],
        "{\"a\":\"slow\"}"
    );
    assert_eq!(line["exchange"]["response"], json!(null));
    let address = receiver.address.to_string();
    assert_eq!(line["exchange"]["address"], address.as_str());
    let text = sandbox.run(&["runs", "show", "1"]);
    text.expect_stdout(
        0,
        &[
            "interrupted",
            "/slow  sent 12 B; no response: the receiver may have acted",
        ],
    );
    receiver.release_all();
    daemon.stop();
}

#[test]
fn a_shadow_run_shows_the_plan_that_dry_run_prints() {
    let flow = "- http: { url: 'https://pager.example/{{ ticket.id }}', json: { key: '{{ secret.KEY }}' } }
- when: { ticket.tags: { has: vip } }
- exec: [notify, '{{ ticket.id }}']";
    let rules = rule("r", flow).replacen("flow:", "mode: shadow\nflow:", 1);
    let sandbox = prepared("", &rules, 1);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &urgent(7));
    daemon.stop();
    let run = shown(&sandbox, "1");
    assert_eq!(run["state"], "shadow");
    let planned = sandbox.run_event(&["dry-run", "--format", "json", "-"], &urgent(7));
    let expected = &planned["rules"][0]["plan"];
    assert_eq!(expected.as_array().map(Vec::len), Some(3), "{planned}");
    assert_eq!(&run["plan"], expected);
    let text = sandbox.run(&["runs", "show", "1"]);
    text.expect_stdout(
        0,
        &[
            "nothing would be sent",
            "POST https://pager.example/7",
            "[secret KEY]",
        ],
    );
}

#[test]
fn the_plan_of_a_shadow_run_says_that_its_event_was_redacted() {
    let flow = "- http: { url: 'https://pager.example/', json: { said: '{{ current }}' } }";
    let rules = on_subject(flow).replacen("flow:", "mode: shadow\nflow:", 1);
    let sandbox = prepared("redact: [current]\n", &rules, 1);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &subject(7, "the customer's words"));
    daemon.stop();
    let text = sandbox.run(&["runs", "show", "1"]);
    text.expect_stdout(0, &["were redacted since", "{\"said\":\"[redacted]\"}"]);
}
