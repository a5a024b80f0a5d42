//! A store in memory: it passes the conformance suite, and its memory is limited.

use super::*;

fn in_memory(settings: StoreSettings) -> SqliteStore {
    SqliteStore::in_memory(settings).unwrap()
}

fn settings(backlog: usize, bytes: u64) -> StoreSettings {
    let mut settings = StoreSettings::in_memory();
    (settings.limits.backlog, settings.retention.at_most) = (backlog, bytes);
    settings
}

async fn finish_all(store: &SqliteStore) {
    for run in claimed(store).await {
        to(store, run, RunState::Done).await;
    }
}

async fn tick(store: &SqliteStore) {
    let tick = |transaction: &mut WriteTransaction<'_>| transaction.tick();
    store.writer.submit(Durability::Synced, tick).await.unwrap();
}

#[tokio::test]
async fn conforms() {
    let mut settings = StoreSettings::in_memory();
    settings.limits.notice_every = StoreSettings::default().limits.notice_every;
    conformance::suite(|| in_memory(settings.clone())).await;
    assert!(!in_memory(StoreSettings::in_memory()).is_durable());
}

/// The maintenance after half a second would delete what expired by the clock of the machine.
#[tokio::test]
async fn nothing_expires_before_its_time_in_a_simulation() {
    let clock = VirtualClock::default();
    let store = SqliteStore::in_virtual_time(&clock, StoreSettings::in_memory()).unwrap();
    let count = async || {
        tick(&store).await;
        let count = |transaction: &mut WriteTransaction<'_>| {
            let sql = "SELECT count(*) FROM gate_admissions";
            Ok(transaction
                .connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))?)
        };
        store.writer.submit(Durability::Buffered, count).await
    };
    let admit = |transaction: &mut WriteTransaction<'_>| {
        let sql = "INSERT INTO gate_admissions VALUES (1, 'dedupe', 'v', 0, 1, 1000000)";
        Ok(transaction.connection.execute(sql, [])?)
    };
    store
        .writer
        .submit(Durability::Buffered, admit)
        .await
        .unwrap();
    assert_eq!(count().await, Ok(1));
    clock.set(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(62));
    // A commit may have a time that is a minute ago.
    let mut left = count().await;
    for _ in 0..100 {
        left = count().await;
    }
    assert_eq!(left, Ok(0));
}

#[tokio::test]
async fn a_full_backlog_accepts_nothing_of_an_array() {
    let store = in_memory(settings(2, 1 << 20));
    let rule = live_rule("a");
    let arrivals = (0..3).map(|n| arrival(&format!("e{n}"), &rule)).collect();
    let rejected = store.commit_all(arrivals).await;
    assert_eq!(rejected, Err(StoreError::Full { unfinished: 0 }));
    assert!(store.unfinished(100).await.unwrap().is_empty());
    store.commit(arrival("e0", &rule)).await.unwrap();
    store.commit(arrival("e1", &rule)).await.unwrap();
    assert!(store.commit(arrival("e2", &rule)).await.is_err());
    for _ in 0..2 {
        finish_all(&store).await;
    }
    assert!(store.commit(arrival("e2", &rule)).await.is_ok());
}

#[tokio::test]
async fn configured_limits_and_texts_do_not_apply_in_memory() {
    let store = in_memory(StoreSettings::in_memory());
    let mut revision = Revision {
        files: vec![("a.yaml".into(), "text".into())],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    };
    (
        revision.settings.limits.backlog,
        revision.settings.limits.per_rule_backlog,
    ) = (1, 1);
    store.set_revision(revision).await.unwrap();
    let rule = live_rule("a");
    for n in 0..3 {
        let committed = store.commit(arrival(&n.to_string(), &rule)).await.unwrap();
        assert_eq!(committed.runs[0].state, RunState::Queued);
    }
    let texts = |transaction: &mut WriteTransaction<'_>| {
        let sql = "SELECT count(*) FROM texts WHERE text = 'text'";
        Ok(transaction
            .connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(
        store.writer.submit(Durability::Buffered, texts).await,
        Ok(0)
    );
}

#[tokio::test]
async fn the_oldest_finished_runs_are_deleted_beyond_the_size() {
    let store = in_memory(settings(20_000, 1 << 20));
    let rule = live_rule("a");
    for batch in 0..4 {
        let arrivals = (0..1_000).map(|n| {
            let mut arrival = arrival(&format!("e{batch}-{n}"), &rule);
            arrival.planned[0].lane = None;
            arrival
        });
        store.commit_all(arrivals.collect()).await.unwrap();
        for _ in 0..10 {
            finish_all(&store).await;
        }
        for _ in 0..5 {
            tick(&store).await;
        }
    }
    let run = async |event: &str| store.runs_of("support", event).await.unwrap().pop();
    assert!(run("e0-0").await.is_none(), "the oldest are gone");
    let newest = run("e3-999").await.expect("the newest is there");
    assert_eq!(newest.state, RunState::Done);
    let again = store.commit(arrival("e3-999", &rule)).await.unwrap();
    assert!(again.redelivered);
    let kept = store.counts().await.unwrap()["done"];
    assert!((100..3_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn unfinished_runs_and_the_newest_events_are_kept_whatever_the_size() {
    let store = in_memory(settings(20_000, 1));
    let rule = live_rule("a");
    let open = store
        .commit(arrival("open", &live_rule("b")))
        .await
        .unwrap();
    assert_eq!(claimed(&store).await, [open.runs[0].id]);
    for n in 0..150 {
        store.commit(arrival(&n.to_string(), &rule)).await.unwrap();
        finish_all(&store).await;
    }
    tick(&store).await;
    assert_eq!(store.counts().await.unwrap()["done"], 100);
    let again = store.commit(arrival("open", &rule)).await.unwrap();
    assert!(again.redelivered);
    assert_eq!(again.runs[0].state, RunState::Running);
}

#[tokio::test]
async fn an_unmatched_event_is_not_archived() {
    let store = in_memory(StoreSettings::in_memory());
    let event = arrival("1", &live_rule("a")).event;
    store.archive_unmatched(event.into(), RevisionId::default(), now(), None);
    store.flush().await.unwrap();
    assert_eq!(store.archived(), (0, 0));
}
