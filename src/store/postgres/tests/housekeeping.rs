//! Partitions by day, retention, and transactions that keep old rows from being removed.

use std::time::Duration;

use flowtrigger_testing::postgres::server;
use flowtrigger_testing::wait::within_timeout;
use jiff::Timestamp;
use tokio::time::sleep;

use super::{empty, maintain, open_with, received_now};
use crate::store::conformance::debounce::debounce;
use crate::store::conformance::everything;
use crate::store::conformance::history::deliveries::{accepted, rejected};
use crate::store::postgres::connection::{connect, connect_client};
use crate::store::postgres::housekeeping::sees_all_transactions;
use crate::store::postgres::{PostgresSettings, TimeSource};
use crate::store::{Delivery, Store, StoreSettings};
use flowtrigger_core::config::retention::Retention;
use flowtrigger_core::gate::DebounceKeep;
use flowtrigger_core::run::{RunId, RunState};

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

/// The gathered events of a run may be older than its own event, and older than what is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_stays_while_a_run_of_a_later_day_has_gathered_its_events() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open_with(&settings, keeping(5), TimeSource::Database);
    for id in ["1", "2"] {
        let mut event = received_now(id);
        event.planned[0].asks = vec![debounce(DebounceKeep::All)];
        store.commit(event).await.unwrap();
    }
    let sql = |text: &str| server.psql(&settings.url, text).trim().to_owned();
    let today: i64 = sql("SELECT floor(extract(epoch FROM now()) / 86400)::bigint")
        .parse()
        .unwrap();
    sql(&age(10));
    sql(&back(today, 10));
    let run = sql("SELECT id FROM live_runs");
    // As if the last event had come today.
    sql(&format!(
        "UPDATE live_runs SET day = {today}, event_day = {today}"
    ));
    let events = "SELECT count(*) FROM events";
    maintain(&store).await;
    assert_eq!(sql(events), "2", "run {run} is unfinished");
    let ended = format!(
        "SELECT count(*) FROM ended_runs WHERE id = {run} AND day = {today} AND event_day = {today}"
    );
    let run = RunId(run.parse().unwrap());
    store.cancel(run).await.unwrap();
    assert_eq!(sql(&ended), "1");
    maintain(&store).await;
    assert_eq!(sql(events), "2", "its history shows them");
    sql("DELETE FROM gathered");
    maintain(&store).await;
    assert_eq!(sql(events), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_elsewhere_is_measured() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open_with(&settings, StoreSettings::default(), TimeSource::Database);
    maintain(&store).await;
    let used = store.database_use();
    assert!(used.bytes > 0, "{used:?}");
    assert_eq!(used.oldest_snapshot, Duration::ZERO, "{used:?}");
    // One that has written and waits has an id and no snapshot; one that reads has a snapshot.
    for open in [
        "BEGIN; INSERT INTO facts VALUES ('a', 1)",
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1",
    ] {
        let client = connect_client(&settings.connection().unwrap()).await;
        let client = client.unwrap();
        client.batch_execute(open).await.unwrap();
        within_timeout("the transaction is found", async {
            while store.database_use().oldest_snapshot < Duration::from_secs(1) {
                maintain(&store).await;
                sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        client.batch_execute("ROLLBACK").await.unwrap();
        maintain(&store).await;
        assert_eq!(store.database_use().oldest_snapshot, Duration::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_to_see_transactions_of_others_is_known() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let limited = "DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN";
    server.psql(&settings.url, limited);
    let administrator =
        PostgresSettings::for_url(settings.url.replace("flowtrigger@", "postgres@"));
    let session = connect(&administrator.connection().unwrap()).await.unwrap();
    assert!(sees_all_transactions(&session).await.unwrap());
    session.plain("SET ROLE limited").await.unwrap();
    assert!(!sees_all_transactions(&session).await.unwrap());
    server.psql(&settings.url, "GRANT pg_read_all_stats TO limited");
    assert!(sees_all_transactions(&session).await.unwrap());
    drop(session);
    server.psql(&settings.url, "DROP ROLE limited");
}

/// The limits of the SQLite store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_requests_and_too_many_of_them_are_deleted() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let small = StoreSettings {
        retention: Retention {
            // 200 bytes each, in a twentieth.
            at_most: 5 * 200 * 20,
            ..Retention::default()
        },
        ..StoreSettings::default()
    };
    let store = open_with(&settings, small, TimeSource::Database);
    for delivery in [accepted("desk", "e1"), rejected("desk", 400, "unsound")] {
        for _ in 0..8 {
            store.record_delivery(Delivery {
                id: store.next_delivery(),
                received: Timestamp::now(),
                ..delivery.clone()
            });
        }
    }
    store.flush().await.unwrap();
    let sql = |text: &str| server.psql(&settings.url, text).trim().to_owned();
    maintain(&store).await;
    let by_kind = "SELECT accepted, count(*) FROM deliveries GROUP BY accepted ORDER BY accepted";
    assert_eq!(sql(by_kind), "0|5\n1|5");
    let day = 86_400_000_000_i64;
    let age = |days: i64| {
        sql(&format!(
            "UPDATE deliveries SET received = received - {}",
            days * day
        ))
    };
    age(6);
    maintain(&store).await;
    assert_eq!(sql(by_kind), "0|5\n1|5");
    age(1);
    maintain(&store).await;
    assert_eq!(sql(by_kind), "");
}
