//! A store in memory: it keeps every promise of the trait, and its memory stays bounded.

use super::*;

fn in_memory(settings: Settings) -> SqliteStore {
    SqliteStore::in_memory(settings).unwrap()
}

fn settings(backlog: usize, bytes: u64) -> Settings {
    let mut settings = Settings::in_memory();
    (settings.limits.backlog, settings.retention.at_most) = (backlog, bytes);
    settings
}

async fn finish_all(store: &SqliteStore) {
    for run in claimed(store).await {
        to(store, run, State::Done).await;
    }
}

async fn tick(store: &SqliteStore) {
    let tick = |ledger: &mut ledger::Ledger<'_>| ledger.tick();
    store.writer.order(Safety::Disk, tick).await.unwrap();
}

#[tokio::test]
async fn conforms() {
    conformance::suite(|| in_memory(Settings::in_memory())).await;
    assert!(!in_memory(Settings::in_memory()).is_durable());
}

#[tokio::test]
async fn a_full_backlog_accepts_nothing_of_an_array() {
    let store = in_memory(settings(2, 1 << 20));
    let rule = live_rule("a");
    let arrivals = (0..3).map(|n| arrival(&format!("e{n}"), &rule)).collect();
    let refused = store.commit_all(arrivals).await;
    assert_eq!(refused, Err(StoreError::Full { unfinished: 0 }));
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
async fn the_configured_limits_and_texts_are_those_of_a_daemon() {
    let store = in_memory(Settings::in_memory());
    let mut edition = Edition {
        files: vec![("a.yaml".into(), "text".into())],
        config: Arc::default(),
        settings: Settings::default(),
    };
    (
        edition.settings.limits.backlog,
        edition.settings.limits.per_rule_backlog,
    ) = (1, 1);
    store.adopt(edition).await.unwrap();
    let rule = live_rule("a");
    for n in 0..3 {
        let committed = store.commit(arrival(&n.to_string(), &rule)).await.unwrap();
        assert_eq!(committed.runs[0].state, State::Queued);
    }
    let texts = |ledger: &mut ledger::Ledger<'_>| {
        let sql = "SELECT count(*) FROM texts WHERE text = 'text'";
        Ok(ledger
            .connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(store.writer.order(Safety::System, texts).await, Ok(0));
}

#[tokio::test]
async fn the_oldest_finished_runs_go_beyond_the_size_and_the_newest_stay() {
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
    assert_eq!(newest.state, State::Done);
    let again = store.commit(arrival("e3-999", &rule)).await.unwrap();
    assert!(again.redelivered);
    let kept = store.counts().await.unwrap()["done"];
    assert!((100..3_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn what_is_unfinished_or_new_stays_whatever_the_size() {
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
    assert_eq!(again.runs[0].state, State::Running);
}

#[tokio::test]
async fn an_unmatched_event_is_not_kept() {
    let store = in_memory(Settings::in_memory());
    let event = arrival("1", &live_rule("a")).event;
    store.archive(event.into(), EditionId::default(), now());
    store.flush().await.unwrap();
    assert_eq!(store.archived(), (0, 0));
}
