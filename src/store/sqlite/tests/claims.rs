//! Claims and changes that are rolled back, and claims of earlier starts.

use super::*;
use crate::store::{Advance, ClaimId};

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
