//! Partitions by day, retention, and transactions that keep old rows from being removed.

use std::time::Duration;

use flowtrigger_testing::postgres::server;
use jiff::Timestamp;

use super::{empty, open_with};
use crate::store::conformance::{arrival, everything, live_rule};
use crate::store::postgres::executor::Requests;
use crate::store::postgres::{PostgresStore, TimeSource};
use crate::store::{IncomingEvent, Store, StoreError, StoreSettings};
use flowtrigger_core::config::retention::Retention;
use flowtrigger_core::run::RunState;

async fn maintain(store: &PostgresStore) {
    let requests: &Requests = &store.others;
    let done = requests.submit(|executor| {
        Box::pin(async move { executor.maintain().await.map_err(StoreError::from) })
    });
    done.await.unwrap();
}

fn received_now(id: &str) -> IncomingEvent {
    IncomingEvent {
        received: Timestamp::now(),
        ..arrival(id, &live_rule("a"))
    }
}

fn keeping(days: u64) -> StoreSettings {
    StoreSettings {
        retention: Retention {
            keep_for: Duration::from_secs(days * 86_400),
            ..Retention::default()
        },
        ..StoreSettings::default()
    }
}

/// Moves everything of today some days into the past.
fn age(days: i64) -> String {
    let tables = ["matched_events", "ended_runs", "log_entries"];
    let partitions: String = tables
        .iter()
        .map(|table| {
            format!(
                "CREATE TABLE old_{table} AS SELECT * FROM {table}; DELETE FROM {table};
                 UPDATE old_{table} SET day = day - {days};"
            )
        })
        .collect();
    format!(
        "{partitions}
         UPDATE old_ended_runs SET event_day = event_day - {days};
         UPDATE seen SET day = day - {days};
         UPDATE live_runs SET day = day - {days}, event_day = event_day - {days};"
    )
}

fn back(today: i64, days: i64) -> String {
    let day = today - days;
    let tables = [
        "matched_events",
        "unmatched_events",
        "ended_runs",
        "log_entries",
        "exchanges",
    ];
    let create: String = tables
        .iter()
        .map(|table| {
            format!(
                "CREATE TABLE {table}_{day} PARTITION OF {table} FOR VALUES FROM ({day}) TO ({});",
                day + 1
            )
        })
        .collect();
    format!(
        "{create}
         INSERT INTO days (day) VALUES ({day});
         INSERT INTO matched_events SELECT * FROM old_matched_events;
         INSERT INTO ended_runs SELECT * FROM old_ended_runs;
         INSERT INTO log_entries SELECT * FROM old_log_entries;
         DROP TABLE old_matched_events, old_ended_runs, old_log_entries;"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_dropped_with_its_partitions_unless_a_run_is_held() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open_with(&settings, keeping(5), TimeSource::Database);
    for id in ["1", "2"] {
        store.commit(received_now(id)).await.unwrap();
        let run = store.claim(everything()).await.unwrap().remove(0);
        let state = match id {
            "1" => RunState::Done,
            _ => RunState::Held { why: "x".into() },
        };
        store
            .advance(run.id, Vec::new(), Some(state))
            .await
            .unwrap();
    }
    let sql = |text: &str| server.psql(&settings.url, text).trim().to_owned();
    let today: i64 = sql("SELECT floor(extract(epoch FROM now()) / 86400)::bigint")
        .parse()
        .unwrap();
    sql(&age(10));
    sql(&back(today, 10));
    let runs = "SELECT count(*) FROM runs";
    maintain(&store).await;
    assert_eq!(sql(runs), "2", "one of them is held");
    sql("UPDATE ended_runs SET state = 'dead' WHERE state = 'held'");
    sql("UPDATE run_counts SET state = 'dead' WHERE state = 'held'");
    maintain(&store).await;
    assert_eq!(sql(runs), "0");
    assert_eq!(sql("SELECT count(*) FROM events"), "0");
    assert_eq!(sql("SELECT count(*) FROM seen"), "0");
    let partition = format!("SELECT to_regclass('ended_runs_{}') IS NULL", today - 10);
    assert_eq!(sql(&partition), "t");
    assert!(store.counts().await.unwrap().is_empty());
    // Its id is not known any more.
    assert!(!store.commit(received_now("1")).await.unwrap().redelivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_elsewhere_is_measured() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open_with(&settings, StoreSettings::default(), TimeSource::Database);
    maintain(&store).await;
    let used = store.database_use();
    assert!(used.bytes > 0, "{used:?}");
    assert!(used.oldest_snapshot < Duration::from_secs(600), "{used:?}");
}
