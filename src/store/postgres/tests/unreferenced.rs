//! Rows that nothing refers to any more are deleted, and none that a daemon or a kept day may need.

use std::sync::Arc;

use flowtrigger_testing::postgres::{Postgres, server};
use jiff::Timestamp;

use super::{empty, maintain, open_with, received_now};
use crate::store::conformance::everything;
use crate::store::conformance::history::exchanges::exchange;
use crate::store::postgres::{PostgresSettings, PostgresStore, TimeSource};
use crate::store::{Revision, Store, StoreSettings};
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{RunId, RunState};

/// A store, and its database.
struct Versions {
    server: Postgres,
    settings: PostgresSettings,
    store: PostgresStore,
}

impl Versions {
    fn new() -> Option<Self> {
        let server = server()?;
        let settings = empty(&server);
        let store = open_with(&settings, StoreSettings::default(), TimeSource::Database);
        Some(Self {
            server,
            settings,
            store,
        })
    }

    fn sql(&self, sql: &str) -> String {
        self.server.psql(&self.settings.url, sql).trim().to_owned()
    }

    /// As if all rows of versions and addresses had been used last some hours earlier.
    fn age(&self, hours: i64) {
        for table in [
            "texts",
            "configs",
            "revisions",
            "rules",
            "request_urls",
            "receivers",
        ] {
            let micros = hours * 3_600_000_000;
            self.sql(&format!("UPDATE {table} SET used = used - {micros}"));
        }
    }

    fn counts(&self) -> String {
        self.sql(
            "SELECT (SELECT count(*) FROM rules), (SELECT count(*) FROM configs), (SELECT count(*) FROM texts)",
        )
    }

    async fn execute(&self, id: &str) {
        self.store.commit(received_now(id)).await.unwrap();
        let run = self.store.claim(everything()).await.unwrap().remove(0);
        let done = self.store.advance(run.id, Vec::new(), Some(RunState::Done));
        done.await.unwrap();
    }

    fn delete_runs(&self) {
        self.sql("DELETE FROM ended_runs; DELETE FROM matched_events; DELETE FROM seen");
    }
}

fn revision(text: &str) -> Revision {
    Revision {
        files: vec![("a.yaml".into(), text.into())],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_deleted_after_two_days_without_use() {
    let Some(versions) = Versions::new() else {
        return;
    };
    versions.execute("1").await;
    versions.delete_runs();
    assert_eq!(versions.counts(), "1|1|1");
    versions.age(47);
    maintain(&versions.store).await;
    assert_eq!(versions.counts(), "1|1|1");
    versions.age(2);
    maintain(&versions.store).await;
    assert_eq!(versions.counts(), "0|0|0");
    // A daemon that does not remember the row inserts it again.
    let other = open_with(
        &versions.settings,
        StoreSettings::default(),
        TimeSource::Database,
    );
    other.commit(received_now("2")).await.unwrap();
    assert_eq!(versions.counts(), "1|1|1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_runs_and_of_kept_days_stay() {
    let Some(versions) = Versions::new() else {
        return;
    };
    versions.store.commit(received_now("1")).await.unwrap();
    versions.age(72);
    maintain(&versions.store).await;
    assert_eq!(versions.counts(), "1|1|1", "the run is unfinished");
    versions.sql("DELETE FROM live_runs; DELETE FROM matched_events; DELETE FROM seen");
    // A day whose runs may have had the rule.
    versions.sql("INSERT INTO days (day) SELECT min(day) - 3 FROM days");
    maintain(&versions.store).await;
    assert_eq!(versions.counts(), "1|1|1", "the day is kept");
    versions.sql("DELETE FROM days WHERE day = (SELECT min(day) FROM days)");
    maintain(&versions.store).await;
    assert_eq!(versions.counts(), "0|0|0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_used_is_noted_once_per_hour() {
    let Some(versions) = Versions::new() else {
        return;
    };
    versions.execute("1").await;
    let used = || versions.sql("SELECT used FROM rules");
    let commit = async |id: &str| {
        let other = open_with(
            &versions.settings,
            StoreSettings::default(),
            TimeSource::Database,
        );
        other.commit(received_now(id)).await.unwrap();
    };
    let before = used();
    commit("2").await;
    assert_eq!(used(), before);
    versions.age(2);
    let before = used();
    commit("3").await;
    assert_ne!(used(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_are_deleted_unless_a_daemon_has_them() {
    let Some(versions) = Versions::new() else {
        return;
    };
    for text in ["old", "newer", "newest"] {
        let stored = versions.store.set_revision(revision(text)).await;
        stored.unwrap();
    }
    versions
        .store
        .set_revision(revision("newer"))
        .await
        .unwrap();
    versions.age(72);
    maintain(&versions.store).await;
    // The page and commands read the one in force, which is not the newest.
    let texts =
        versions.sql("SELECT string_agg(text, ' ' ORDER BY id) FROM texts WHERE text <> ''");
    assert_eq!(texts, "newer");
    assert_eq!(versions.sql("SELECT count(*) FROM revisions"), "1");
    let of_deleted =
        "SELECT count(*) FROM activations WHERE revision NOT IN (SELECT id FROM revisions)";
    assert_eq!(versions.sql(of_deleted), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_without_exchanges_are_deleted() {
    let Some(versions) = Versions::new() else {
        return;
    };
    let send = async || {
        versions.store.record_exchange(RecordedExchange {
            started: Timestamp::now(),
            ..exchange(RunId(1), 0, "https://a.example/1")
        });
        versions.store.flush().await.unwrap();
    };
    let known = || {
        versions.sql("SELECT (SELECT count(*) FROM request_urls), (SELECT count(*) FROM receivers)")
    };
    send().await;
    versions.age(72);
    maintain(&versions.store).await;
    assert_eq!(known(), "1|1", "an exchange has them");
    versions.sql("DELETE FROM exchanges");
    // Another attempt is about to use them.
    send().await;
    versions.sql("DELETE FROM exchanges");
    maintain(&versions.store).await;
    assert_eq!(known(), "1|1", "they were used a moment ago");
    versions.age(72);
    maintain(&versions.store).await;
    assert_eq!(known(), "0|0");
}
