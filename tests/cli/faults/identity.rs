//! What makes two requests one event: the id of the sender, in the body or in a header, and without one an equal body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::sender::{hmac_sha256, now, zendesk_headers};
use serde_json::{Value, json};

use super::setup::sandbox;
use super::signed::{KEY, WHSEC};

const RULE: &str = "name: note\nevent_source: desk\nevent_type: order\nflow:\n- http: { url: 'outbox:note', json: { n: '{{ number }}' } }\n";

fn desk(source: &str) -> Sandbox {
    let sandbox = sandbox();
    sandbox.write_rules(RULE);
    let source = format!("sources: {{ desk: {{ event_type: order, {source} }} }}\n");
    sandbox.write("flowtrigger.yaml", source);
    sandbox
        .with_env("FLOWTRIGGER_SECRET_KEY", KEY)
        .with_env("FLOWTRIGGER_SECRET_WHSEC", WHSEC)
}

fn post(daemon: &DaemonProcess, headers: &str, body: &str) -> Value {
    let headers = format!("content-type: application/json\r\n{headers}");
    let response = daemon.request("POST", "/events/desk", &headers, body.as_bytes());
    assert_eq!(response.status(), 200, "{response:?}");
    response.json()
}

/// The runs of an answer, and whether it is a redelivery.
fn outcome(answer: &Value) -> (Value, bool) {
    (
        answer["runs"][0]["id"].clone(),
        answer["redelivered"] == true,
    )
}

fn standard(id: &str, body: &str) -> String {
    let key = STANDARD.decode(WHSEC.trim_start_matches("whsec_")).unwrap();
    let at = now().to_string();
    let parts = [id.as_bytes(), b".", at.as_bytes(), b".", body.as_bytes()];
    let signature = STANDARD.encode(hmac_sha256(&key, &parts));
    format!("webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n")
}

#[test]
fn a_delivery_id_separates_equal_bodies_and_joins_attempts() {
    let body = r#"{"number":"90417"}"#;
    let zendesk = |id: &str| {
        let id = format!("x-zendesk-webhook-invocation-id: {id}\r\n");
        zendesk_headers(KEY, body.as_bytes(), now()) + &id
    };
    let forge = |id: &str| {
        let signature =
            flowtrigger_testing::sender::hex(&hmac_sha256(KEY.as_bytes(), &[body.as_bytes()]));
        format!("x-hub-signature-256: sha256={signature}\r\nx-github-delivery: {id}\r\n")
    };
    let own = |id: &str| format!("x-own: {id}\r\n");
    let standard = |id: &str| standard(id, body);
    type Headers<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(&str, Headers<'_>); 5] = [
        ("verify: zendesk, secrets: [KEY]", &zendesk),
        ("verify: standard_webhooks, secrets: [WHSEC]", &standard),
        ("verify: github, secrets: [KEY]", &forge),
        ("id: header.X-Own", &own),
        ("id: { header: x-own }", &own),
    ];
    for (source, headers) in cases {
        let sandbox = desk(source);
        let daemon = DaemonProcess::start(&sandbox);
        let first = post(&daemon, &headers("d-1"), body);
        let second = post(&daemon, &headers("d-2"), body);
        let again = post(&daemon, &headers("d-1"), body);
        assert_eq!(first["event"], "d-1", "{source}");
        assert_eq!(outcome(&first), (json!(1), false), "{source}");
        assert_eq!(outcome(&second), (json!(2), false), "{source}");
        assert_eq!(outcome(&again), (json!(1), true), "{source}");
    }
}

#[test]
fn every_request_is_an_event_if_the_source_says_so() {
    let sandbox = desk("id: none");
    let daemon = DaemonProcess::start(&sandbox);
    let body = r#"{"number":1}"#;
    let answers = [0, 1, 2].map(|_| post(&daemon, "", body));
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["event"]).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    assert!(answers.iter().all(|answer| !outcome(answer).1));
    let many = post(&daemon, "", r#"[{"number":1},{"number":1}]"#);
    assert_ne!(many[0]["event"], many[1]["event"]);
    assert_eq!((outcome(&many[0]).1, outcome(&many[1]).1), (false, false));
}

#[test]
fn without_an_id_an_equal_body_is_a_repeat_and_check_warns() {
    let sandbox = desk("key: number");
    let warning = [
        "warning[no-event-id]",
        "the source `desk` has no `id`",
        "flowtrigger.yaml:1:12",
    ];
    sandbox.run(&["check"]).expect_stdout(0, &warning);
    let daemon = DaemonProcess::start(&sandbox);
    let first = post(&daemon, "", r#"{"number":1,"a":2}"#);
    let again = post(&daemon, "", r#"{"a":2,"number":1}"#);
    assert_eq!(outcome(&first), (json!(1), false));
    assert_eq!(outcome(&again), (json!(1), true));
    assert_eq!(first["event"], again["event"], "one event has one id");
    assert!(!outcome(&post(&daemon, "", r#"{"number":2}"#)).1);
    for with_id in [
        "id: number",
        "id: { path: number }",
        "id: none",
        "id: header.x",
        "verify: zendesk, secrets: KEY",
    ] {
        let output = desk(with_id).run(&["check"]);
        assert!(!output.stdout.contains("no-event-id"), "{output:?}");
    }
    let wrong = desk("id: 'header.two words'").run(&["check"]);
    wrong.expect_stdout(3, &["`two words` is not the name of a header"]);
}

#[test]
fn equal_elements_of_one_array_are_events_of_their_own_and_the_array_again_is_a_repeat() {
    let sandbox = desk("key: number");
    let daemon = DaemonProcess::start(&sandbox);
    let outcomes = |body: &str| -> Vec<(Value, bool)> {
        let answer = post(&daemon, "", body);
        answer.as_array().unwrap().iter().map(outcome).collect()
    };
    let three = r#"[{"number":1},{"number":2},{"number":1}]"#;
    let runs = [1, 2, 3].map(|run| json!(run));
    assert_eq!(outcomes(three), runs.clone().map(|run| (run, false)));
    assert_eq!(outcomes(three), runs.clone().map(|run| (run, true)));
    // One more of them is one more event, whatever the order of its keys.
    let four = r#"[{"number":1},{"number":1},{"number":1},{"number":2}]"#;
    let again = |run: i32| (json!(run), true);
    assert_eq!(
        outcomes(four),
        [again(1), again(3), (json!(4), false), again(2)]
    );
    // A single body is the first of the equal elements.
    assert_eq!(outcome(&post(&daemon, "", r#"{"number":1}"#)), again(1));
    let second = post(&daemon, "", three)[2]["event"]
        .as_str()
        .unwrap()
        .to_owned();
    sandbox.run(&["why", &second]).expect_stdout(0, &[&second]);
}

#[test]
fn a_missing_header_is_an_error_that_names_it() {
    let sandbox = desk("id: header.x-own");
    let daemon = DaemonProcess::start(&sandbox);
    let response = daemon.post("/events/desk", r#"{"number":1}"#);
    response.expect_rejected(400, &["the header `x-own` is absent"]);
    let twice = "content-type: application/json\r\nx-own: 1\r\nx-own: 2\r\n";
    let response = daemon.request("POST", "/events/desk", twice, br#"{"number":1}"#);
    response.expect_rejected(400, &["the header `x-own`"]);
}

#[test]
fn repeats_of_an_event_that_matched_nothing_are_said() {
    let sandbox = desk("id: number, key: number");
    sandbox.write_rules(&RULE.replace("flow:", "when: { state: wanted }\nflow:"));
    let daemon = DaemonProcess::start(&sandbox);
    let told = |words: &[&str]| {
        sandbox.run(&["why", "7"]).expect_stdout(0, words);
    };
    post(&daemon, "", r#"{"number":7,"state":"opened"}"#);
    let once = sandbox.run(&["why", "7"]);
    assert!(!once.stdout.contains("the same id"), "{once:?}");
    post(&daemon, "", r#"{"number":7,"state":"opened"}"#);
    told(&[
        "the same id was received once more, at ",
        "and no rule matched",
    ]);
    post(&daemon, "", r#"{"number":7,"state":"closed"}"#);
    told(&[
        "the same id was received 2 more times",
        "2 of them had a different body",
    ]);
    let json = sandbox.run(&["why", "7", "--format", "json"]).json_lines();
    assert_eq!(json[0]["unmatched_repeats"]["count"], 2);
    // The first one that matches has a run.
    let matched = post(&daemon, "", r#"{"number":7,"state":"wanted"}"#);
    assert_eq!(outcome(&matched), (json!(1), false));
    told(&["the same id was received 3 more times", "run  1 "]);
}

#[test]
fn the_same_id_with_another_body_is_said() {
    let sandbox = desk("id: number, key: number");
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", r#"{"number":7,"state":"opened"}"#);
    let closed = post(&daemon, "", r#"{"number":7,"state":"closed"}"#);
    assert_eq!(outcome(&closed), (json!(1), true));
    let line = daemon.expect_message("event redelivered: same id, different body");
    assert_eq!(line["level"], "WARN");
    let differing = "1 of them had the same id and a different body";
    sandbox.run(&["why", "7"]).expect_stdout(0, &[differing]);
    let json = sandbox.run(&["why", "7", "--format", "json"]).json_lines();
    assert_eq!(json[0]["redelivered_with_another_body"], 1);
}
