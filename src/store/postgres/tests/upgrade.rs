//! Versions of the schema: created once by many, upgraded by the newer daemon, and read by an older one if it may.

use flowtrigger_testing::postgres::server;

use super::{empty, open};
use crate::store::conformance::{arrival, live_rule};
use crate::store::postgres::{PostgresOpenError, PostgresStore, SCHEMA};
use crate::store::{Store, StoreSettings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_that_start_together_create_one_schema() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let opening = (0..4).map(|_| PostgresStore::connect(&settings, StoreSettings::default()));
    let opened = futures_util::future::join_all(opening).await;
    let stores: Vec<PostgresStore> = opened.into_iter().map(|opened| opened.unwrap().0).collect();
    assert_eq!(stores[0].beat().await.unwrap().daemons, 4);
    let versions = server.psql(&settings.url, "SELECT count(*) FROM schema_version");
    assert_eq!(versions.trim(), "1");
    let mut slots: Vec<i64> = stores
        .iter()
        .map(|store| store.shared.member().slot)
        .collect();
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_daemon_works_beside_a_newer_schema_if_that_says_so() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open(&settings);
    let newer = |compatible_from: i64| {
        let version = SCHEMA + 1;
        server.psql(
            &settings.url,
            &format!(
                "ALTER TABLE live_runs ADD COLUMN IF NOT EXISTS added BIGINT NOT NULL DEFAULT 0;
                 INSERT INTO schema_version VALUES ({version}, {compatible_from})"
            ),
        );
    };
    newer(SCHEMA);
    // The one that is running, and one that starts now.
    store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    let second = open(&settings);
    second.commit(arrival("2", &live_rule("a"))).await.unwrap();
    newer(SCHEMA + 1);
    let refused = PostgresStore::connect(&settings, StoreSettings::default()).await;
    let Err(PostgresOpenError::Newer { found, known, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((found, known), (SCHEMA + 1, SCHEMA));
}
