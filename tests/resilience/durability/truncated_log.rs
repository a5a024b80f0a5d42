//! Power failure: after truncating the write-ahead log to any length, every event that was acknowledged by then
//! is in the store.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowtrigger::store::{SqliteStore, Store, StoreSettings};
use flowtrigger_testing::data_folder::DataFolder;

use super::events::{arrival, rule};

/// An acknowledged event, with the length of the log at that time.
#[derive(Debug)]
struct Acknowledged {
    id: String,
    log: u64,
}

/// The time of the acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Acknowledge {
    AfterTheCommit,
    /// The control: before the commit.
    Before,
}

const EVENTS: usize = 120;

/// Commits from several senders at once, so that batches form.
async fn senders(folder: &DataFolder, acknowledge: Acknowledge) -> Vec<Acknowledged> {
    let (store, _) = SqliteStore::open(&folder.database(), StoreSettings::default()).unwrap();
    let log = folder.path("flowtrigger.db-wal");
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, log, next) = (store.clone(), log.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            let rule = rule();
            let length = || fs::metadata(&log).map_or(0, |log| log.len());
            let mut acknowledged = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= EVENTS {
                    return acknowledged;
                }
                let id = format!("event-{number}");
                let asked = length();
                let arrival = arrival(&rule, &id, number * 37 % 3_000);
                store.commit(arrival).await.unwrap();
                let log = match acknowledge {
                    Acknowledge::AfterTheCommit => length(),
                    Acknowledge::Before => asked,
                };
                acknowledged.push(Acknowledged { id, log });
            }
        });
    }
    let mut all = Vec::new();
    while let Some(some) = tasks.join_next().await {
        all.extend(some.unwrap());
    }
    // Before the last handle closes, which would remove the log.
    for part in ["", "-wal"] {
        let from = folder.path(&format!("flowtrigger.db{part}"));
        fs::copy(from, folder.path(&format!("left{part}"))).unwrap();
    }
    all
}

/// The acknowledged events that are missing after truncating the log to `left` bytes.
async fn missing(folder: &DataFolder, all: &[Acknowledged], left: u64) -> Vec<String> {
    let again = DataFolder::new();
    fs::copy(folder.path("left"), again.database()).unwrap();
    let log = fs::read(folder.path("left-wal")).unwrap();
    let left_log = &log[..usize::try_from(left).unwrap().min(log.len())];
    fs::write(again.path("flowtrigger.db-wal"), left_log).unwrap();
    let (store, _) = SqliteStore::open(&again.database(), StoreSettings::default()).unwrap();
    let mut missing = Vec::new();
    for event in all.iter().filter(|event| event.log <= left) {
        if store.runs_of("support", &event.id).await.unwrap().len() != 1 {
            missing.push(event.id.clone());
        }
    }
    missing
}

/// The log lengths at the acknowledgements, and some in between.
fn lengths(all: &[Acknowledged], log: &Path) -> Vec<u64> {
    let whole = fs::metadata(log).unwrap().len();
    let mut lengths: Vec<u64> = all.iter().map(|event| event.log).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let between = lengths.windows(2).flat_map(|pair| {
        let gap = pair[1] - pair[0];
        [pair[0] + gap / 3, pair[1] - 1]
    });
    let mut all: Vec<u64> = between
        .chain(lengths.iter().copied())
        .chain([whole])
        .collect();
    all.sort_unstable();
    // About forty of them, evenly spread.
    let step = (all.len() / 40).max(1);
    all.into_iter().step_by(step).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_events_survive_any_truncation_of_the_log() {
    let folder = DataFolder::new();
    let all = senders(&folder, Acknowledge::AfterTheCommit).await;
    assert_eq!(all.len(), EVENTS);
    for left in lengths(&all, &folder.path("left-wal")) {
        let missing = missing(&folder, &all, left).await;
        assert!(missing.is_empty(), "{left} bytes left: {missing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_fails_for_early_acknowledgements() {
    let folder = DataFolder::new();
    let all = senders(&folder, Acknowledge::Before).await;
    let mut lost = 0;
    for left in lengths(&all, &folder.path("left-wal")) {
        lost += missing(&folder, &all, left).await.len();
    }
    assert!(lost > 0, "nothing was lost although it was told too early");
}
