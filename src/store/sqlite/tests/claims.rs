//! Claims and changes that are rolled back, claims of earlier starts, and runs that end when they are claimed.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::store::{Advance, ClaimId, ClaimedRuns, EndAtOnce};

fn done(run: RunId, claim: ClaimId) -> Advance {
    Advance {
        run,
        claim: Some(claim),
        entries: Vec::new(),
        state: Some(RunState::Done),
    }
}

#[tokio::test]
async fn a_claim_is_still_current_if_its_end_was_rolled_back() {
    let store = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
    let event = arrival("1", &live_rule("a"));
    let run = store.commit(event).await.unwrap().runs[0].id;
    let claim = store.claim(everything()).await.unwrap()[0].claim;
    let advance = done(run, claim);
    let failing = move |transaction: &mut WriteTransaction<'_>| {
        transaction.advance(&advance, now())?;
        Err::<(), _>(StoreError::Broken("injected".into()))
    };
    let failed = store.writer.submit(Durability::Synced, failing).await;
    assert!(failed.is_err());
    let results = store.advance_all(vec![done(run, claim)]).await;
    assert_eq!(results, [Ok(())]);
}

#[tokio::test]
async fn a_claim_of_an_earlier_start_is_not_current() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let event = arrival("1", &live_rule("a"));
    let run = store.commit(event).await.unwrap().runs[0].id;
    let before = store.claim(everything()).await.unwrap()[0].claim;
    killed(store);
    let (store, _) = folder.open();
    let lost = [Err(StoreError::ClaimLost(run.0))];
    assert_eq!(store.advance_all(vec![done(run, before)]).await, lost);
    let claim = store.claim(everything()).await.unwrap()[0].claim;
    assert_ne!(claim, before);
    assert_eq!(store.advance_all(vec![done(run, before)]).await, lost);
    assert_eq!(store.advance_all(vec![done(run, claim)]).await, [Ok(())]);
}

/// Every run ends at once, and is counted.
fn all_end(decided: &Arc<AtomicUsize>) -> EndAtOnce {
    let decided = Arc::clone(decided);
    EndAtOnce::new(move |_, _| {
        decided.fetch_add(1, Ordering::Relaxed);
        Some(RunState::Done)
    })
}

async fn claimed_or_ended(store: &SqliteStore, end: EndAtOnce) -> (Vec<RunId>, Vec<RunId>) {
    let claimed = store.claim_or_end(everything(), end).await.unwrap();
    let ClaimedRuns { started, ended, .. } = claimed;
    (
        started.iter().map(|run| run.id).collect(),
        ended.iter().map(|ended| ended.run.id).collect(),
    )
}

#[tokio::test]
async fn a_run_that_ends_when_it_is_claimed_passes_its_lane() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let rule = live_rule("a");
    let mut runs = Vec::new();
    for id in ["1", "2", "3"] {
        let mut event = arrival(id, &rule);
        event.planned[0].lane = Some("7".into());
        runs.push(store.commit(event).await.unwrap().runs[0].id);
    }
    let decided = Arc::default();
    let (started, ended) = claimed_or_ended(&store, all_end(&decided)).await;
    assert_eq!((started, ended), (Vec::new(), runs));
    assert_eq!(decided.load(Ordering::Relaxed), 3);
    store.sync().await.unwrap();
    assert_eq!(
        folder.rows("SELECT count(*) FROM runs WHERE state = 'done'"),
        3
    );
    assert_eq!(folder.rows("SELECT count(*) FROM lanes"), 0);
    assert_eq!(store.counts().await.unwrap().get("done"), Some(&3));
}

#[tokio::test]
async fn a_suspect_never_ends_when_it_is_claimed() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let event = arrival("1", &live_rule("a"));
    let run = store.commit(event).await.unwrap().runs[0].id;
    claimed(&store).await;
    killed(store);
    let (store, report) = folder.open();
    assert_eq!(report.suspects, [run]);
    let decided = Arc::default();
    let (started, ended) = claimed_or_ended(&store, all_end(&decided)).await;
    assert_eq!((started, ended), (vec![run], Vec::new()));
    assert_eq!(decided.load(Ordering::Relaxed), 0);
}
