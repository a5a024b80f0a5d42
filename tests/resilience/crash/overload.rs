//! Far more events than can be worked on, and a disk that stands still: senders are told when to come back,
//! what matches nothing still passes, memory stays bounded and nothing that was accepted is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowtrigger::core::run::State;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::{Connection, Message};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;

use super::desk::{configure, event, request_rule, runs_of, sandbox};
use crate::scheduling::{ExclusiveTest, is_long, report};

/// Senders at a time, and events that each may send at most.
const SENDERS: usize = 16;
const EVENTS: usize = 100_000;
/// What the daemon may hold, all its code included, which is not optimised here. With every event of
/// such a minute in memory it would be several times as much.
const MEMORY: u64 = 80 * 1024 * 1024;

/// What senders were told, by the kind of their event.
#[derive(Default)]
struct Told {
    accepted: Vec<String>,
    unmatched: usize,
    later: Vec<Message>,
}

fn send(address: String, sender: usize, over: Arc<AtomicBool>) -> Told {
    let mut connection = Connection::open(&address).unwrap();
    let mut told = Told::default();
    for number in 0..EVENTS {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let kind = ["a", "b", "nobody"][number % 3];
        let id = format!("{sender}-{number}");
        let ticket = (sender * EVENTS + number) as u64;
        let mut event = event(&id, ticket, kind);
        event["text"] = "x".repeat(2_000).into();
        let answer = connection
            .send("POST", "/events/desk", &event.to_string())
            .unwrap();
        match (answer.status(), kind) {
            (200, "nobody") => told.unmatched += 1,
            (200, _) => told.accepted.push(id),
            (429 | 503, "a" | "b") => told.later.push(answer),
            _ => panic!("{kind}: {answer:?}"),
        }
    }
    told
}

fn flood(daemon: &DaemonProcess, time: Duration) -> Told {
    let over = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let senders = (0..SENDERS).map(|sender| {
        let (address, over) = (daemon.address.clone(), Arc::clone(&over));
        std::thread::spawn(move || send(address, sender, over))
    });
    let senders: Vec<JoinHandle<Told>> = senders.collect();
    while began.elapsed() < time && senders.iter().any(|sender| !sender.is_finished()) {
        std::thread::sleep(Duration::from_millis(50));
    }
    over.store(true, Ordering::Relaxed);
    let mut all = Told::default();
    for sender in senders {
        let told = sender.join().unwrap();
        all.accepted.extend(told.accepted);
        all.unmatched += told.unmatched;
        all.later.extend(told.later);
    }
    all
}

#[track_caller]
fn comes_back_soon(answer: &Message) {
    let seconds = answer.retry_after();
    assert!((5..=30).contains(&seconds), "{answer:?}");
    assert_eq!(answer.json()["accepted"], false);
}

/// Each accepted event was told, or its run is held.
fn lost(sandbox: &Sandbox, accepted: &[String], receiver: &Receiver) -> Vec<String> {
    let got = receiver.received();
    let told: BTreeSet<&str> = got.iter().map(|got| got.id()).collect();
    let store = sandbox.store();
    let is_found = |id: &String| {
        let runs = runs_of(&store, id);
        match runs.first().map(|run| &run.state) {
            Some(State::Done) => told.contains(id.as_str()),
            Some(State::Held { .. }) => true,
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
fn a_flood_is_bounded_and_nothing_that_was_accepted_is_lost() {
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
    // Each rule may lag by so much before it is parked, and of each as much may be parked as may wait
    // of all.
    assert!((1..=400).contains(&held), "{held}");
    daemon.stop();
    assert_eq!(
        lost(&sandbox, &all.accepted, &receiver),
        Vec::<String>::new()
    );
    revived(&sandbox, &receiver, all.accepted.len());
}

/// What was parked is done once a person says so.
fn revived(sandbox: &Sandbox, receiver: &Receiver, accepted: usize) {
    let daemon = DaemonProcess::start(sandbox);
    let retry = ["runs", "retry", "--all", "--state", "held"];
    let retried = sandbox.command(&retry).output().unwrap();
    assert!(retried.status.success(), "{retried:?}");
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), accepted as u64);
    daemon.stop();
    assert_eq!(receiver.count(), accepted, "each once");
}

/// More than the commit queue holds.
const WAITING: usize = 560;

#[test]
fn a_disk_that_stands_still_sends_senders_away_and_goes_on() {
    let _exclusive = ExclusiveTest::start();
    let receiver = Receiver::ok();
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, ""));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("before", 1, "made"));
    daemon.wait_until_idle();
    // Nobody else may write as long as this lasts.
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
    // Whoever was sent away may come back now; how many still waited then is a matter of pace.
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
