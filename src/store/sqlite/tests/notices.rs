//! Notices: windows after a restart, their deletion, and stores without a time between notices.

use super::*;
use crate::store::conformance::notices::{
    dies, notices, reported_rule, without_a_time_each_death_has_its_notice,
};

#[tokio::test]
async fn each_death_has_its_notice_in_memory_and_if_the_time_is_zero() {
    let memory = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
    without_a_time_each_death_has_its_notice(memory).await;
    let mut settings = StoreSettings::default();
    settings.limits.notice_every = Duration::ZERO;
    let folder = Folder::new();
    without_a_time_each_death_has_its_notice(folder.open_with(settings).0).await;
}

#[tokio::test]
async fn deaths_are_counted_across_a_restart() {
    let folder = Folder::new();
    let rule = reported_rule("a");
    for event in ["1", "2", "3", "4"] {
        let (store, _) = folder.open();
        dies(&store, &rule, event, "answered 503").await;
        killed(store);
    }
    let counts = "SELECT group_concat(json_extract(error, '$.count')) = '1,3'
        FROM runs WHERE error IS NOT NULL";
    assert_eq!(folder.rows(counts), 1);
    let reported = "SELECT count(*) FROM runs d JOIN runs n ON n.id = d.reported_by
        WHERE d.error IS NULL AND n.error IS NOT NULL";
    assert_eq!(folder.rows(reported), 4);
}

#[tokio::test]
async fn windows_that_are_over_are_deleted() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let rule = reported_rule("a");
    for (event, why) in [("1", "waits"), ("2", "waits"), ("3", "is over")] {
        dies(&store, &rule, event, why).await;
    }
    let windows = "SELECT count(*) FROM notices";
    maintain(&store).await;
    assert_eq!(folder.rows(windows), 2);
    let day = SignedDuration::from_hours(24);
    store.shift_clock(-day).await.unwrap();
    maintain(&store).await;
    assert_eq!(folder.rows(windows), 1, "its summary has not run yet");
    let summary = notices(&store).await.swap_remove(1);
    store.cancel(summary.id).await.unwrap();
    maintain(&store).await;
    assert_eq!(folder.rows(windows), 0);
}

/// More ticks than between two rounds of deletion.
async fn maintain(store: &SqliteStore) {
    for _ in 0..61 {
        let tick = |transaction: &mut WriteTransaction<'_>| transaction.tick();
        store.writer.submit(Durability::Synced, tick).await.unwrap();
    }
}
