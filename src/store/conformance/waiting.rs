//! Runs that wait for a time and hold no lane meanwhile.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{arrival, attempt, claimed, in_lane, later, live_rule, now, submit, to};
use crate::store::Store;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{RunId, RunState};

const DAYS: i64 = 4 * 86_400;

/// Runs of one lane, of which the first was claimed and waits for four days.
async fn one_waits<S: Store>(store: &S, rule: &Arc<Rule>, runs: usize) -> Vec<RunId> {
    let mut ids = Vec::new();
    for number in 0..runs {
        ids.push(submit(store, arrival(&number.to_string(), rule)).await);
    }
    assert_eq!(claimed(store, now()).await, ids[..1]);
    let until = later(DAYS);
    to(store, ids[0], RunState::Waiting { until }).await;
    ids
}

pub async fn a_waiting_run_delays_no_other<S: Store>(store: S) {
    let rule = live_rule("a");
    let runs = one_waits(&store, &rule, 2).await;
    let record = store.run(runs[0]).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Waiting { until: later(DAYS) });
    assert_eq!(claimed(&store, now()).await, [runs[1]], "its lane is free");
    to(&store, runs[1], RunState::Done).await;
    let third = submit(&store, arrival("third", &rule)).await;
    assert_eq!(claimed(&store, later(DAYS - 1)).await, [third]);
    to(&store, third, RunState::Done).await;
    assert_eq!(store.next_due().await.unwrap(), Some(later(DAYS)));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts["waiting"], counts["done"]), (1, 2));
    let unfinished = store.unfinished(9).await.unwrap();
    assert_eq!(unfinished[0].id, runs[0]);
    store
        .advance(runs[0], vec![attempt(1)], None)
        .await
        .unwrap();
    let again = store.claim(super::up_to(9, later(DAYS))).await.unwrap();
    assert_eq!((again[0].id, again[0].log.len()), (runs[0], 1));
    assert_eq!(store.next_due().await.unwrap(), None);
    to(&store, runs[0], RunState::Done).await;
    assert!(store.unfinished(9).await.unwrap().is_empty());
}

pub async fn a_run_that_is_due_waits_for_the_owner_of_its_lane<S: Store>(store: S) {
    let rule = live_rule("a");
    let runs = one_waits(&store, &rule, 3).await;
    assert_eq!(claimed(&store, now()).await, [runs[1]]);
    let due = later(DAYS);
    let fourth = submit(&store, arrival("fourth", &rule)).await;
    assert!(
        claimed(&store, due).await.is_empty(),
        "the owner is at work"
    );
    let state = store.run(runs[0]).await.unwrap().unwrap().state;
    assert_eq!(state, RunState::Queued);
    to(
        &store,
        runs[1],
        RunState::Retrying {
            until: later(DAYS + 9),
        },
    )
    .await;
    assert!(claimed(&store, due).await.is_empty(), "and keeps its lane");
    to(&store, runs[1], RunState::Done).await;
    for next in [runs[0], runs[2], fourth] {
        assert_eq!(claimed(&store, due).await, [next], "the oldest goes first");
        assert!(claimed(&store, due).await.is_empty());
        to(&store, next, RunState::Done).await;
    }
}

pub async fn runs_due_together_are_claimed_by_age<S: Store>(store: S) {
    let rule = live_rule("a");
    let runs = one_waits(&store, &rule, 3).await;
    for (run, days) in [(runs[1], DAYS - 60), (runs[2], DAYS - 30)] {
        assert_eq!(claimed(&store, now()).await, [run]);
        let until = later(days);
        to(&store, run, RunState::Waiting { until }).await;
    }
    for run in runs {
        assert_eq!(claimed(&store, later(DAYS)).await, [run]);
        to(&store, run, RunState::Done).await;
    }
}

pub async fn a_run_without_a_lane_waits_for_no_other<S: Store>(store: S) {
    let rule = live_rule("a");
    let run = submit(&store, in_lane("1", &rule, None)).await;
    claimed(&store, now()).await;
    to(&store, run, RunState::Waiting { until: later(60) }).await;
    let other = submit(&store, in_lane("2", &rule, None)).await;
    assert_eq!(claimed(&store, later(60)).await, [run, other]);
}

pub async fn a_waiting_run_can_be_cancelled_and_retried<S: Store>(store: S) {
    let rule = live_rule("a");
    let runs = one_waits(&store, &rule, 2).await;
    assert!(store.retry(runs[0], now()).await.is_err(), "it is not over");
    assert_eq!(
        store.cancel(runs[0]).await.unwrap().state,
        RunState::Cancelled
    );
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(claimed(&store, later(DAYS)).await, [runs[1]]);
    store.retry(runs[0], now()).await.unwrap();
    assert!(claimed(&store, now()).await.is_empty());
    to(&store, runs[1], RunState::Done).await;
    assert_eq!(claimed(&store, now()).await, [runs[0]]);
}

pub async fn due_times_move_with_the_clock<S: Store>(store: S) {
    let runs = one_waits(&store, &live_rule("a"), 1).await;
    let hour = 3_600;
    store
        .shift_clock(SignedDuration::from_secs(-hour))
        .await
        .unwrap();
    let until = later(DAYS - hour);
    assert_eq!(store.next_due().await.unwrap(), Some(until));
    let state = store.run(runs[0]).await.unwrap().unwrap().state;
    assert_eq!(state, RunState::Waiting { until });
    assert!(claimed(&store, later(DAYS - hour - 1)).await.is_empty());
    assert_eq!(claimed(&store, until).await, runs);
}
