//! The suites of all stores on Postgres, and what only this store has.

mod creation;
mod daemons;
mod housekeeping;
mod lost_answers;
mod notices;
mod outage;
mod pooler;
mod unreferenced;
mod upgrade;
mod waits;

use flowtrigger_testing::postgres::{Postgres, server};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{ConnectionRole, PostgresSettings, PostgresStore, TimeSource};
use crate::store::conformance;
use crate::store::conformance::{arrival, live_rule};
use crate::store::{IncomingEvent, PostgresHistory, StoreError, StoreSettings};

/// A daemon's store that goes by the times of its callers.
fn open(settings: &PostgresSettings) -> PostgresStore {
    open_with(settings, StoreSettings::default(), TimeSource::Caller)
}

fn open_with(settings: &PostgresSettings, store: StoreSettings, time: TimeSource) -> PostgresStore {
    let opening = PostgresStore::start(settings, store, ConnectionRole::Daemon, time);
    block_in_place(|| Handle::current().block_on(opening))
        .unwrap()
        .0
}

fn empty(server: &Postgres) -> PostgresSettings {
    PostgresSettings::for_url(server.database())
}

/// What a daemon does every half minute, with what it does each hour.
async fn maintain(store: &PostgresStore) {
    let done = store.others.submit(|executor| {
        Box::pin(async move {
            executor.upkeep.unreferenced.versions_at = None;
            executor.maintain().await.map_err(StoreError::from)
        })
    });
    done.await.unwrap();
}

fn received_now(id: &str) -> IncomingEvent {
    IncomingEvent {
        received: Timestamp::now(),
        ..arrival(id, &live_rule("a"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let Some(server) = server() else { return };
    conformance::suite(|| open(&empty(&server))).await;
}

/// As behind a pooler that gives each transaction another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_without_prepared_statements() {
    let Some(server) = server() else { return };
    let unprepared = || {
        let url = format!("{}?prepared_statements=off", server.database());
        open(&PostgresSettings::for_url(url))
    };
    conformance::suite(unprepared).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_conforms() {
    let Some(server) = server() else { return };
    conformance::history::suite(|| {
        let settings = empty(&server);
        let store = open(&settings);
        let history = block_in_place(|| PostgresHistory::connect(&settings)).unwrap();
        (store, history)
    })
    .await;
}
