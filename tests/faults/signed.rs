//! Senders who prove who they are, senders who do not, and the mistakes that people make in between.
//! The signatures are made here from the vendors' descriptions, not by the program under test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::serving::{Answer, Daemon};
use crate::support::{NOTE, PATIENCE, Place, urgent};

pub const KEY: &str = "c4nary-Zl9kD0yQm7xV2sR5uJ8bN1cH6pE";
pub const OLD: &str = "c4nary-Kq2wE8rT5yU1iO6pA3sD9fG4hJ7";
pub const WHSEC: &str = "whsec_YzRuYXJ5LXNlY3JldC1vZi0zMi1ieXRlcyEhISE=";

/// A source of every scheme; all read events of Zendesk.
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

pub fn place(config: &str) -> Place {
    let place = Place::with_flow(NOTE);
    place.write("flowtrigger.yaml", config);
    place
        .set("FLOWTRIGGER_SECRET_KEY", KEY)
        .set("FLOWTRIGGER_SECRET_OLD", OLD)
        .set("FLOWTRIGGER_SECRET_WHSEC", WHSEC)
}

pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_secs()).unwrap()
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

pub fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn zendesk(key: &str, body: &[u8], at: i64) -> String {
    let at = rfc3339(at);
    let signature = STANDARD.encode(mac(key.as_bytes(), &[at.as_bytes(), body]));
    format!(
        "x-zendesk-webhook-signature: {signature}\r\nx-zendesk-webhook-signature-timestamp: {at}\r\n"
    )
}

/// What a sound sender of this path writes.
pub fn proof(path: &str, body: &[u8]) -> String {
    let at = now().to_string();
    let key = KEY.as_bytes();
    match path {
        "/events/support" => zendesk(KEY, body, now()),
        "/events/hex" => format!("x-webhook-signature: {}\r\n", hex(&mac(key, &[body]))),
        "/events/standard" => {
            let key = STANDARD.decode(&WHSEC[6..]).unwrap();
            let parts = [b"msg_1", b".".as_slice(), at.as_bytes(), b".", body];
            let signature = STANDARD.encode(mac(&key, &parts));
            format!(
                "webhook-id: msg_1\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n"
            )
        }
        "/hooks/forge" => format!(
            "x-hub-signature-256: sha256={}\r\n",
            hex(&mac(key, &[body]))
        ),
        "/events/token" => format!("authorization: Bearer {KEY}\r\n"),
        "/events/basic" => {
            let told = STANDARD.encode(format!("desk:{KEY}"));
            format!("authorization: Basic {told}\r\n")
        }
        "/events/own" => {
            let parts = [b"7", b"|".as_slice(), at.as_bytes(), b"|", body];
            let signature = hex(&mac(key, &parts));
            format!("x-id: 7\r\nx-time: {at}\r\nx-own: s={signature}\r\n")
        }
        other => panic!("{other}"),
    }
}

pub fn post(daemon: &Daemon, path: &str, headers: &str, body: &str) -> Answer {
    let headers = format!("content-type: application/json\r\n{headers}");
    daemon.ask("POST", path, &headers, body.as_bytes())
}

#[track_caller]
pub fn denied(answer: &Answer) {
    answer.refuses(401, &["the sender could not be verified"]);
    assert!(answer.header("www-authenticate").is_some(), "{answer:?}");
    assert!(!answer.body.contains("c4nary"), "{answer:?}");
}

fn metric(daemon: &Daemon, line: &str) -> u64 {
    let text = daemon.get("/metrics").body;
    let found = text.lines().find_map(|told| told.strip_prefix(line));
    found.map_or(0, |count| count.trim().parse().unwrap())
}

fn refused(daemon: &Daemon, source: &str, reason: &str) -> u64 {
    let line =
        format!("flowtrigger_requests_refused_total{{source=\"{source}\",reason=\"{reason}\"}} ");
    metric(daemon, &line)
}

/// The line of the log about a request that was refused for this.
pub fn complaint(daemon: &Daemon, check: &str) -> Value {
    daemon.logs(|line| line["check"] == check)
}

#[test]
fn every_route_asks_and_nothing_weak_gets_in() {
    let place = place(SOURCES);
    let mut daemon = Daemon::start(&place);
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
        let challenge = |answer: &Answer| answer.header("www-authenticate").map(str::to_owned);
        for answer in &answers {
            assert_eq!(answer.body, first.body, "the reply helps a guesser");
            assert_eq!(challenge(answer), challenge(first));
        }
        let taken = post(&daemon, path, &sound, &body);
        assert_eq!(taken.status, 200, "{path}: {taken:?}");
        assert_eq!(taken.json()["runs"].as_array().unwrap().len(), 1);
    }
    for path in ["/events/forge", "/events/upmind", "/events/"] {
        assert_eq!(daemon.post(path, "{}").status, 404, "{path}");
    }
    assert!(refused(&daemon, "support", "sender_unsigned") >= 4);
    assert_eq!(refused(&daemon, "support", "sender_wrong_signature"), 1);
    assert!(refused(&daemon, "token", "sender_wrong_token") >= 2);
    assert!(refused(&daemon, "basic", "sender_wrong_token") >= 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ends(), 0);
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
            let kept = std::fs::read(place.path(file)).unwrap_or_default();
            let kept = String::from_utf8_lossy(&kept);
            assert!(!kept.contains(trace), "{trace} in {file}");
        }
    }
    assert!(place.path("data/flowtrigger.db").exists());
}

#[test]
fn a_request_that_comes_again_is_a_redelivery() {
    let place = place(SOURCES);
    let daemon = Daemon::start(&place);
    let body = urgent(1).to_string();
    let sound = zendesk(KEY, body.as_bytes(), now());
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
            &zendesk(KEY, body.as_bytes(), at),
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
fn the_same_bytes_are_judged_alike_whatever_they_are_called() {
    let place = place(SOURCES);
    let daemon = Daemon::start(&place);
    let body = urgent(1).to_string();
    let sound = zendesk(KEY, body.as_bytes(), now());
    let bad = zendesk("another key", body.as_bytes(), now());
    for media in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/xml",
        "",
    ] {
        let called = format!("content-type: {media}\r\n");
        let ask = |proof: &str| {
            let headers = format!("{called}{proof}");
            daemon.ask("POST", "/events/support", &headers, body.as_bytes())
        };
        denied(&ask(""));
        for proof in [&sound, &bad] {
            assert_eq!(ask(proof).status, 415, "{media}");
        }
    }
    let without = daemon.ask("POST", "/events/support", &bad, body.as_bytes());
    denied(&without);
    let without = daemon.ask("POST", "/events/support", &sound, body.as_bytes());
    assert_eq!(
        without.json()["redelivered"],
        Value::Null,
        "none of them was taken"
    );
}

#[test]
fn what_nobody_signed_is_not_read() {
    let place = place(SOURCES);
    let daemon = Daemon::start(&place);
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /events/support HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let piece = [
        b"100000\r\n".to_vec(),
        vec![b' '; 0x10_0000],
        b"\r\n".to_vec(),
    ]
    .concat();
    // 1 GiB, but for the daemon hanging up.
    let sent = (0..1_024)
        .take_while(|_| stream.write_all(&piece).is_ok())
        .count();
    assert!(sent < 64, "{sent} MiB were read");
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 401"),
        "{said}"
    );
    complaint(&daemon, "sender_unsigned");
    let huge = "content-length: 1073741824\r\n";
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("POST /events/support HTTP/1.1\r\nhost: a\r\n{huge}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
}

#[test]
fn odd_bytes_and_a_flood_leave_a_short_log() {
    let place = place(SOURCES);
    let mut daemon = Daemon::start(&place);
    let odd = "\u{1f9e8}\u{202e}é\u{fffd}".repeat(200);
    let headers = format!("x-zendesk-webhook-signature: {odd}\r\nx-{}: {odd}\r\n", "a");
    let body = json!({ "text": odd }).to_string();
    for _ in 0..200 {
        denied(&post(&daemon, "/events/support", &headers, &body));
    }
    assert_eq!(refused(&daemon, "support", "sender_malformed"), 200);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ends(), 0);
    let log = daemon.log();
    let told = log.lines().filter(|line| line.contains("sender_malformed"));
    assert!((10..60).contains(&told.count()), "{log}");
    assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
    assert!(
        !log.contains('\u{1f9e8}') && !log.contains("\\u{1f9e8}"),
        "{log}"
    );
}
