//! What the store in memory promises beyond the conformance suite: its bounds.

use super::*;
use crate::core::config::Mode;
use crate::store::conformance::{self, arrival, everything, live_rule};

#[tokio::test]
async fn conforms() {
    conformance::suite(MemoryStore::default).await;
}

fn small() -> MemoryStore {
    MemoryStore::new(Limits {
        finished: 2,
        seen: 3,
        unfinished: 2,
    })
}

async fn finish(store: &MemoryStore, run: RunId) {
    let done = Some(State::Done);
    store.advance(run, Vec::new(), done).await.unwrap();
}

async fn finish_all(store: &MemoryStore) {
    for run in store.claim(everything()).await.unwrap() {
        finish(store, run.id).await;
    }
}

#[tokio::test]
async fn a_full_backlog_accepts_nothing_of_an_array() {
    let store = small();
    let rule = live_rule("a");
    let arrivals = (0..3).map(|n| arrival(&format!("e{n}"), &rule)).collect();
    let refused = store.commit_all(arrivals).await;
    assert_eq!(refused, Err(StoreError::Full { unfinished: 0 }));
    assert!(store.unfinished(100).await.unwrap().is_empty());
    store.commit(arrival("e0", &rule)).await.unwrap();
    store.commit(arrival("e1", &rule)).await.unwrap();
    assert!(store.commit(arrival("e2", &rule)).await.is_err());
    finish_all(&store).await;
    assert!(store.commit(arrival("e2", &rule)).await.is_ok());
}

#[tokio::test]
async fn a_forgotten_run_still_answers_a_redelivery() {
    let store = small();
    let rule = live_rule("a");
    let mut first = None;
    for n in 0..3 {
        let committed = store.commit(arrival(&format!("e{n}"), &rule)).await;
        first = first.or(committed.ok());
        finish_all(&store).await;
    }
    let first = first.unwrap();
    assert!(store.run(first.runs[0].id).await.unwrap().is_none());
    let again = store.commit(arrival("e0", &rule)).await.unwrap();
    assert!(again.redelivered);
    assert_eq!(again.runs[0].id, first.runs[0].id);
    assert_eq!(again.runs[0].state, State::Done);
    store.commit(arrival("e3", &rule)).await.unwrap();
    let forgotten = store.commit(arrival("e0", &rule)).await.unwrap();
    assert!(!forgotten.redelivered);
}

#[tokio::test]
async fn the_id_of_unfinished_work_is_never_forgotten() {
    let store = MemoryStore::new(Limits {
        seen: 2,
        ..Limits::default()
    });
    let (open, shadow) = (live_rule("a"), live_rule("s"));
    store.commit(arrival("open", &open)).await.unwrap();
    for n in 0..5 {
        let mut done = arrival(&format!("e{n}"), &shadow);
        done.planned[0].mode = Mode::Shadow;
        store.commit(done).await.unwrap();
    }
    assert!(
        store
            .commit(arrival("open", &open))
            .await
            .unwrap()
            .redelivered
    );
}
