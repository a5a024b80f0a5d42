//! Tests of changes that were committed although their answer was lost.

use std::net::SocketAddr;
use std::sync::Arc;

use flowtrigger_testing::fault_proxy::{Fault, FaultProxy, Flow};
use flowtrigger_testing::postgres::{Postgres, server};
use flowtrigger_testing::wait::wait_until;
use tokio::task::spawn_blocking;

use super::super::{PostgresSettings, PostgresStore};
use crate::store::conformance::{arrival, attempt, everything, live_rule};
use crate::store::{Advance, ClaimedRun, Store, StoreError, StoreSettings};
use flowtrigger_core::run::LogEntry;

/// A store behind a proxy, with a run that it has claimed.
struct Claimed {
    server: Postgres,
    database: String,
    proxy: Arc<FaultProxy>,
    store: PostgresStore,
    run: ClaimedRun,
}

impl Claimed {
    async fn new(server: Postgres) -> Self {
        let database = server.database();
        let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
        let proxy = Arc::new(FaultProxy::to(address));
        let name = database.rsplit('/').next().unwrap();
        let settings = PostgresSettings::for_url(server.url(proxy.port(), name));
        let opened = PostgresStore::connect(&settings, StoreSettings::default()).await;
        let store = opened.unwrap().0;
        store.commit(arrival("1", &live_rule("a"))).await.unwrap();
        let run = store.claim(everything()).await.unwrap().remove(0);
        let claimed = Self {
            server,
            database,
            proxy,
            store,
            run,
        };
        // Prepares the statements, so that the next change and its commit are sent at once.
        claimed.advance(vec![attempt(1)]).await.unwrap();
        claimed
    }

    async fn advance(&self, entries: Vec<LogEntry>) -> Result<(), StoreError> {
        let advance = Advance {
            run: self.run.id,
            claim: Some(self.run.claim),
            entries,
            state: None,
        };
        self.store.advance_all(vec![advance]).await.remove(0)
    }

    /// The same while the connection ends after the commit, before its answer arrives.
    async fn advance_without_answer(&self, entries: Vec<LogEntry>) {
        let (server, database) = (self.server.clone(), self.database.clone());
        let proxy = Arc::clone(&self.proxy);
        server.psql(&database, "CREATE TABLE go (id BIGINT)");
        let fault = spawn_blocking(move || {
            // Stops the statements that write, until the answers to them cannot arrive.
            let lock = "BEGIN; LOCK TABLE log_entries IN SHARE MODE;
                DO $$ BEGIN LOOP EXIT WHEN EXISTS (SELECT 1 FROM go); PERFORM pg_sleep(0.01); END LOOP; END $$; COMMIT";
            let (locking, locked) = (server.clone(), database.clone());
            let locker = std::thread::spawn(move || locking.psql(&locked, lock));
            let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
            wait_until("the change waits", || {
                server.psql(&database, waiting) != "0"
            });
            proxy.set(Fault::StallOne(Flow::ToClient));
            server.psql(&database, "INSERT INTO go VALUES (1)");
            locker.join().unwrap();
            let stored = "SELECT count(*) FROM log_entries";
            wait_until("the change is committed", || {
                server.psql(&database, stored) == "2"
            });
            proxy.cut();
            proxy.heal();
        });
        // Begins after the lock is held: a change that is faster would not be stopped.
        let (server, database) = (self.server.clone(), self.database.clone());
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 'log_entries'::regclass";
        spawn_blocking(move || {
            wait_until("the table is locked", || {
                server.psql(&database, held) != "0"
            });
        })
        .await
        .unwrap();
        let lost = self.advance(entries).await;
        assert!(matches!(lost, Err(StoreError::Unreachable(_))), "{lost:?}");
        fault.await.unwrap();
    }

    async fn log(&self) -> Vec<LogEntry> {
        self.store.run(self.run.id).await.unwrap().unwrap().log
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_stored_once_if_it_is_repeated() {
    let Some(server) = server() else { return };
    let claimed = Claimed::new(server).await;
    claimed.advance_without_answer(vec![attempt(2)]).await;
    claimed.advance(vec![attempt(2)]).await.unwrap();
    claimed.advance(vec![attempt(3)]).await.unwrap();
    assert_eq!(claimed.log().await, [1, 2, 3].map(attempt));
}

/// The caller has found the first entry in the log, and continues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_change_is_stored_if_it_is_another() {
    let Some(server) = server() else { return };
    let claimed = Claimed::new(server).await;
    claimed.advance_without_answer(vec![attempt(2)]).await;
    assert_eq!(claimed.log().await, [1, 2].map(attempt));
    claimed.advance(vec![attempt(3)]).await.unwrap();
    claimed.advance(vec![attempt(4)]).await.unwrap();
    assert_eq!(claimed.log().await, [1, 2, 3, 4].map(attempt));
}
