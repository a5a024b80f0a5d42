//! Notices: daemons count the failures of a cause together, and old windows are deleted.

use std::time::Duration;

use flowtrigger_testing::postgres::server;
use futures_util::future::join_all;

use super::{empty, maintain, open, open_with};
use crate::store::conformance::notices::{
    dies, notices, reported_rule, without_a_time_each_death_has_its_notice,
};
use crate::store::postgres::TimeSource;
use crate::store::{OutageNotice, Store, StoreSettings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_share_the_notices_of_a_cause() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let (one, two) = (open(&settings), open(&settings));
    let rule = reported_rule("a");
    let deaths = (0..24).map(|number| {
        let (store, rule) = (if number % 2 == 0 { &one } else { &two }, &rule);
        async move { dies(store, rule, &format!("e{number}"), "answered 503").await }
    });
    let dead = join_all(deaths).await;
    let sql = |text: &str| server.psql(&settings.url, text).trim().to_owned();
    let counts =
        "SELECT count(*), sum((error::json->>'count')::bigint) FROM runs WHERE error IS NOT NULL";
    assert_eq!(sql(counts), "2|24");
    let reported = "SELECT count(*) FROM runs AS d JOIN runs AS n ON n.id = d.reported_by WHERE d.error IS NULL";
    assert_eq!(sql(reported), "24");
    let outages = (0..12).map(|number: u32| {
        let store = match number % 2 {
            0 => &one,
            _ => &two,
        };
        let outage = OutageNotice {
            receiver: "connection chat".into(),
            since: jiff::Timestamp::UNIX_EPOCH,
            failures: number,
            message: "answered 503".into(),
            waiting: 1,
        };
        store.notify_outage(dead[0], outage)
    });
    for notified in join_all(outages).await {
        notified.unwrap();
    }
    assert_eq!(sql(counts), "4|36");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_time_each_death_has_its_own_notice() {
    let Some(server) = server() else { return };
    let mut settings = StoreSettings::default();
    settings.limits.notice_every = Duration::ZERO;
    let store = open_with(&empty(&server), settings, TimeSource::Caller);
    without_a_time_each_death_has_its_notice(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_that_are_over_are_deleted() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let store = open(&settings);
    let rule = reported_rule("a");
    for (event, why) in [("1", "waits"), ("2", "waits"), ("3", "is over")] {
        dies(&store, &rule, event, why).await;
    }
    let sql = |text: &str| server.psql(&settings.url, text).trim().to_owned();
    let windows = "SELECT count(*) FROM notices";
    store.beat().await.unwrap();
    maintain(&store).await;
    assert_eq!(sql(windows), "2");
    sql("UPDATE notices SET until = 0");
    maintain(&store).await;
    assert_eq!(sql(windows), "1", "its summary has not run yet");
    let summary = notices(&store).await.swap_remove(1);
    store.cancel(summary.id).await.unwrap();
    maintain(&store).await;
    assert_eq!(sql(windows), "0");
}
