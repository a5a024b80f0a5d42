//! Maintenance: deleting, and the state after a job that was rolled back.

use super::deliveries::DeliveryRows;
use super::*;
use crate::store::Delivery;
use crate::store::conformance::history::deliveries::{accepted, rejected};

async fn tick(store: &SqliteStore) {
    let tick = |transaction: &mut WriteTransaction<'_>| transaction.tick();
    store.writer.submit(Durability::Synced, tick).await.unwrap();
}

fn revision(text: &str) -> Revision {
    Revision {
        files: vec![("a.yaml".into(), text.into())],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    }
}

/// Like a disk that rejects a write.
async fn rolled_back(
    store: &SqliteStore,
    work: impl Fn(&mut WriteTransaction<'_>) -> Result<(), StoreError> + Send + 'static,
) {
    let failing = move |transaction: &mut WriteTransaction<'_>| {
        work(transaction)?;
        Err::<(), _>(StoreError::Broken("rejected".into()))
    };
    assert!(
        store
            .writer
            .submit(Durability::Synced, failing)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_active_revision_is_kept_if_the_next_one_fails() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    store.set_revision(revision("one")).await.unwrap();
    let activate_revision = store.set_revision(revision("two")).await.unwrap();
    rolled_back(&store, |transaction| {
        transaction.set_revision(&revision("three")).map(drop)
    })
    .await;
    for _ in 0..MANY_TICKS {
        tick(&store).await;
    }
    let kept = format!(
        "SELECT count(*) FROM revisions WHERE id = {}",
        activate_revision.0
    );
    assert_eq!(folder.rows(&kept), 1);
    assert_eq!(
        folder.rows("SELECT count(*) FROM texts WHERE text = 'two'"),
        1
    );
}

/// More ticks than between two moves of the age limits.
const MANY_TICKS: u32 = 61;

#[tokio::test]
async fn an_unreferenced_revision_is_deleted_with_its_texts() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let old = store.set_revision(revision("old")).await.unwrap();
    for number in 0..20 {
        store
            .set_revision(revision(&number.to_string()))
            .await
            .unwrap();
    }
    let event = arrival("1", &live_rule("a")).event;
    let used = store.set_revision(revision("used")).await.unwrap();
    store.archive_unmatched(event.into(), used, Timestamp::now(), None);
    for number in 20..40 {
        store
            .set_revision(revision(&number.to_string()))
            .await
            .unwrap();
    }
    for _ in 0..MANY_TICKS {
        tick(&store).await;
    }
    let kept = |id: RevisionId| format!("SELECT count(*) FROM revisions WHERE id = {}", id.0);
    assert_eq!(folder.rows(&kept(old)), 0);
    assert_eq!(folder.rows(&kept(used)), 1);
    let texts = "SELECT count(*) FROM texts WHERE text = ";
    assert_eq!(folder.rows(&format!("{texts}'old'")), 0);
    assert_eq!(folder.rows(&format!("{texts}'used'")), 1);
    assert_eq!(folder.rows(&format!("{texts}'39'")), 1);
}

#[tokio::test]
async fn the_revision_in_force_is_kept_also_if_it_is_not_the_newest() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let old = store.set_revision(revision("old")).await.unwrap();
    let newer = store.set_revision(revision("newer")).await.unwrap();
    assert_eq!(store.set_revision(revision("old")).await.unwrap(), old);
    drop(store);
    // A command that opens the store brings no revision into force.
    let (store, _) = folder.open();
    for _ in 0..MANY_TICKS {
        tick(&store).await;
    }
    let kept = |id: RevisionId| format!("SELECT count(*) FROM revisions WHERE id = {}", id.0);
    assert_eq!(folder.rows(&kept(old)), 1);
    assert_eq!(folder.rows(&kept(newer)), 0);
}

#[tokio::test]
async fn deliveries_of_a_failed_commit_count_as_lost() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let put = || {
        let id = store.next_delivery();
        store.record_delivery(Delivery {
            id,
            ..accepted("desk", "e1")
        });
    };
    put();
    rolled_back(&store, |transaction| transaction.write_deliveries()).await;
    let (written, lost) = store.delivered();
    // A tick may have written it first.
    assert_eq!(written + lost, 1);
    put();
    store.flush().await.unwrap();
    assert_eq!(store.delivered(), (written + 1, lost));
}

#[tokio::test]
async fn archived_events_of_a_failed_commit_count_as_lost() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let event = arrival("1", &live_rule("a")).event;
    store.archive_unmatched(Arc::clone(&event).into(), RevisionId(1), now(), None);
    rolled_back(&store, |transaction| transaction.write_archive_buffer()).await;
    let (filed, lost) = store.archived();
    // A tick may have written it first.
    assert_eq!(filed + lost, 1);
    assert_eq!(
        folder.rows("SELECT count(*) FROM events"),
        i64::try_from(filed).unwrap()
    );
    store.archive_unmatched(event.into(), RevisionId(1), now(), None);
    store.flush().await.unwrap();
    assert_eq!(store.archived(), (filed + 1, lost));
    assert!(store.archive_size() > 0);
}

#[tokio::test]
async fn the_archive_is_limited_however_fast_events_arrive() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    settings.archive.at_most = 200_000;
    let (store, _) = folder.open_with(settings);
    let event = arrival("1", &live_rule("a")).event;
    for _ in 0..6 {
        for _ in 0..2_000 {
            store.archive_unmatched(
                Arc::clone(&event).into(),
                RevisionId(1),
                Timestamp::now(),
                None,
            );
        }
        tick(&store).await;
    }
    let size = folder.rows("SELECT coalesce(sum(size), 0) FROM events WHERE matched = 0");
    assert!((100_000..=200_000).contains(&size), "{size}");
}

#[tokio::test]
async fn a_suspect_that_cannot_be_loaded_delays_no_other_run() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    for name in ["a", "b"] {
        let arrival = arrival(name, &live_rule(name));
        store.commit(arrival).await.unwrap();
    }
    assert_eq!(claimed(&store).await.len(), 2);
    let third = store.commit(arrival("c", &live_rule("c"))).await.unwrap();
    killed(store);
    let break_rules = |which: &str| {
        let sql = format!("UPDATE rules SET document = 'name: [' WHERE name IN ({which})");
        Connection::open(&folder.path)
            .unwrap()
            .execute(&sql, [])
            .unwrap();
    };
    break_rules("'a', 'b'");
    let (store, recovered) = folder.open();
    assert_eq!(recovered.suspects.len(), 2);
    assert_eq!(claimed(&store).await, [third.runs[0].id]);
}

#[tokio::test]
async fn the_oldest_queued_run_is_reported_by_its_queue_time() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    assert_eq!(store.oldest_queued_at().await.unwrap(), None);
    let mut early = arrival("1", &live_rule("a"));
    early.received = now() - Duration::from_secs(9);
    store.commit(early).await.unwrap();
    store.commit(arrival("2", &live_rule("b"))).await.unwrap();
    let nine = now() - Duration::from_secs(9);
    assert_eq!(store.oldest_queued_at().await.unwrap(), Some(nine));
    let one = ClaimRequest {
        limit: 1,
        ..everything()
    };
    store.claim(one).await.unwrap();
    assert_eq!(store.oldest_queued_at().await.unwrap(), Some(now()));
}

/// Overwrites the first page of a table or an index.
fn damage(path: &std::path::Path, name: &str) {
    use std::os::unix::fs::FileExt;
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: i64 = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
    let size: i64 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .unwrap();
    drop(connection);
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0xab; 512], u64::try_from((root - 1) * size).unwrap())
        .unwrap();
}

#[tokio::test]
async fn a_file_found_damaged_in_recovery_is_set_aside() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    killed(store);
    damage(&folder.path, "runs_by_state");
    let error = SqliteStore::open(&folder.path, StoreSettings::default()).unwrap_err();
    assert!(
        matches!(error, DatabaseOpenError::Damaged { .. }),
        "{error}"
    );
    assert!(!folder.path.exists());
    folder.open();
}

#[tokio::test]
async fn requests_of_one_kind_displace_none_of_the_other_and_fit_in_a_small_folder() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let mut small = revision("small");
    small.settings.retention.at_most = 1_000_000;
    store.set_revision(small).await.unwrap();
    let record = async |delivery: Delivery, seconds: i64| {
        store.record_delivery(Delivery {
            id: store.next_delivery(),
            received: Timestamp::now() + SignedDuration::from_secs(seconds),
            ..delivery
        });
        store.flush().await.unwrap();
    };
    for number in 0..300 {
        record(accepted("desk", "e"), number).await;
        if number % 100 == 0 {
            record(rejected("desk", 400, "unsound"), number).await;
        }
    }
    let kept = |accepted| format!("SELECT count(*) FROM deliveries WHERE accepted = {accepted}");
    assert_eq!((folder.rows(&kept(1)), folder.rows(&kept(0))), (250, 3));
    let oldest = "SELECT min(id) FROM deliveries WHERE accepted = 1";
    assert_eq!(
        folder.rows(oldest),
        52,
        "the oldest are deleted, and none of the others"
    );
}

#[tokio::test]
async fn requests_are_deleted_by_age_and_counted_again() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    for (delivery, hours) in [(accepted("desk", "e"), -24 * 8), (accepted("desk", "e"), 0)] {
        store.record_delivery(Delivery {
            id: store.next_delivery(),
            received: Timestamp::now() + SignedDuration::from_hours(hours),
            ..delivery
        });
    }
    store.flush().await.unwrap();
    for _ in 0..MANY_TICKS {
        tick(&store).await;
    }
    assert_eq!(folder.rows("SELECT count(*) FROM deliveries"), 1);
    let counted = |transaction: &mut WriteTransaction<'_>| Ok(transaction.state.delivery_rows);
    let counted = store.writer.submit(Durability::Buffered, counted).await;
    assert_eq!(counted.unwrap(), DeliveryRows::new(1, 0));
}
