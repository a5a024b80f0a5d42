//! Tests of the SQLite store beyond the conformance suite: restarts, limits, damage. Most read rows
//! from the file and nothing from the inside of the store.

mod awaiting;
mod backup;
mod batches;
mod claims;
mod counting;
mod exchanges;
mod maintenance;
mod memory;
mod migration;
mod migration_steps;
mod notices;
mod query_plans;
mod recovery;
mod replay;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use serde_json::json;

use super::*;
use crate::store::SqliteHistory;
use crate::store::conformance::{self, arrival, everything, live_rule, now};
use crate::store::sql::history;
use crate::store::{ArrivalKind, RecoveryReport, ReplayMark, StoreSettings};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure};
use flowtrigger_core::run::{Attempt, LogEntry, RunState};

struct Folder {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        Self {
            _folder: folder,
            path,
        }
    }

    fn open(&self) -> (SqliteStore, RecoveryReport) {
        self.open_with(StoreSettings::default())
    }

    fn open_with(&self, settings: StoreSettings) -> (SqliteStore, RecoveryReport) {
        SqliteStore::open(&self.path, settings).unwrap()
    }

    /// A store that has received events a second apart, and a connection to its file.
    async fn with_events_apart(&self, count: usize) -> Connection {
        let (store, _) = self.open();
        let rule = live_rule("a");
        let events = (0..count).map(|number| arrival(&number.to_string(), &rule));
        store.commit_all(events.collect()).await.unwrap();
        drop(store);
        let connection = database::open(&self.path).unwrap();
        let apart = "UPDATE events SET received = received + id * 1000000";
        connection.execute(apart, []).unwrap();
        connection
    }

    /// The position of a stored event in the order of receipt.
    fn position(&self, row: i64) -> crate::store::history::ArchivePosition {
        let received = self.rows(&format!("SELECT received FROM events WHERE id = {row}"));
        crate::store::history::ArchivePosition {
            received: codec::time(received),
            row: crate::store::history::EventRowId(row),
        }
    }

    fn rows(&self, sql: &str) -> i64 {
        let connection = Connection::open(&self.path).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

async fn claimed(store: &SqliteStore) -> Vec<RunId> {
    let runs = store.claim(everything()).await.unwrap();
    runs.iter().map(|run| run.id).collect()
}

async fn to(store: &SqliteStore, run: RunId, state: RunState) {
    store.advance(run, Vec::new(), Some(state)).await.unwrap();
}

/// Leaves the rows as the kill of the process does. (`tests/durability` reads the write-ahead log that a kill
/// leaves.)
fn killed(store: SqliteStore) {
    drop(store);
}

#[tokio::test]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    conformance::suite(|| {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.db", number.get()));
        SqliteStore::open(&path, StoreSettings::default())
            .unwrap()
            .0
    })
    .await;
}

#[tokio::test]
async fn history_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    conformance::history::suite(|| {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.db", number.get()));
        let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
        (store, SqliteHistory::open(&path).unwrap())
    })
    .await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let rule = live_rule("a");
    let first = store.commit(arrival("1", &rule)).await.unwrap().runs[0].id;
    let second = store.commit(arrival("2", &rule)).await.unwrap().runs[0].id;
    assert_eq!(claimed(&store).await, [first]);
    let attempt = LogEntry::Attempt(Attempt {
        step: "one".into(),
        number: 1,
        started: now(),
        took: Duration::from_millis(3),
        outcome: Err(CallFailure {
            message: "reach it".into(),
            retryable: true,
            retry_after: Some(Duration::from_secs(9)),
            status: None,
            effect: CallEffect::Possible,
            during_outage: false,
        }),
    });
    let until = now() + Duration::from_secs(5);
    let retrying = RunState::Retrying { until };
    let lines = vec![attempt.clone()];
    store
        .advance(first, lines, Some(retrying.clone()))
        .await
        .unwrap();
    killed(store);

    let (store, recovered) = folder.open();
    assert_eq!(recovered, RecoveryReport::default());
    let record = store.run(first).await.unwrap().unwrap();
    assert_eq!((record.state, record.log), (retrying, vec![attempt]));
    assert_eq!(record.rule.name, "a");
    assert_eq!(record.rule.version.fingerprint, rule.version.fingerprint);
    assert!(claimed(&store).await.is_empty(), "the lane is still owned");
    assert_eq!(store.next_due().await.unwrap(), Some(until));
    to(&store, first, RunState::Done).await;
    assert_eq!(claimed(&store).await, [second]);
    assert!(store.commit(arrival("1", &rule)).await.unwrap().redelivered);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts["done"], counts["running"], counts.len()), (1, 1, 2));
}

#[tokio::test]
async fn runs_of_a_rule_beyond_its_backlog_are_held() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    (settings.limits.backlog, settings.limits.per_rule_backlog) = (5, 3);
    let (store, _) = folder.open_with(settings);
    let (flood, calm) = (live_rule("flood"), live_rule("calm"));
    let mut words = Vec::new();
    for n in 0..5 {
        let committed = store
            .commit(arrival(&format!("f{n}"), &flood))
            .await
            .unwrap();
        words.push(committed.runs[0].state.as_str());
    }
    assert_eq!(words, ["queued", "queued", "queued", "held", "held"]);
    for n in 0..2 {
        let committed = store
            .commit(arrival(&format!("c{n}"), &calm))
            .await
            .unwrap();
        assert_eq!(committed.runs[0].state, RunState::Queued);
    }
    let full = store.commit(arrival("c2", &calm)).await;
    assert_eq!(full, Err(StoreError::Full { unfinished: 5 }));
    let again = store.commit(arrival("c1", &calm)).await.unwrap();
    assert!(again.redelivered, "what is known is answered all the same");
    let runs = store.runs_of("support", "f4").await.unwrap();
    let RunState::Held { why } = &runs[0].state else {
        panic!("{:?}", runs[0].state);
    };
    assert!(why.contains("--rule flood"), "{why}");
}

#[tokio::test]
async fn an_array_is_committed_all_or_none() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    settings.limits.backlog = 2;
    let (store, _) = folder.open_with(settings);
    let rule = live_rule("a");
    let arrivals: Vec<IncomingEvent> = (0..3).map(|n| arrival(&n.to_string(), &rule)).collect();
    assert!(store.commit_all(arrivals.clone()).await.is_err());
    assert_eq!(folder.rows("SELECT count(*) FROM events"), 0);
    store.commit_all(arrivals[..2].to_vec()).await.unwrap();
    assert_eq!(folder.rows("SELECT count(*) FROM events"), 2);
}

#[tokio::test]
async fn a_run_keeps_the_rule_it_was_planned_with() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let old = live_rule("a");
    store.commit(arrival("1", &old)).await.unwrap();
    let changed = old.version.document().replace("fine", "better");
    let new = flowtrigger_testing::rules::from_text(&changed);
    store.commit(arrival("2", &new.rules[0])).await.unwrap();
    killed(store);
    let (store, _) = folder.open();
    for (event, document) in [("1", old.version.document()), ("2", changed.as_str())] {
        let runs = store.runs_of("support", event).await.unwrap();
        assert_eq!(runs[0].rule.version.document(), document);
    }
    assert_eq!(folder.rows("SELECT count(*) FROM rules"), 2);
    assert_eq!(
        folder.rows("SELECT count(*) FROM configs"),
        1,
        "each is kept once"
    );
}

#[tokio::test]
async fn a_run_that_cannot_be_loaded_is_held_and_the_others_continue() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let broken = store
        .commit(arrival("1", &live_rule("a")))
        .await
        .unwrap()
        .runs[0]
        .id;
    let sound = store
        .commit(arrival("2", &live_rule("b")))
        .await
        .unwrap()
        .runs[0]
        .id;
    killed(store);
    Connection::open(&folder.path)
        .unwrap()
        .execute("UPDATE rules SET document = 'name: [' WHERE name = 'a'", [])
        .unwrap();
    let (store, _) = folder.open();
    assert_eq!(claimed(&store).await, [sound]);
    let held = folder.rows(&format!(
        "SELECT count(*) FROM runs WHERE id = {} AND state = 'held'",
        broken.0
    ));
    assert_eq!(held, 1);
}

#[tokio::test]
async fn unmatched_events_are_archived_soon_and_lost_ones_are_counted() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let event = arrival("1", &live_rule("a")).event;
    store.archive_unmatched(Arc::clone(&event).into(), RevisionId(1), now(), None);
    let mut large = Event::clone(&event);
    large.body = json!({"text": "x".repeat(3 << 20)});
    store.archive_unmatched(Arc::new(large).into(), RevisionId(1), now(), None);
    for _ in 0..100 {
        if store.archived() == (1, 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.archived(), (1, 1));
    assert_eq!(
        folder.rows("SELECT count(*) FROM events WHERE matched = 0"),
        1
    );
    let again = store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    assert!(!again.redelivered, "an archived event led to nothing");
}

#[tokio::test]
async fn dropping_the_last_handle_leaves_one_file() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    drop(store);
    let left = std::fs::read_dir(folder.path.parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["flowtrigger.db"]);
}

#[tokio::test]
async fn equal_revisions_are_stored_once() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let revision = |text: &str| Revision {
        files: vec![
            ("a.yaml".into(), text.into()),
            ("b.yaml".into(), "same".into()),
        ],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    };
    let first = store.set_revision(revision("one")).await.unwrap();
    let second = store.set_revision(revision("two")).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(store.set_revision(revision("one")).await.unwrap(), first);
    assert_eq!(
        folder.rows("SELECT count(*) FROM texts"),
        4,
        "one, two, same, no configuration"
    );
}

#[tokio::test]
async fn old_runs_are_deleted_and_held_ones_are_kept() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    settings.retention.keep_for = Duration::ZERO;
    settings.archive.keep_for = Duration::ZERO;
    let (store, _) = folder.open_with(settings);
    let rule = live_rule("a");
    let mut runs = Vec::new();
    for n in 0..4 {
        let mut arrival = arrival(&n.to_string(), &rule);
        (arrival.planned[0].lane, arrival.received) = (None, Timestamp::now());
        let run = store.commit(arrival).await.unwrap().runs[0].id;
        let url = format!("https://a.example/{n}");
        store.record_exchange(conformance::history::exchange(run, 0, &url));
        runs.push(run);
    }
    store.flush().await.unwrap();
    claimed(&store).await;
    to(&store, runs[0], RunState::Done).await;
    to(&store, runs[1], RunState::Dead { why: "x".into() }).await;
    to(&store, runs[2], RunState::Held { why: "y".into() }).await;
    let event = arrival("9", &rule).event;
    store.archive_unmatched(event.into(), RevisionId(1), Timestamp::now(), None);
    for _ in 0..200 {
        if folder.rows("SELECT count(*) FROM runs") == 2 {
            break;
        }
        let tick = |transaction: &mut WriteTransaction<'_>| transaction.tick();
        store
            .writer
            .submit(Durability::Buffered, tick)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        folder.rows("SELECT count(*) FROM runs WHERE state IN ('held', 'running')"),
        2
    );
    assert_eq!(folder.rows("SELECT count(*) FROM runs"), 2);
    assert_eq!(folder.rows("SELECT count(*) FROM events"), 2);
    assert_eq!(folder.rows("SELECT count(*) FROM exchanges"), 2);
    assert_eq!(folder.rows("SELECT count(*) FROM request_urls"), 2);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.get("done"), counts["held"]), (None, 1));
}

/// How many steps of its program SQLite executes for a query.
fn steps(
    connection: &Connection,
    (sql, values): (String, Vec<crate::store::sql::SqlValue<'_>>),
) -> i32 {
    let mut query = connection.prepare(&sql).unwrap();
    let rows = query.query_map(rusqlite::params_from_iter(values), |_| Ok(()));
    rows.unwrap().for_each(|row| row.unwrap());
    query.get_status(rusqlite::StatementStatus::VmStep)
}
