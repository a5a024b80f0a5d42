//! More events than the daemon can process, and a blocked disk: senders receive a `Retry-After`, unmatched
//! events are still accepted, memory stays limited and no accepted event is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowtrigger_core::run::RunState;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::{Connection, Message};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::{TIMEOUT, wait_until};

use super::desk::{configure, event, request_rule, runs_of, sandbox};
use crate::scheduling::{ExclusiveTest, is_long, report};

/// Concurrent senders, and the maximum of events of each.
const SENDERS: usize = 16;
const EVENTS: usize = 100_000;
/// The memory limit for the unoptimised daemon with all its code. With all events of the long test in memory
/// it would use several times as much.
const MEMORY: u64 = 80 * 1024 * 1024;

/// The responses to the senders, by kind of event.
#[derive(Default)]
struct Responses {
    accepted: Vec<String>,
    unmatched: usize,
    later: Vec<Message>,
}

/// What the senders of a flood share.
#[derive(Default)]
struct Flood {
    is_over: AtomicBool,
    /// Responses with 429.
    rejected: AtomicUsize,
}

fn send(address: &str, sender: usize, flood: &Flood) -> Responses {
    let mut connection = Connection::open(address).unwrap();
    let mut responses = Responses::default();
    for number in 0..EVENTS {
        if flood.is_over.load(Ordering::Relaxed) {
            break;
        }
        let kind = ["a", "b", "nobody"][number % 3];
        let id = format!("{sender}-{number}");
        let ticket = (sender * EVENTS + number) as u64;
        let mut event = event(&id, ticket, kind);
        event["text"] = "x".repeat(2_000).into();
        let response = connection
            .send("POST", "/events/desk", &event.to_string())
            .unwrap();
        let status = response.status();
        flood
            .rejected
            .fetch_add(usize::from(status == 429), Ordering::Relaxed);
        match (status, kind) {
            (200, "nobody") => responses.unmatched += 1,
            (200, _) => responses.accepted.push(id),
            (429 | 503, "a" | "b") => responses.later.push(response),
            _ => panic!("{kind}: {response:?}"),
        }
    }
    responses
}

/// Sends events for this time, and on a slow machine longer, until some are rejected.
fn flood(daemon: &DaemonProcess, time: Duration) -> Responses {
    let flood = Arc::new(Flood::default());
    let start = Instant::now();
    let senders = (0..SENDERS).map(|sender| {
        let (address, flood) = (daemon.address.clone(), Arc::clone(&flood));
        std::thread::spawn(move || send(&address, sender, &flood))
    });
    let senders: Vec<JoinHandle<Responses>> = senders.collect();
    let is_enough = || start.elapsed() >= time && flood.rejected.load(Ordering::Relaxed) > 0;
    while !is_enough() && start.elapsed() < time + TIMEOUT {
        std::thread::sleep(Duration::from_millis(50));
    }
    flood.is_over.store(true, Ordering::Relaxed);
    let mut all = Responses::default();
    for sender in senders {
        let responses = sender.join().unwrap();
        all.accepted.extend(responses.accepted);
        all.unmatched += responses.unmatched;
        all.later.extend(responses.later);
    }
    all
}

#[track_caller]
fn comes_back_soon(answer: &Message) {
    let seconds = answer.retry_after();
    assert!((5..=30).contains(&seconds), "{answer:?}");
    assert_eq!(answer.json()["accepted"], false);
}

/// The accepted events that the receiver did not get and whose run is not held.
fn lost(sandbox: &Sandbox, accepted: &[String], receiver: &Receiver) -> Vec<String> {
    let got = receiver.received();
    let told: BTreeSet<&str> = got.iter().map(|got| got.id()).collect();
    let store = sandbox.store();
    let is_found = |id: &String| {
        let runs = runs_of(&store, id);
        match runs.first().map(|run| &run.state) {
            Some(RunState::Done) => told.contains(id.as_str()),
            Some(RunState::Held { .. }) => true,
            _ => false,
        }
    };
    accepted
        .iter()
        .filter(|id| !is_found(id))
        .cloned()
        .collect()
}

#[test]
fn a_flood_is_limited_and_no_accepted_event_is_lost() {
    let _exclusive = ExclusiveTest::start();
    let receiver = Receiver::delayed(Duration::from_millis(20), |_| 200);
    let rules = ["a", "b"].map(|kind| request_rule(kind, kind, receiver.port, ""));
    let sandbox = sandbox(&rules.join("---\n"));
    let limits = "{ runs: 4, per_host: 4, backlog: 200, per_rule_backlog: 90 }";
    configure(&sandbox, &format!("limits: {limits}\n"));
    let daemon = DaemonProcess::start(&sandbox);
    let seconds = if is_long() { 60 } else { 4 };
    let all = flood(&daemon, Duration::from_secs(seconds));
    let peak = daemon.peak_memory();
    report(&format!(
        "in {seconds} s: accepted {}, unmatched {}, sent away {}, memory {} MiB",
        all.accepted.len(),
        all.unmatched,
        all.later.len(),
        peak / 1024 / 1024
    ));
    assert!(peak < MEMORY, "{peak} bytes");
    assert!(all.unmatched > 0 && !all.accepted.is_empty());
    assert!(all.later.iter().any(|answer| answer.status() == 429));
    all.later.iter().for_each(comes_back_soon);
    daemon.wait_until_idle();
    let held = daemon.count("held");
    // Runs beyond `per_rule_backlog` are parked, up to `backlog` for each rule.
    assert!((1..=400).contains(&held), "{held}");
    daemon.stop();
    assert_eq!(
        lost(&sandbox, &all.accepted, &receiver),
        Vec::<String>::new()
    );
    retry_parked(&sandbox, &receiver, all.accepted.len());
}

/// Parked runs are done after `runs retry`.
fn retry_parked(sandbox: &Sandbox, receiver: &Receiver, accepted: usize) {
    let daemon = DaemonProcess::start(sandbox);
    let retry = ["runs", "retry", "--all", "--state", "held"];
    let retried = sandbox.command(&retry).output().unwrap();
    assert!(retried.status.success(), "{retried:?}");
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), accepted as u64);
    daemon.stop();
    assert_eq!(receiver.count(), accepted, "each once");
}

/// More events than the commit queue holds.
const WAITING: usize = 560;

#[test]
fn a_blocked_disk_rejects_events_until_it_recovers() {
    let _exclusive = ExclusiveTest::start();
    let receiver = Receiver::ok();
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, ""));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("before", 1, "made"));
    daemon.wait_until_idle();
    // Blocks all other writers.
    let disk = rusqlite::Connection::open(sandbox.database()).unwrap();
    disk.execute_batch("BEGIN IMMEDIATE").unwrap();
    let away = Arc::new(AtomicUsize::new(0));
    let senders = (0..WAITING).map(|number| {
        let (address, away) = (daemon.address.clone(), Arc::clone(&away));
        let send = move || {
            let event = event(&format!("e{number}"), number as u64, "made").to_string();
            let mut connection = Connection::open(&address).unwrap();
            let answer = connection.send("POST", "/events/desk", &event).unwrap();
            away.fetch_add(usize::from(answer.status() == 503), Ordering::Relaxed);
            answer
        };
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        thread.spawn(send).unwrap()
    });
    let senders: Vec<JoinHandle<Message>> = senders.collect();
    wait_until("some are sent away", || away.load(Ordering::Relaxed) > 0);
    assert_eq!(
        daemon.send("desk", &event("free", 1, "nobody")).status(),
        200
    );
    drop(disk);
    let answers: Vec<Message> = senders.into_iter().map(|s| s.join().unwrap()).collect();
    let (taken, refused): (Vec<&Message>, Vec<&Message>) =
        answers.iter().partition(|answer| answer.status() == 200);
    for answer in &refused {
        assert_eq!(answer.status(), 503, "{answer:?}");
        comes_back_soon(answer);
    }
    // Senders may retry now.
    daemon.accept("desk", &event("after", 1, "made"));
    daemon.wait_until_idle();
    let accepted = taken
        .iter()
        .map(|taken| taken.json()["event"].as_str().unwrap().to_owned());
    let accepted: Vec<String> = accepted.collect();
    daemon.stop();
    assert_eq!(lost(&sandbox, &accepted, &receiver), Vec::<String>::new());
    assert_eq!(receiver.count(), accepted.len() + 2, "refused is refused");
}

#[test]
fn a_connection_sends_no_faster_than_its_rate() {
    let receiver = Receiver::ok();
    let rule = "name: tell\nevent_source: desk\nevent_type: a\none_at_a_time_per: none\nflow:\n- http: { connection: crm, path: /told, json: { id: \"{{ id }}\" } }\n";
    let sandbox = sandbox(rule);
    configure(
        &sandbox,
        &format!(
            "connections: {{ crm: {{ base_url: \"http://127.0.0.1:{}\", rate_limit: {{ limit: 1, in: 1h }} }} }}\n",
            receiver.port
        ),
    );
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("1", 1, "a"));
    receiver.wait_for(1);
    daemon.accept("desk", &event("2", 2, "a"));
    wait_until("the second waits", || daemon.count("retrying") == 1);
    assert_eq!((receiver.count(), daemon.count("done")), (1, 1));
    daemon.stop();
}
