//! A `for_each` whose daemon is killed: finished items are not repeated, the others are done.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use flowtrigger::store::{SqliteStore, StoreSettings};
use flowtrigger_core::run::LogEntry;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::desk::{runs_of, sandbox};

const ITEMS: usize = 100;
/// Requests before the kill.
const BEFORE: usize = 50;

fn rule(port: u16) -> String {
    format!(
        "name: all\nevent_source: desk\nevent_type: made\nflow:\n- name: all\n  for_each: items\n  as: one\n  concurrency: 4\n  flow:\n  - name: tell\n    http: {{ url: \"http://127.0.0.1:{port}/tell\", json: {{ id: \"{{{{ one }}}}\" }} }}\n"
    )
}

fn list() -> Value {
    let items: Vec<String> = (0..ITEMS).map(|n| format!("item-{n}")).collect();
    json!({"kind": "made", "id": "a", "ticket": 1, "items": items})
}

/// The items that are done according to the run log. Reads a copy of the store, so that the next start finds it
/// as the kill left it.
fn finished(sandbox: &Sandbox) -> BTreeSet<String> {
    let copy = tempfile::tempdir().unwrap();
    for name in ["flowtrigger.db", "flowtrigger.db-wal"] {
        let from = sandbox.path("data").join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    let database = copy.path().join("flowtrigger.db");
    let (store, _) = SqliteStore::open(&database, StoreSettings::default()).unwrap();
    let run = runs_of(&store, "a").remove(0);
    let lines = run.log.iter().filter_map(LogEntry::attempt);
    let done = lines.filter(|attempt| attempt.outcome.is_ok());
    let places = done.filter_map(|attempt| {
        let item = attempt.step.strip_suffix(".tell")?;
        let number = item.strip_prefix("all[")?.strip_suffix(']')?;
        Some(format!("item-{number}"))
    });
    places.collect()
}

fn tries(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut tries = BTreeMap::new();
    for got in receiver.received() {
        *tries.entry(got.id().to_owned()).or_default() += 1;
    }
    tries
}

#[test]
fn after_a_kill_for_each_runs_only_the_unfinished_items() {
    let receiver = Receiver::ok();
    let sandbox = sandbox(&rule(receiver.port));
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &list());
    receiver.wait_for(BEFORE);
    first.kill();
    receiver.wait_until_drained();
    let finished = finished(&sandbox);
    let before = tries(&receiver);
    assert!(finished.len() < ITEMS, "it was killed too late");
    // Four are active, and four may have ended since the log was last stored.
    assert!(
        finished.len() + 8 >= before.len(),
        "{} of {}",
        finished.len(),
        before.len()
    );
    let second = DaemonProcess::start(&sandbox);
    wait_until("it is done", || second.count("done") == 1);
    second.stop();
    let after = tries(&receiver);
    assert_eq!(after.len(), ITEMS);
    for (item, count) in &after {
        let again = count - before.get(item).copied().unwrap_or_default();
        let expected = usize::from(!finished.contains(item));
        assert_eq!(again, expected, "{item}");
    }
    let keys: BTreeSet<String> = receiver.received().into_iter().map(|got| got.key).collect();
    assert_eq!(
        keys.len(),
        ITEMS,
        "one key for each item, however often it came"
    );
}
