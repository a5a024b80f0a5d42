//! `backup` and `restore` as an operator uses them: beside a daemon that accepts events, into a folder without one, and
//! what becomes of runs that were unfinished.

mod database;
mod rejected;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_flowtrigger");

/// Where nothing listens: runs with a request to it are retried for longer than a test takes.
const CONFIG: &str = "sources: { desk: { event_type: { path: kind }, key: ticket, id: id } }
connections:
  note: { base_url: 'outbox:note' }
  away: { base_url: 'http://127.0.0.1:9' }
outgoing: { allow: [127.0.0.1] }
";

const RULES: &str = "name: note
event_source: desk
event_type: x
flow:
  - http: { connection: note, path: /, json: { id: '{{ event.id }}' } }
---
name: away
event_source: desk
event_type: x
flow:
  - http: { connection: away, path: /, json: { id: '{{ event.id }}' } }
    retry: { attempts: 20, backoff: 1h }
";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("flowtrigger.yaml", CONFIG);
    sandbox.write_rules(RULES);
    sandbox
}

fn event(id: &str) -> Value {
    json!({"id": id, "kind": "x", "ticket": id})
}

/// The rows of `runs list` of a data folder.
fn runs(sandbox: &Sandbox, data: &str) -> Vec<Value> {
    let arguments = [
        "runs", "list", "--format", "json", "--limit", "100000", "--data", data,
    ];
    let output = sandbox.run(&arguments);
    assert_eq!(output.code, 0, "{output:?}");
    output.json_lines()
}

/// A sandbox with the backup `copy.db` of two events, of which one run each is unfinished.
fn with_backup() -> Sandbox {
    let sandbox = sandbox();
    let daemon = DaemonProcess::start(&sandbox);
    for id in ["one", "two"] {
        daemon.accept("desk", &event(id));
    }
    wait_until("the first attempts have failed", || {
        let runs = runs(&sandbox, "data");
        let is = |state: &str| runs.iter().filter(|run| run["state"] == state).count();
        is("done") == 2 && is("retrying") == 2
    });
    let output = sandbox.run(&["backup", "copy.db"]);
    output.expect_stdout(
        0,
        &["backed up to copy.db", "integrity", "2 done, 2 retrying"],
    );
    daemon.stop();
    sandbox
}

#[test]
fn a_backup_under_load_has_every_event_accepted_before_it_with_all_its_runs() {
    let sandbox = sandbox();
    let daemon = DaemonProcess::start(&sandbox);
    let post = |connection: &mut Connection<TcpStream>, id: &str| {
        let answer = connection.send("POST", "/events/desk", &event(id).to_string());
        assert_eq!(answer.expect("an answer").status(), 200);
    };
    let mut connection = Connection::open(&daemon.address).unwrap();
    for number in 0..150 {
        post(&mut connection, &format!("before-{number}"));
    }
    let is_over = AtomicBool::new(false);
    let accepted = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut connection = Connection::open(&daemon.address).unwrap();
            let mut accepted = 0;
            while !is_over.load(Ordering::Relaxed) {
                post(&mut connection, &format!("during-{accepted}"));
                accepted += 1;
            }
            accepted
        });
        let copies = (0..3).map(|number| {
            let copy = format!("copy-{number}.db");
            sandbox.run(&["backup", "--format", "json", &copy])
        });
        let copies: Vec<Output> = copies.collect();
        is_over.store(true, Ordering::Relaxed);
        (sender.join().unwrap(), copies)
    });
    let (accepted, copies) = accepted;
    assert!(accepted > 0);
    for (number, output) in copies.iter().enumerate() {
        assert_eq!(output.code, 0, "{output:?}");
        let told: Value = serde_json::from_str(&output.stdout).unwrap();
        let (copy, data) = (format!("copy-{number}.db"), format!("restored-{number}"));
        let restored = sandbox.run(&["restore", &copy, "--data", &data, "--format", "json"]);
        assert_eq!(restored.code, 0, "{restored:?}");
        let restored: Value = serde_json::from_str(&restored.stdout).unwrap();
        assert_eq!(told["runs"], restored["runs"]);
        let rows = runs(&sandbox, &data);
        let events = told["events"].as_u64().unwrap();
        assert!(events >= 150, "{told}");
        assert_eq!(rows.len() as u64, events * 2);
        let ids: BTreeSet<&str> = rows
            .iter()
            .map(|row| row["event"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len() as u64, events);
        assert!((0..150).all(|number| ids.contains(&*format!("before-{number}"))));
        // Every run is as it was, or held.
        let of = |state: &str| rows.iter().filter(|row| row["state"] == state).count() as u64;
        assert_eq!(of("held"), restored["held"].as_u64().unwrap());
        assert_eq!(of("done"), told["runs"]["done"].as_u64().unwrap_or(0));
        assert_eq!(of("done") + of("held"), events * 2);
    }
    daemon.stop();
}

#[test]
fn unfinished_runs_are_held_and_a_person_executes_or_ends_them() {
    let sandbox = with_backup();
    fs::remove_dir_all(sandbox.path("data")).unwrap();
    let checked = sandbox.run(&["restore", "--check", "copy.db"]);
    checked.expect_stdout(
        0,
        &["verified copy.db", "which a restore holds", "away", "2"],
    );
    assert!(!sandbox.path("data").exists());
    let restored = sandbox.run(&["restore", "copy.db"]);
    restored.expect_stdout(
        0,
        &["restored copy.db", "integrity", "2 runs in state `held`"],
    );
    let mode = fs::metadata(sandbox.path("data/flowtrigger.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!sandbox.path("data/flowtrigger.db-restoring").exists());
    // With the receiver back, nothing happens until a person decides.
    let sandbox = sandbox.with_env("FLOWTRIGGER_CONNECTIONS_AWAY_BASE_URL", "outbox:away");
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("three"));
    wait_until("the new runs end", || {
        let runs = runs(&sandbox, "data");
        runs.iter()
            .filter(|run| run["event"]["id"] == "three" && run["state"] == "done")
            .count()
            == 2
    });
    let held: Vec<Value> = runs(&sandbox, "data")
        .into_iter()
        .filter(|run| run["state"] == "held")
        .collect();
    assert_eq!(held.len(), 2);
    let why = held[0]["why"].as_str().unwrap();
    assert!(
        why.starts_with("restored from a backup whose newest event is of "),
        "{why}"
    );
    let (retried, cancelled) = (held[0]["id"].to_string(), held[1]["id"].to_string());
    assert!(
        why.contains(&format!("`flowtrigger runs retry {retried}`")),
        "{why}"
    );
    assert_eq!(sandbox.run(&["runs", "retry", &retried]).code, 0);
    assert_eq!(sandbox.run(&["runs", "cancel", &cancelled]).code, 0);
    // The retried run makes an attempt, which fails as the one before the backup did.
    wait_until("the run makes an attempt", || {
        let runs = runs(&sandbox, "data");
        let run = runs.iter().find(|run| run["id"] == held[0]["id"]);
        run.is_some_and(|run| run["state"] == "retrying" && run["attempts"] == 2)
    });
    daemon.stop();
    assert_eq!(sandbox.read("data/outbox/away.ndjson").lines().count(), 1);
}

#[test]
fn with_resume_the_daemon_executes_the_unfinished_runs() {
    let sandbox = with_backup();
    let restored = sandbox.run(&["restore", "--resume", "copy.db", "--data", "other"]);
    restored.expect_stdout(0, &["which the daemon executes when it starts", "away"]);
    let states = |state: &str| {
        let runs = runs(&sandbox, "other");
        runs.iter().filter(|run| run["state"] == state).count()
    };
    assert_eq!(
        (states("retrying"), states("done"), states("held")),
        (2, 2, 0)
    );
}

#[test]
fn runs_of_a_folder_that_was_copied_by_hand_are_held_in_place() {
    let sandbox = with_backup();
    fs::create_dir(sandbox.path("other")).unwrap();
    fs::copy(
        sandbox.path("copy.db"),
        sandbox.path("other/flowtrigger.db"),
    )
    .unwrap();
    let held = sandbox.run(&["restore", "--in-place", "--data", "other"]);
    held.expect_stdout(0, &["away", "2 runs in state `held`"]);
}

#[test]
fn a_restored_run_that_is_retried_waits_until_its_time() {
    let sandbox = sandbox();
    sandbox.write_rules("name: later\nevent_source: desk\nevent_type: x\nflow:\n  - wait: 5h\n  - http: { connection: note, path: /, json: {} }\n");
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("one"));
    wait_until("the run waits", || daemon.count("waiting") == 1);
    assert_eq!(sandbox.run(&["backup", "copy.db"]).code, 0);
    daemon.stop();
    fs::remove_dir_all(sandbox.path("data")).unwrap();
    let restored = sandbox.run(&["restore", "copy.db"]);
    restored.expect_stdout(0, &["1 run in state `held`"]);
    let id = runs(&sandbox, "data")[0]["id"].to_string();
    assert_eq!(sandbox.run(&["runs", "retry", &id]).code, 0);
    let daemon = DaemonProcess::start(&sandbox);
    wait_until("the run waits or has ended", || {
        daemon.count("queued") + daemon.count("running") == 0
    });
    assert_eq!((daemon.count("waiting"), daemon.count("done")), (1, 0));
    daemon.stop();
}
