//! The suites of all stores on Postgres, and what only this store has.

mod lost_answers;

use flowtrigger_testing::postgres::{Postgres, server};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{PostgresSettings, PostgresStore, Role, TimeSource};
use crate::store::conformance;
use crate::store::{PostgresHistory, StoreSettings};

/// A store that goes by the times of its callers.
fn open(settings: &PostgresSettings) -> PostgresStore {
    let store = StoreSettings::default();
    let opening = PostgresStore::start(settings, store, Role::Daemon, TimeSource::Caller);
    block_in_place(|| Handle::current().block_on(opening))
        .unwrap()
        .0
}

fn empty(server: &Postgres) -> PostgresSettings {
    PostgresSettings::for_url(server.database())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let Some(server) = server() else { return };
    conformance::suite(|| open(&empty(&server))).await;
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
