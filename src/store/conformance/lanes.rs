//! The order of claims: one run of a lane at a time, rules in turn, each within its limit.

use super::{arrival, claimed, everything, in_lane, later, live_rule, now, submit, to, up_to};
use crate::store::{ClaimRequest, ClaimedRun, Store};
use flowtrigger_core::run::{RunId, RunState};

pub async fn runs_of_a_lane_are_executed_one_at_a_time<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = submit(&store, arrival("1", &rule)).await;
    let second = submit(&store, arrival("2", &rule)).await;
    let third = submit(&store, arrival("3", &rule)).await;
    for (owner, end) in [
        (first, RunState::Done),
        (second, RunState::Dead { why: "x".into() }),
        (third, RunState::Skipped { why: "y".into() }),
    ] {
        assert_eq!(claimed(&store, now()).await, [owner]);
        assert!(claimed(&store, now()).await.is_empty());
        to(&store, owner, end).await;
    }
    assert!(store.unfinished(100).await.unwrap().is_empty());
    let counts = store.counts().await.unwrap();
    assert_eq!(
        (counts["done"], counts["dead"], counts["skipped"]),
        (1, 1, 1)
    );
}

pub async fn lanes_do_not_wait_for_each_other<S: Store>(store: S) {
    let (a, b) = (live_rule("a"), live_rule("b"));
    let first = submit(&store, in_lane("1", &a, Some("7"))).await;
    submit(&store, in_lane("2", &a, Some("7"))).await;
    let other_ticket = submit(&store, in_lane("3", &a, Some("8"))).await;
    let other_rule = submit(&store, in_lane("4", &b, Some("7"))).await;
    let without = submit(&store, in_lane("5", &a, None)).await;
    let also_without = submit(&store, in_lane("6", &a, None)).await;
    let limited = store.claim(up_to(2, now())).await.unwrap();
    let limited: Vec<RunId> = limited.iter().map(|run| run.id).collect();
    assert_eq!(limited, [first, other_rule], "rules take turns");
    assert_eq!(
        claimed(&store, now()).await,
        [other_ticket, without, also_without],
        "within a rule the oldest goes first"
    );
}

pub async fn a_rule_has_a_limit_of_running_runs<S: Store>(store: S) {
    let (a, b) = (live_rule("a"), live_rule("b"));
    let mut of_a = Vec::new();
    for n in 0..5 {
        of_a.push(submit(&store, in_lane(&format!("a{n}"), &a, None)).await);
    }
    let of_b = submit(&store, in_lane("b", &b, None)).await;
    let two = ClaimRequest {
        per_rule: 2,
        ..everything()
    };
    let ids = |runs: Vec<ClaimedRun>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
    let first = ids(store.claim(two).await.unwrap());
    assert_eq!(first.len(), 3, "{first:?}");
    assert!(first.contains(&of_a[0]) && first.contains(&of_a[1]) && first.contains(&of_b));
    assert!(store.claim(two).await.unwrap().is_empty());
    to(&store, of_a[0], RunState::Done).await;
    assert_eq!(ids(store.claim(two).await.unwrap()), [of_a[2]]);
}

pub async fn a_retrying_run_keeps_its_lane_until_it_is_due<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = submit(&store, arrival("1", &rule)).await;
    let second = submit(&store, arrival("2", &rule)).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    claimed(&store, now()).await;
    let until = later(60);
    let retrying = RunState::Retrying { until };
    to(&store, first, retrying.clone()).await;
    assert_eq!(store.run(first).await.unwrap().unwrap().state, retrying);
    assert_eq!(store.next_due().await.unwrap(), Some(until));
    assert!(claimed(&store, later(59)).await.is_empty());
    assert_eq!(claimed(&store, later(60)).await, [first]);
    assert_eq!(store.next_due().await.unwrap(), None);
    to(&store, first, RunState::Done).await;
    assert_eq!(claimed(&store, now()).await, [second]);
}
