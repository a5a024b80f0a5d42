//! What the clock brings, and what is left of an order that was undone.

use super::*;

async fn tick(store: &SqliteStore) {
    let tick = |ledger: &mut ledger::Ledger<'_>| ledger.tick();
    store.writer.order(Safety::Disk, tick).await.unwrap();
}

fn edition(text: &str) -> Edition {
    Edition {
        files: vec![("a.yaml".into(), text.into())],
        config: Arc::default(),
        settings: Settings::default(),
    }
}

/// As a disk that refuses a write.
async fn undone(
    store: &SqliteStore,
    work: impl Fn(&mut ledger::Ledger<'_>) -> Result<(), StoreError> + Send + 'static,
) {
    let failing = move |ledger: &mut ledger::Ledger<'_>| {
        work(ledger)?;
        Err::<(), _>(StoreError::Broken("refused".into()))
    };
    assert!(store.writer.order(Safety::Disk, failing).await.is_err());
}

#[tokio::test]
async fn the_edition_in_force_stays_though_the_next_one_could_not_be_kept() {
    let house = House::new();
    let (store, _) = house.open();
    store.adopt(edition("one")).await.unwrap();
    let in_force = store.adopt(edition("two")).await.unwrap();
    undone(&store, |ledger| ledger.adopt(&edition("three")).map(drop)).await;
    for _ in 0..EVERY_TICK {
        tick(&store).await;
    }
    let kept = format!("SELECT count(*) FROM revisions WHERE id = {}", in_force.0);
    assert_eq!(house.rows(&kept), 1);
    assert_eq!(
        house.rows("SELECT count(*) FROM texts WHERE text = 'two'"),
        1
    );
}

/// Longer than from one look at everything to the next.
const EVERY_TICK: u32 = 61;

#[tokio::test]
async fn an_edition_that_nothing_refers_to_goes_with_its_texts() {
    let house = House::new();
    let (store, _) = house.open();
    let old = store.adopt(edition("old")).await.unwrap();
    for number in 0..20 {
        store.adopt(edition(&number.to_string())).await.unwrap();
    }
    let event = arrival("1", &live_rule("a")).event;
    let used = store.adopt(edition("used")).await.unwrap();
    store.archive(event.into(), used, Timestamp::now());
    for number in 20..40 {
        store.adopt(edition(&number.to_string())).await.unwrap();
    }
    for _ in 0..EVERY_TICK {
        tick(&store).await;
    }
    let kept = |id: EditionId| format!("SELECT count(*) FROM revisions WHERE id = {}", id.0);
    assert_eq!(house.rows(&kept(old)), 0);
    assert_eq!(house.rows(&kept(used)), 1);
    let texts = "SELECT count(*) FROM texts WHERE text = ";
    assert_eq!(house.rows(&format!("{texts}'old'")), 0);
    assert_eq!(house.rows(&format!("{texts}'used'")), 1);
    assert_eq!(house.rows(&format!("{texts}'39'")), 1);
}

#[tokio::test]
async fn events_that_a_failed_commit_took_with_it_count_as_lost() {
    let house = House::new();
    let (store, _) = house.open();
    let event = arrival("1", &live_rule("a")).event;
    store.archive(Arc::clone(&event).into(), EditionId(1), now());
    undone(&store, |ledger| ledger.file_shelf()).await;
    let (filed, lost) = store.archived();
    // The clock may have come first.
    assert_eq!(filed + lost, 1);
    assert_eq!(
        house.rows("SELECT count(*) FROM events"),
        i64::try_from(filed).unwrap()
    );
    store.archive(event.into(), EditionId(1), now());
    store.flush().await.unwrap();
    assert_eq!(store.archived(), (filed + 1, lost));
    assert!(store.archive_size() > 0);
}

#[tokio::test]
async fn the_archive_keeps_to_its_cap_however_fast_events_come() {
    let house = House::new();
    let mut settings = Settings::default();
    settings.archive.at_most = 200_000;
    let (store, _) = house.open_with(settings);
    let event = arrival("1", &live_rule("a")).event;
    for _ in 0..6 {
        for _ in 0..2_000 {
            store.archive(Arc::clone(&event).into(), EditionId(1), Timestamp::now());
        }
        tick(&store).await;
    }
    let size = house.rows("SELECT coalesce(sum(size), 0) FROM events WHERE matched = 0");
    assert!((100_000..=200_000).contains(&size), "{size}");
}

#[tokio::test]
async fn a_suspect_that_cannot_be_read_back_keeps_nobody_waiting() {
    let house = House::new();
    let (store, _) = house.open();
    for name in ["a", "b"] {
        let arrival = arrival(name, &live_rule(name));
        store.commit(arrival).await.unwrap();
    }
    assert_eq!(claimed(&store).await.len(), 2);
    let third = store.commit(arrival("c", &live_rule("c"))).await.unwrap();
    killed(store);
    let break_rules = |which: &str| {
        let sql = format!("UPDATE rules SET document = 'name: [' WHERE name IN ({which})");
        Connection::open(&house.path)
            .unwrap()
            .execute(&sql, [])
            .unwrap();
    };
    break_rules("'a', 'b'");
    let (store, recovered) = house.open();
    assert_eq!(recovered.suspects.len(), 2);
    assert_eq!(claimed(&store).await, [third.runs[0].id]);
}

#[tokio::test]
async fn the_oldest_queued_run_is_told_by_when_it_was_queued() {
    let house = House::new();
    let (store, _) = house.open();
    assert_eq!(store.oldest_queued().await.unwrap(), None);
    let mut early = arrival("1", &live_rule("a"));
    early.received = now() - Duration::from_secs(9);
    store.commit(early).await.unwrap();
    store.commit(arrival("2", &live_rule("b"))).await.unwrap();
    let nine = now() - Duration::from_secs(9);
    assert_eq!(store.oldest_queued().await.unwrap(), Some(nine));
    let one = Claim {
        limit: 1,
        ..everything()
    };
    store.claim(one).await.unwrap();
    assert_eq!(store.oldest_queued().await.unwrap(), Some(now()));
}

/// Writes rubbish over the first page of a table or an index.
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
async fn damage_that_recovery_meets_sets_the_file_aside() {
    let house = House::new();
    let (store, _) = house.open();
    store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    killed(store);
    damage(&house.path, "runs_by_state");
    let error = SqliteStore::open(&house.path, Settings::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!house.path.exists());
    house.open();
}
