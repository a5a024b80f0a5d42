//! A server that is stopped, or that accepts no writes, and answers again without an event that would notice.

use std::time::Duration;

use flowtrigger_testing::postgres::{Postgres, ServerOptions, own_server, server};
use flowtrigger_testing::wait::within_timeout;
use jiff::Timestamp;
use tokio::time::sleep;

use super::{empty, open};
use crate::store::conformance::history::deliveries::rejected;
use crate::store::conformance::history::exchanges::exchange;
use crate::store::conformance::{arrival, live_rule};
use crate::store::postgres::{PostgresSettings, PostgresStore};
use crate::store::{Delivery, RevisionId, Store, StoreError};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;

/// A store on a server of its own.
struct Outage {
    server: Postgres,
    settings: PostgresSettings,
    store: PostgresStore,
}

impl Outage {
    fn new() -> Option<Self> {
        let server = own_server(ServerOptions::default())?;
        let settings = empty(&server);
        Some(Self {
            store: open(&settings),
            server,
            settings,
        })
    }

    fn sql(&self, sql: &str) -> String {
        self.server.psql(&self.settings.url, sql).trim().to_owned()
    }

    async fn fail_a_commit(&self) {
        let failed = self.store.commit(arrival("1", &live_rule("a"))).await;
        assert!(
            matches!(failed, Err(StoreError::Unreachable(_))),
            "{failed:?}"
        );
        let why = self.store.health().unwrap_err();
        assert!(why.contains("tried again every 2 s"), "{why}");
    }

    async fn beat_until_it_succeeds(&self) {
        within_timeout("the daemon beats", async {
            while self.store.beat().await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_after_an_outage_makes_the_store_healthy() {
    let Some(outage) = Outage::new() else { return };
    outage.server.stop_immediately();
    outage.fail_a_commit().await;
    assert!(outage.store.beat().await.is_err());
    assert!(outage.store.health().is_err());
    outage.server.start();
    outage.beat_until_it_succeeds().await;
    assert_eq!(outage.store.health(), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_reads_is_not_healthy() {
    let Some(outage) = Outage::new() else { return };
    let name = outage.settings.url.rsplit('/').next().unwrap().to_owned();
    let set = |value: &str| {
        let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        outage.server.psql("postgres", &sql);
        outage.server.kill_backends();
    };
    set("on");
    // The first commit after the connections ended may find that out only then.
    within_timeout("a commit is rejected", async {
        loop {
            outage.fail_a_commit().await;
            if outage.store.health().unwrap_err().contains("read-only") {
                break;
            }
        }
    })
    .await;
    for _ in 0..3 {
        assert!(outage.store.beat().await.is_err());
    }
    assert!(outage.store.health().is_err());
    set("off");
    outage.beat_until_it_succeeds().await;
    assert_eq!(outage.store.health(), Ok(()));
}

/// Puts one row of each kind into the buffers.
fn fill(store: &PostgresStore) {
    let event = arrival("9", &live_rule("a")).event;
    store.archive_unmatched(event.into(), RevisionId::default(), Timestamp::now(), None);
    store.record_exchange(RecordedExchange {
        started: Timestamp::now(),
        ..exchange(RunId(7), 0, "https://a.example/1")
    });
    store.record_delivery(Delivery {
        id: store.next_delivery(),
        received: Timestamp::now(),
        ..rejected("desk", 400, "unsound")
    });
}

const STORED: &str =
    "SELECT (SELECT count(*) FROM unmatched_events), (SELECT count(*) FROM exchanges),
    (SELECT count(*) FROM deliveries)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_buffered_during_an_outage_is_written_after_it() {
    let Some(outage) = Outage::new() else { return };
    outage.server.stop_immediately();
    fill(&outage.store);
    for _ in 0..2 {
        assert!(outage.store.flush().await.is_err());
    }
    // What comes later waits in the buffers.
    fill(&outage.store);
    outage.server.start();
    within_timeout("the buffers are written", async {
        while outage.sql(STORED) != "2|2|2" {
            drop(outage.store.flush().await);
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(outage.store.archived(), (2, 0));
    assert_eq!(outage.store.recorded(), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_server_rejects_are_lost_and_the_next_are_written() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open(&settings);
    let sql = |text: &str| server.psql(&settings.url, text).trim().to_owned();
    sql("ALTER TABLE unmatched_events ADD CONSTRAINT small CHECK (size < 0)");
    fill(&store);
    within_timeout("the event is counted as lost", async {
        while store.archived() != (0, 1) {
            drop(store.flush().await);
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    sql("ALTER TABLE unmatched_events DROP CONSTRAINT small");
    fill(&store);
    store.flush().await.unwrap();
    assert_eq!(sql(STORED), "1|2|2");
    assert_eq!((store.archived(), store.recorded()), ((1, 1), (2, 0)));
}

/// As after a commit whose answer was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_written_again_are_stored_once() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open(&settings);
    let repeated = store.others.submit(|executor| {
        Box::pin(async move {
            let event = arrival("9", &live_rule("a")).event;
            let received = Timestamp::now();
            let shared = std::sync::Arc::clone(&executor.shared);
            shared
                .archive
                .put(&event.into(), RevisionId::default(), received, None);
            executor.take_unmatched().map_err(StoreError::from)?;
            for _ in 0..2 {
                let inserted = executor.insert_unmatched().await;
                inserted.map_err(StoreError::from)?;
            }
            Ok(())
        })
    });
    repeated.await.unwrap();
    store.flush().await.unwrap();
    let stored = server.psql(&settings.url, STORED);
    assert_eq!(stored.trim(), "1|0|0");
}
