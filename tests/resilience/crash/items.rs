//! A list whose daemon is killed in the middle: what was finished is not done again, and the rest is done.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use flowtrigger::core::run::{Line, Outcome};
use flowtrigger::store::{Settings, SqliteStore};
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::place::{Place, runs_of};
use super::receiver::Receiver;
use super::turn::until;

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

/// The items whose request the log of the run says is done; a copy is asked, so that the next start finds
/// what the kill left.
fn finished(place: &Place) -> BTreeSet<String> {
    let copy = tempfile::tempdir().unwrap();
    for name in ["flowtrigger.db", "flowtrigger.db-wal"] {
        let from = place.path("data").join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    let database = copy.path().join("flowtrigger.db");
    let (store, _) = SqliteStore::open(&database, Settings::default()).unwrap();
    let run = runs_of(&store, "a").remove(0);
    let lines = run.log.iter().filter_map(Line::attempt);
    let done = lines.filter(|attempt| matches!(attempt.outcome, Outcome::Succeeded { .. }));
    let places = done.filter_map(|attempt| {
        let item = attempt.step.strip_suffix(".tell")?;
        let number = item.strip_prefix("all[")?.strip_suffix(']')?;
        Some(format!("item-{number}"))
    });
    places.collect()
}

fn tries(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut tries = BTreeMap::new();
    for got in receiver.got() {
        *tries.entry(got.id().to_owned()).or_default() += 1;
    }
    tries
}

#[test]
fn a_list_killed_halfway_repeats_no_finished_item_and_does_the_rest() {
    let receiver = Receiver::fine();
    let place = Place::new(&rule(receiver.port));
    let first = Daemon::start(&place);
    first.takes(&list());
    receiver.gets(BEFORE);
    first.kill();
    receiver.reads_all();
    let finished = finished(&place);
    let before = tries(&receiver);
    assert!(finished.len() < ITEMS, "it was killed too late");
    // Four are under way, and four may have ended since the log was last kept.
    assert!(
        finished.len() + 8 >= before.len(),
        "{} of {}",
        finished.len(),
        before.len()
    );
    let second = Daemon::start(&place);
    until("it is done", || second.count("done") == 1);
    second.stops();
    let after = tries(&receiver);
    assert_eq!(after.len(), ITEMS);
    for (item, count) in &after {
        let again = count - before.get(item).copied().unwrap_or_default();
        let wanted = usize::from(!finished.contains(item));
        assert_eq!(again, wanted, "{item}");
    }
    let keys: BTreeSet<String> = receiver.got().into_iter().map(|got| got.key).collect();
    assert_eq!(
        keys.len(),
        ITEMS,
        "one key for each item, however often it came"
    );
}
