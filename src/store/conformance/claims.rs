//! Claims: each has its own id, and only the current one of a run writes.

use super::{arrival, attempt, everything, in_lane, later, live_rule, now, submit, up_to};
use crate::store::{Advance, ClaimId, ClaimedRun, Store, StoreError};
use flowtrigger_core::run::{LogEntry, RunId, RunState};

async fn claim<S: Store>(store: &S) -> ClaimedRun {
    let mut claimed = store.claim(up_to(1, later(60))).await.unwrap();
    claimed.pop().unwrap()
}

async fn advance<S: Store>(
    store: &S,
    claimed: &ClaimedRun,
    entries: Vec<LogEntry>,
    state: Option<RunState>,
) -> Result<(), StoreError> {
    let advance = Advance {
        run: claimed.id,
        claim: Some(claimed.claim),
        entries,
        state,
    };
    let results = store.advance_all(vec![advance]).await;
    assert_eq!(results.len(), 1);
    results[0].clone()
}

/// The state of a run, and how many entries its log has.
async fn found<S: Store>(store: &S, run: RunId) -> (RunState, usize) {
    let record = store.run(run).await.unwrap().unwrap();
    (record.state, record.log.len())
}

pub async fn each_claim_has_its_own_id<S: Store>(store: S) {
    let rule = live_rule("a");
    for id in ["1", "2", "3"] {
        submit(&store, in_lane(id, &rule, None)).await;
    }
    let runs = store.claim(everything()).await.unwrap();
    let mut claims: Vec<ClaimId> = runs.iter().map(|run| run.claim).collect();
    let queued = Some(RunState::Queued);
    advance(&store, &runs[1], Vec::new(), queued).await.unwrap();
    let again = claim(&store).await;
    assert_eq!(again.id, runs[1].id);
    claims.push(again.claim);
    claims.sort_unstable();
    claims.dedup();
    assert_eq!(claims.len(), 4, "a run claimed again has another claim");
}

pub async fn a_claim_has_the_times_of_its_run<S: Store>(store: S) {
    let run = submit(&store, arrival("1", &live_rule("a"))).await;
    let planned = store.run(run).await.unwrap().unwrap().received;
    let first = claim(&store).await;
    assert_eq!((first.planned, first.queued), (planned, planned));
    let queued = Some(RunState::Queued);
    advance(&store, &first, Vec::new(), queued).await.unwrap();
    let again = claim(&store).await;
    assert_eq!(again.planned, planned, "it was planned once");
    assert_ne!(again.queued, planned, "it was queued twice");
}

pub async fn a_stale_claim_writes_nothing<S: Store>(store: S) {
    let run = submit(&store, arrival("1", &live_rule("a"))).await;
    let stale = claim(&store).await;
    let queued = Some(RunState::Queued);
    advance(&store, &stale, Vec::new(), queued).await.unwrap();
    let current = claim(&store).await;
    for state in [None, Some(RunState::Done), Some(RunState::Queued)] {
        let result = advance(&store, &stale, vec![attempt(1)], state).await;
        assert_eq!(result, Err(StoreError::ClaimLost(run.0)));
        assert_eq!(found(&store, run).await, (RunState::Running, 0));
    }
    let done = Some(RunState::Done);
    let entries = vec![attempt(1)];
    advance(&store, &current, entries, done).await.unwrap();
    assert_eq!(found(&store, run).await, (RunState::Done, 1));
}

pub async fn a_claim_ends_with_the_state<S: Store>(store: S) {
    let rule = live_rule("a");
    let until = later(30);
    for (number, state) in [
        RunState::Done,
        RunState::Dead { why: "x".into() },
        RunState::Held { why: "x".into() },
        RunState::Retrying { until },
        RunState::Waiting { until },
        RunState::Queued,
    ]
    .into_iter()
    .enumerate()
    {
        let run = submit(&store, in_lane(&number.to_string(), &rule, None)).await;
        let claimed = store.claim(everything()).await.unwrap().pop().unwrap();
        assert_eq!(claimed.id, run);
        advance(&store, &claimed, vec![attempt(1)], None)
            .await
            .unwrap();
        let ended = Some(state.clone());
        advance(&store, &claimed, Vec::new(), ended).await.unwrap();
        let done = Some(RunState::Done);
        let late = advance(&store, &claimed, vec![attempt(2)], done).await;
        assert_eq!(late, Err(StoreError::ClaimLost(run.0)), "{state:?}");
        assert_eq!(found(&store, run).await, (state, 1));
    }
}

pub async fn a_cancelled_run_has_no_claim<S: Store>(store: S) {
    let rule = live_rule("a");
    let run = submit(&store, arrival("1", &rule)).await;
    let claimed = claim(&store).await;
    store.cancel(run).await.unwrap();
    let late = advance(&store, &claimed, vec![attempt(1)], Some(RunState::Done)).await;
    assert_eq!(late, Err(StoreError::ClaimLost(run.0)));
    store.retry(run, now()).await.unwrap();
    let late = advance(&store, &claimed, Vec::new(), Some(RunState::Done)).await;
    assert_eq!(late, Err(StoreError::ClaimLost(run.0)));
    assert_eq!(found(&store, run).await.0, RunState::Queued);
}

pub async fn each_advance_has_its_result_in_order<S: Store>(store: S) {
    let rule = live_rule("a");
    for id in ["1", "2", "3"] {
        submit(&store, in_lane(id, &rule, None)).await;
    }
    let runs = store.claim(everything()).await.unwrap();
    let done = |run: RunId, claim| Advance {
        run,
        claim,
        entries: vec![attempt(1)],
        state: Some(RunState::Done),
    };
    let results = store
        .advance_all(vec![
            done(runs[0].id, Some(runs[0].claim)),
            done(runs[1].id, Some(ClaimId(u64::MAX))),
            done(RunId(9_999), None),
            done(runs[2].id, None),
        ])
        .await;
    assert_eq!(
        results,
        [
            Ok(()),
            Err(StoreError::ClaimLost(runs[1].id.0)),
            Err(StoreError::UnknownRun(9_999)),
            Ok(()),
        ]
    );
    let states = [
        found(&store, runs[0].id).await,
        found(&store, runs[1].id).await,
        found(&store, runs[2].id).await,
    ];
    let expected = [RunState::Done, RunState::Running, RunState::Done];
    assert_eq!(states.map(|(state, _)| state), expected);
    assert!(store.advance_all(Vec::new()).await.is_empty());
}
