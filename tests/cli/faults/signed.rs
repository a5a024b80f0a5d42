//! Senders with valid, invalid and missing signatures. The tests compute signatures from the vendors'
//! descriptions, not with the program.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::sender::{hex, hmac_sha256, now, zendesk_headers};
use flowtrigger_testing::wait::TIMEOUT;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::setup::{NOTE, sandbox_with_flow, urgent};

pub const KEY: &str = "c4nary-Zl9kD0yQm7xV2sR5uJ8bN1cH6pE";
pub const OLD: &str = "c4nary-Kq2wE8rT5yU1iO6pA3sD9fG4hJ7";
pub const WHSEC: &str = "whsec_YzRuYXJ5LXNlY3JldC1vZi0zMi1ieXRlcyEhISE=";

/// A source of every verification scheme; all of them receive events of Zendesk.
pub const SOURCES: &str = "sources:
  support: { verify: zendesk, secrets: [KEY, OLD] }
  hex: { decoder: support, verify: upmind, secrets: KEY }
  standard: { decoder: support, verify: standard_webhooks, secrets: WHSEC }
  forge: { decoder: support, path: /hooks/forge, verify: github, secrets: KEY }
  token: { decoder: support, verify: bearer, secrets: KEY }
  basic: { decoder: support, verify: { basic: { username: desk } }, secrets: KEY }
  own:
    decoder: support
    verify: { hmac: { header: X-Own, prefix: 's=', signed: '{header:X-Id}|{timestamp}|{body}', timestamp: X-Time } }
    secrets: KEY
";

const PATHS: [&str; 7] = [
    "/events/support",
    "/events/hex",
    "/events/standard",
    "/hooks/forge",
    "/events/token",
    "/events/basic",
    "/events/own",
];

pub fn prepared(config: &str) -> Sandbox {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("flowtrigger.yaml", config);
    sandbox
        .with_env("FLOWTRIGGER_SECRET_KEY", KEY)
        .with_env("FLOWTRIGGER_SECRET_OLD", OLD)
        .with_env("FLOWTRIGGER_SECRET_WHSEC", WHSEC)
}

/// The header lines of a valid sender for this path.
pub fn proof(path: &str, body: &[u8]) -> String {
    let at = now().to_string();
    let key = KEY.as_bytes();
    match path {
        "/events/support" => zendesk_headers(KEY, body, now()),
        "/events/hex" => format!(
            "x-webhook-signature: {}\r\n",
            hex(&hmac_sha256(key, &[body]))
        ),
        "/events/standard" => {
            let key = STANDARD.decode(&WHSEC[6..]).unwrap();
            let parts = [b"msg_1", b".".as_slice(), at.as_bytes(), b".", body];
            let signature = STANDARD.encode(hmac_sha256(&key, &parts));
            format!(
                "webhook-id: msg_1\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n"
            )
        }
        "/hooks/forge" => format!(
            "x-hub-signature-256: sha256={}\r\n",
            hex(&hmac_sha256(key, &[body]))
        ),
        "/events/token" => format!("authorization: Bearer {KEY}\r\n"),
        "/events/basic" => {
            let told = STANDARD.encode(format!("desk:{KEY}"));
            format!("authorization: Basic {told}\r\n")
        }
        "/events/own" => {
            let parts = [b"7", b"|".as_slice(), at.as_bytes(), b"|", body];
            let signature = hex(&hmac_sha256(key, &parts));
            format!("x-id: 7\r\nx-time: {at}\r\nx-own: s={signature}\r\n")
        }
        other => panic!("{other}"),
    }
}

pub fn post(daemon: &DaemonProcess, path: &str, headers: &str, body: &str) -> Message {
    let headers = format!("content-type: application/json\r\n{headers}");
    daemon.request("POST", path, &headers, body.as_bytes())
}

#[track_caller]
pub fn denied(answer: &Message) {
    answer.expect_rejected(401, &["the sender could not be verified"]);
    assert!(answer.header("www-authenticate").is_some(), "{answer:?}");
    assert!(!answer.body.contains("c4nary"), "{answer:?}");
}

fn metric(daemon: &DaemonProcess, line: &str) -> u64 {
    let text = daemon.get("/metrics").body;
    let found = text.lines().find_map(|told| told.strip_prefix(line));
    found.map_or(0, |count| count.trim().parse().unwrap())
}

fn refused(daemon: &DaemonProcess, source: &str, reason: &str) -> u64 {
    let line =
        format!("flowtrigger_requests_refused_total{{source=\"{source}\",reason=\"{reason}\"}} ");
    metric(daemon, &line)
}

/// Waits for the log line about a request that this check rejected.
pub fn complaint(daemon: &DaemonProcess, check: &str) -> Value {
    daemon.expect_log(|line| line["reason"] == check)
}

#[test]
fn every_endpoint_rejects_weak_proofs() {
    let sandbox = prepared(SOURCES);
    let mut daemon = DaemonProcess::start(&sandbox);
    for (n, path) in (100_u64..).step_by(10).zip(PATHS) {
        let body = urgent(n).to_string();
        let sound = proof(path, body.as_bytes());
        let other = proof(path, urgent(n + 1).to_string().as_bytes());
        let (name, value) = sound.trim_end().rsplit_once("\r\n").unwrap_or(("", &sound));
        let last = if name.is_empty() {
            sound.trim_end()
        } else {
            value.trim_end()
        };
        let (header, value) = last.split_once(": ").unwrap();
        let mut answers = Vec::new();
        for weak in [
            String::new(),
            "authorization: Bearer nothing\r\n".into(),
            "authorization: Bearer \r\n".into(),
            "authorization: bearer x\r\n".into(),
            "authorization: Basic Og==\r\n".into(),
            format!("{header}:\r\n"),
            format!("{header}: null\r\n"),
            format!("{header}: {}\r\n", &value[..value.len() - 1]),
            format!("{header}: {value}0\r\n"),
            format!("{header}: {value}, {value}\r\n"),
            format!("{sound}{last}\r\n"),
        ] {
            let answer = post(&daemon, path, &weak, &body);
            denied(&answer);
            answers.push(answer);
        }
        if !["/events/token", "/events/basic"].contains(&path) {
            let answer = post(&daemon, path, &other, &body);
            denied(&answer);
            answers.push(answer);
        }
        let first = &answers[0];
        let challenge = |answer: &Message| answer.header("www-authenticate").map(str::to_owned);
        for answer in &answers {
            assert_eq!(answer.body, first.body, "the reply helps a guesser");
            assert_eq!(challenge(answer), challenge(first));
        }
        let taken = post(&daemon, path, &sound, &body);
        assert_eq!(taken.status(), 200, "{path}: {taken:?}");
        assert_eq!(taken.json()["runs"].as_array().unwrap().len(), 1);
    }
    for path in ["/events/forge", "/events/upmind", "/events/"] {
        assert_eq!(daemon.post(path, "{}").status(), 404, "{path}");
    }
    assert!(refused(&daemon, "support", "sender_unsigned") >= 4);
    assert_eq!(refused(&daemon, "support", "sender_wrong_signature"), 1);
    assert!(refused(&daemon, "token", "sender_wrong_token") >= 2);
    assert!(refused(&daemon, "basic", "sender_wrong_token") >= 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    let log = daemon.log();
    for trace in [
        KEY,
        OLD,
        WHSEC,
        "c4nary",
        &STANDARD.encode(format!("desk:{KEY}")),
    ] {
        assert!(!log.contains(trace), "{trace} in {log}");
        for file in ["data/flowtrigger.db", "data/flowtrigger.db-wal"] {
            let kept = std::fs::read(sandbox.path(file)).unwrap_or_default();
            let kept = String::from_utf8_lossy(&kept);
            assert!(!kept.contains(trace), "{trace} in {file}");
        }
    }
    assert!(sandbox.path("data/flowtrigger.db").exists());
}

#[test]
fn a_repeated_request_is_a_redelivery() {
    let sandbox = prepared(SOURCES);
    let daemon = DaemonProcess::start(&sandbox);
    let body = urgent(1).to_string();
    let sound = zendesk_headers(KEY, body.as_bytes(), now());
    let first = post(&daemon, "/events/support", &sound, &body).json();
    let again = post(&daemon, "/events/support", &sound, &body).json();
    assert_eq!(again["redelivered"], true);
    assert_eq!(
        (&again["event"], &again["runs"][0]["id"]),
        (&first["event"], &first["runs"][0]["id"])
    );
    for at in [now() - 400, now() + 400] {
        denied(&post(
            &daemon,
            "/events/support",
            &zendesk_headers(KEY, body.as_bytes(), at),
            &body,
        ));
    }
    let stale = complaint(&daemon, "sender_stale");
    assert!(
        stale["message"]
            .as_str()
            .unwrap()
            .contains("s ago, but the window is 300 s"),
        "{stale}"
    );
    let early = complaint(&daemon, "sender_early");
    assert!(
        early["help"].as_str().unwrap().contains("clocks"),
        "{early}"
    );
}

#[test]
fn verification_does_not_depend_on_the_content_type() {
    let sandbox = prepared(SOURCES);
    let daemon = DaemonProcess::start(&sandbox);
    let body = urgent(1).to_string();
    let sound = zendesk_headers(KEY, body.as_bytes(), now());
    let bad = zendesk_headers("another key", body.as_bytes(), now());
    let ask = |media: &str, proof: &str| {
        let headers = format!("content-type: {media}\r\n{proof}");
        daemon.request("POST", "/events/support", &headers, body.as_bytes())
    };
    for media in ["application/xml", ""] {
        denied(&ask(media, ""));
        for proof in [&sound, &bad] {
            assert_eq!(ask(media, proof).status(), 415, "{media}");
        }
    }
    // The signature is checked over the bytes, before they are read as a form.
    for (media, status) in [
        ("multipart/form-data; boundary=x", 400),
        ("application/x-www-form-urlencoded", 415),
    ] {
        denied(&ask(media, ""));
        denied(&ask(media, &bad));
        assert_eq!(ask(media, &sound).status(), status, "{media}");
    }
    denied(&ask("text/plain", ""));
    denied(&ask("text/plain", &bad));
    let without = daemon.request("POST", "/events/support", &bad, body.as_bytes());
    denied(&without);
    let without = daemon.request("POST", "/events/support", &sound, body.as_bytes());
    assert_eq!(
        without.json()["redelivered"],
        Value::Null,
        "none of them was taken"
    );
    assert_eq!(ask("text/plain", &sound).json()["redelivered"], true);
}

#[test]
fn unsigned_bodies_are_not_read() {
    let sandbox = prepared(SOURCES);
    let daemon = DaemonProcess::start(&sandbox);
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let head = "POST /events/support HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let piece = [
        b"100000\r\n".to_vec(),
        vec![b' '; 0x10_0000],
        b"\r\n".to_vec(),
    ]
    .concat();
    // 1 GiB, unless the daemon closes the connection.
    let sent = (0..1_024)
        .take_while(|_| stream.write_all(&piece).is_ok())
        .count();
    assert!(sent < 64, "{sent} MiB were read");
    let mut output = Vec::new();
    drop(stream.read_to_end(&mut output));
    let output = String::from_utf8_lossy(&output);
    assert!(
        output.is_empty() || output.starts_with("HTTP/1.1 401"),
        "{output}"
    );
    complaint(&daemon, "sender_unsigned");
    let huge = "content-length: 1073741824\r\n";
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let head = format!("POST /events/support HTTP/1.1\r\nhost: a\r\n{huge}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut output = String::new();
    stream.read_to_string(&mut output).unwrap();
    assert!(output.starts_with("HTTP/1.1 401"), "{output}");
}

#[test]
fn hostile_headers_and_floods_leave_a_short_log() {
    let sandbox = prepared(SOURCES);
    let mut daemon = DaemonProcess::start(&sandbox);
    let odd = "\u{1f9e8}\u{202e}é\u{fffd}".repeat(200);
    let headers = format!("x-zendesk-webhook-signature: {odd}\r\nx-{}: {odd}\r\n", "a");
    let body = json!({ "text": odd }).to_string();
    for _ in 0..200 {
        denied(&post(&daemon, "/events/support", &headers, &body));
    }
    assert_eq!(refused(&daemon, "support", "sender_malformed"), 200);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    let log = daemon.log();
    let told = log.lines().filter(|line| line.contains("sender_malformed"));
    assert!((10..60).contains(&told.count()), "{log}");
    assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
    assert!(
        !log.contains('\u{1f9e8}') && !log.contains("\\u{1f9e8}"),
        "{log}"
    );
}

/// A token in the query must not leave the process: not in the log, the store, an answer or what the commands print.
#[test]
fn a_token_in_the_query_is_never_shown() {
    let sandbox = prepared(
        "sources:
  link: { decoder: support, verify: { token: { query: key } }, secrets: KEY }
  open: { decoder: support, verify: none }
",
    );
    let mut daemon = DaemonProcess::start(&sandbox);
    let body = urgent(1).to_string();
    let wrong = "c4nary-wrong-token-of-a-sender";
    let right = format!("/events/link?key={KEY}");
    assert_eq!(post(&daemon, &right, "", &body).status(), 200);
    let mut answers = Vec::new();
    for (method, path, headers, status) in [
        ("POST", format!("/events/link?key={wrong}"), "", 401),
        ("POST", format!("/events/link?key={KEY}&key={KEY}"), "", 401),
        ("POST", format!("/events/link?other={wrong}"), "", 401),
        ("POST", format!("/events/gone?key={KEY}"), "", 404),
        ("POST", format!("/gone?key={KEY}"), "", 404),
        ("GET", right.clone(), "", 405),
        ("POST", right.clone(), "content-encoding: gzip\r\n", 415),
        ("POST", right.clone(), "host: other.example\r\n", 400),
        (
            "POST",
            format!("/events/open?key={KEY}"),
            "origin: https://a.example\r\n",
            403,
        ),
        ("GET", format!("/metrics?key={KEY}"), "", 200),
        ("GET", format!("/answers/x?key={KEY}"), "", 404),
    ] {
        let headers = format!("content-type: application/json\r\n{headers}");
        let answer = daemon.request(method, &path, &headers, body.as_bytes());
        assert_eq!(answer.status(), status, "{method} {path}: {answer:?}");
        answers.push(answer.body);
    }
    let invalid = post(&daemon, &right, "", "{");
    assert_eq!(invalid.status(), 400, "{invalid:?}");
    assert_eq!(complaint(&daemon, "sender_wrong_token")["source"], "link");
    assert_eq!(complaint(&daemon, "sender_repeated")["source"], "link");
    let listed = sandbox.run(&["deliveries", "--format", "json"]).stdout;
    assert!(listed.contains("\"/events/link\""), "{listed}");
    assert!(listed.contains("missing query parameter `key`"), "{listed}");
    let listed = [listed, sandbox.run(&["deliveries"]).stdout].concat();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    let mut shown = vec![("log", daemon.log()), ("deliveries", listed)];
    shown.extend(answers.into_iter().map(|body| ("answer", body)));
    for file in ["data/flowtrigger.db", "data/flowtrigger.db-wal"] {
        let kept = std::fs::read(sandbox.path(file)).unwrap_or_default();
        shown.push((file, String::from_utf8_lossy(&kept).into_owned()));
    }
    for (what, text) in shown {
        assert!(!text.contains("c4nary"), "{what}: {text}");
    }
    assert!(sandbox.path("data/flowtrigger.db").exists());
}
