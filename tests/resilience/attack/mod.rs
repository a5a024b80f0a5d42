//! An attack on a daemon: every kind of request that it must reject, and rules that would do harm, while a
//! help desk sends signed events. `just attack` shows each attempt and its result. All attempts are limited
//! in number and time, and use loopback only.

mod requests;
mod signatures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, Response};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::sender::{now, signed_post, timestamp, zendesk_signature};
use flowtrigger_testing::wait::TIMEOUT;
use requests::Expected;
use signatures::{KEY, TOKEN};

use crate::crash::desk::{event, sandbox};
use crate::scheduling::{ExclusiveTest, is_long, report};

/// The timeout for slow senders.
const REQUEST: Duration = Duration::from_secs(2);

fn configuration() -> String {
    let seconds = REQUEST.as_secs();
    format!(
        "sources:
  desk: {{ event_type: {{ path: kind }}, id: id, key: ticket, verify: zendesk, secrets: [HOOK] }}
  crm: {{ event_type: {{ path: kind }}, id: id, key: ticket, verify: bearer, secrets: [TOKEN] }}
secrets:
  HOOK: {{ file: hook.key }}
  TOKEN: {{ file: token.key }}
listen: {{ connections: 200, request: {seconds}s }}
outgoing: {{ allow: [127.0.0.2] }}
"
    )
}

/// `work` is the normal rule; the others contain mistakes that an attacker could use.
fn rules(port: u16) -> String {
    let rule = |name: &str, kind: &str, step: &str| {
        format!(
            "name: {name}\nevent_source: desk\nevent_type: {kind}\nflow:\n- name: act\n  retry: {{ attempts: 1 }}\n  {step}\n"
        )
    };
    [
        rule("work", "good", &format!("http: {{ url: \"http://127.0.0.2:{port}/work\", json: {{ id: \"{{{{ id }}}}\" }} }}")),
        rule("metadata", "metadata", "http: { url: \"http://169.254.169.254/latest/meta-data/\" }"),
        rule("inside", "inside", &format!("http: {{ url: \"http://127.0.0.1:{port}/inside\" }}")),
        rule("mapped", "mapped", &format!("http: {{ url: \"http://[::ffff:127.0.0.1]:{port}/inside\" }}")),
        rule("name", "name", &format!("http: {{ url: \"http://localhost:{port}/inside\" }}")),
        rule("argv", "argv", "exec: [./record, \"{{ text }}\"]"),
    ]
    .join("---\n")
}

const RECORD: &str = "#!/bin/sh\nprintf '%s\\n%s' \"$#\" \"$1\" > recorded\n";

fn attacked(receiver: &Receiver) -> (Sandbox, DaemonProcess) {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = sandbox(&rules(receiver.port));
    sandbox.write("flowtrigger.yaml", configuration());
    sandbox.write("hook.key", KEY);
    sandbox.write("token.key", TOKEN);
    sandbox.write("rules/record", RECORD);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("rules/record"), executable).unwrap();
    let daemon = DaemonProcess::start(&sandbox);
    (sandbox, daemon)
}

/// The help desk: sends signed events one after the other until `stop`, and returns their ids.
fn help_desk(address: &str, stop: &AtomicBool, least: usize) -> Vec<String> {
    let mut sent = Vec::new();
    while sent.len() < least || !stop.load(Ordering::Relaxed) {
        let id = format!("good-{}", sent.len());
        let body = event(&id, sent.len() as u64, "good").to_string();
        let mut answered = None;
        // A help desk retries after a rejection or without a response.
        for _ in 0..50 {
            answered = requests::send(address, &signed_post("/events/desk", KEY, &body));
            if answered == Some(200) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(answered, Some(200), "{id}");
        sent.push(id);
        std::thread::sleep(Duration::from_millis(2));
    }
    sent
}

/// Each attempt with its result, and how often it happened.
#[derive(Default)]
struct Results(BTreeMap<(String, String), u32>);

impl Results {
    fn note(&mut self, tried: &str, came: impl Into<String>) {
        *self.0.entry((tried.to_owned(), came.into())).or_default() += 1;
    }

    fn print(&self) {
        for ((tried, came), times) in &self.0 {
            report(&format!("{times:>6}  {tried:<60} {came}"));
        }
    }
}

fn answer(status: Option<u16>) -> String {
    status.map_or("hung up".into(), |status| status.to_string())
}

fn send_requests(address: &str, times: u32, results: &mut Results) {
    let body = event("evil", 666, "good").to_string();
    for _ in 0..times {
        for attack in requests::requests(&body) {
            let status = requests::send(address, &attack.bytes);
            let fits = match attack.expected {
                Expected::Status(wanted) => status == Some(wanted),
                Expected::Rejected => status.is_none_or(|status| status >= 400),
            };
            assert!(
                fits,
                "{}: {status:?}, expected {:?}",
                attack.name, attack.expected
            );
            results.note(&attack.name, answer(status));
        }
    }
}

fn send_floods(address: &str, results: &mut Results) {
    let chunked = "POST /events/desk HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n";
    let gigabyte = 1 << 30;
    let stamp = timestamp(now());
    let looks_signed = format!(
        "{chunked}x-zendesk-webhook-signature: {}\r\nx-zendesk-webhook-signature-timestamp: {stamp}\r\n\r\n",
        zendesk_signature("guess", &stamp, b"")
    );
    for (name, head) in [
        ("a gigabyte, unsigned", format!("{chunked}\r\n")),
        ("a gigabyte, signed by a guess", looks_signed),
    ] {
        let (sent, status) = requests::send_endless(address, &head, gigabyte);
        assert!(sent < gigabyte / 8, "{name}: {sent} bytes were taken");
        assert!(
            status.is_none_or(|status| status >= 400),
            "{name}: {status:?}"
        );
        results.note(name, format!("{} after {} MB", answer(status), sent >> 20));
    }
    let kept = requests::send_slowly(address, 150);
    assert!(kept < TIMEOUT, "{kept:?}");
    results.note("150 connections that say next to nothing", "hung up");
    let sent = requests::send_without_reading(address);
    assert!(sent < 1_000_000);
    results.note("answers that nobody reads", "hung up");
}

/// Signed events whose rules would do harm.
fn send_harmful_events(daemon: &DaemonProcess, sandbox: &Sandbox, results: &mut Results) {
    let hostile = "'; touch owned; \"$(touch owned)\" `touch owned` \n--help \u{202e}";
    for kind in ["metadata", "inside", "mapped", "name", "argv"] {
        let mut lured = event(kind, 7, kind);
        lured["text"] = hostile.into();
        let body = lured.to_string();
        let status = requests::send(&daemon.address, &signed_post("/events/desk", KEY, &body));
        assert_eq!(status, Some(200), "{kind}");
        // The same signed request again is a redelivery.
        let again = requests::send(&daemon.address, &signed_post("/events/desk", KEY, &body));
        assert_eq!(again, Some(200), "{kind} again");
    }
    daemon.wait_until_idle();
    assert_eq!(sandbox.read("rules/recorded"), format!("1\n{hostile}"));
    assert!(!sandbox.path("rules/owned").exists() && !sandbox.path("owned").exists());
    results.note("text that would run in a shell", "one argument");
    assert_eq!(daemon.count("dead"), 4, "{}", daemon.log());
    results.note(
        "requests to metadata and loopback addresses",
        "dead: refused",
    );
}

#[test]
fn a_daemon_under_attack_rejects_it_and_loses_no_event() {
    let _exclusive = ExclusiveTest::start();
    let receiver = Receiver::listening_on("127.0.0.2:0", Response::status(200));
    let (sandbox, daemon) = attacked(&receiver);
    let (times, least) = if is_long() { (50, 2_000) } else { (3, 200) };
    let stop = Arc::new(AtomicBool::new(false));
    let desk = {
        let (address, stop) = (daemon.address.clone(), Arc::clone(&stop));
        std::thread::spawn(move || help_desk(&address, &stop, least))
    };
    let mut results = Results::default();
    send_requests(&daemon.address, times, &mut results);
    send_floods(&daemon.address, &mut results);
    send_harmful_events(&daemon, &sandbox, &mut results);
    stop.store(true, Ordering::Relaxed);
    let sent = desk.join().unwrap();
    daemon.wait_until_idle();
    let mut done: Vec<String> = receiver
        .received()
        .iter()
        .map(|got| got.id().to_owned())
        .collect();
    done.sort();
    let mut wanted = sent.clone();
    wanted.sort();
    assert_eq!(done, wanted, "each once, and nothing else");
    let peak = daemon.peak_memory() >> 20;
    results.print();
    report(&format!(
        "signed events meanwhile: {} sent, {} accepted, {} done once each; peak memory {peak} MB",
        sent.len(),
        sent.len(),
        done.len()
    ));
    assert!(peak < 200, "{peak} MB");
    let log = daemon.log();
    for secret in [KEY, TOKEN] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.len() < 4_000_000, "{} bytes of log", log.len());
    daemon.stop();
}
