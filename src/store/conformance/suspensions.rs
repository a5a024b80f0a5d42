//! Suspensions are changed by those who know their version; parked runs keep their lane and are released in order.

use super::*;
use crate::store::suspension::{ParkedQuery, Release, SuspensionChange};
use flowtrigger_core::suspension::{Pause, Suspension, SuspensionTarget};

fn chat() -> SuspensionTarget {
    SuspensionTarget::Connection("chat".into())
}

fn paused() -> Suspension {
    Suspension::default().paused(Pause {
        since: now(),
        by: "ines".into(),
        note: String::new(),
    })
}

fn parked(target: &SuspensionTarget) -> RunState {
    RunState::Parked {
        on: target.key(),
        why: "waits for connection `chat`".into(),
    }
}

fn query(after: Option<RunId>, limit: u32) -> ParkedQuery {
    ParkedQuery {
        target: chat(),
        after,
        limit,
    }
}

fn of(target: SuspensionTarget, runs: &[RunId]) -> Release {
    Release {
        target,
        runs: runs.to_vec(),
        now: now(),
    }
}

async fn change<S: Store>(store: &S, expected: Option<i64>, to: Suspension) -> Option<i64> {
    let change = SuspensionChange {
        target: chat(),
        expected,
        suspension: to,
    };
    store.change_suspension(change).await.unwrap()
}

pub async fn only_the_first_of_two_changes_succeeds<S: Store>(store: S) {
    assert_eq!(store.suspensions().await.unwrap(), []);
    let first = change(&store, None, paused()).await.unwrap();
    assert_eq!(change(&store, None, paused()).await, None);
    let stored = store.suspensions().await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((&stored[0].target, stored[0].version), (&chat(), first));
    assert_eq!(stored[0].suspension, paused());
    let resumed = paused().resumed(now());
    let second = change(&store, Some(first), resumed.clone()).await.unwrap();
    assert_ne!(second, first);
    assert_eq!(change(&store, Some(first), paused()).await, None);
    assert_eq!(store.suspensions().await.unwrap()[0].suspension, resumed);
    assert!(
        change(&store, Some(second), Suspension::default())
            .await
            .is_some()
    );
    assert_eq!(store.suspensions().await.unwrap(), []);
}

pub async fn parked_runs_are_released_in_order<S: Store>(store: S) {
    let rule = live_rule("a");
    let mut runs = Vec::new();
    for number in 0..4 {
        let id = number.to_string();
        runs.push(submit(&store, in_lane(&id, &rule, Some(&id))).await);
    }
    claimed(&store, now()).await;
    for run in &runs {
        to(&store, *run, parked(&chat())).await;
    }
    let record = store.run(runs[0]).await.unwrap().unwrap();
    assert_eq!(
        (record.state.as_str(), &record.state),
        ("retrying", &parked(&chat()))
    );
    assert_eq!(store.counts().await.unwrap().get("retrying"), Some(&4));
    assert_eq!(store.next_due().await.unwrap(), None);
    assert!(claimed(&store, later(999_999)).await.is_empty());
    let waiting = store.parked().await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0].target, waiting[0].count), (&chat(), 4));
    assert_eq!(store.parked_runs(query(None, 2)).await.unwrap(), runs[..2]);
    let after = store.parked_runs(query(Some(runs[2]), 9)).await.unwrap();
    assert_eq!(after, [runs[3], runs[0], runs[1], runs[2]]);
    store.cancel(runs[1]).await.unwrap();
    let other = SuspensionTarget::Rule("a".into());
    assert_eq!(store.release(of(other, &runs)).await.unwrap(), 0);
    let first = vec![runs[0], runs[1]];
    assert_eq!(store.release(of(chat(), &first)).await.unwrap(), 1);
    assert_eq!(store.release(of(chat(), &first)).await.unwrap(), 0);
    assert_eq!(claimed(&store, now()).await, [runs[0]]);
    assert_eq!(store.parked().await.unwrap()[0].count, 2);
    assert_eq!(store.release(of(chat(), &runs)).await.unwrap(), 2);
    assert_eq!(claimed(&store, now()).await, runs[2..]);
    assert_eq!(store.parked().await.unwrap(), []);
}

pub async fn a_parked_run_keeps_its_lane<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = submit(&store, arrival("1", &rule)).await;
    let second = submit(&store, arrival("2", &rule)).await;
    claimed(&store, now()).await;
    to(&store, first, parked(&chat())).await;
    assert!(claimed(&store, later(9)).await.is_empty());
    store.release(of(chat(), &[first, second])).await.unwrap();
    assert_eq!(claimed(&store, now()).await, [first]);
    to(&store, first, parked(&chat())).await;
    // Who waits behind a run that is cancelled is next.
    store.cancel(first).await.unwrap();
    assert_eq!(claimed(&store, now()).await, [second]);
}

/// A released run was planned before those behind others in their lanes, and queued after them.
pub async fn runs_behind_others_are_found_also_after_a_release<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = submit(&store, arrival("1", &rule)).await;
    submit(&store, arrival("2", &rule)).await;
    claimed(&store, now()).await;
    to(&store, first, parked(&chat())).await;
    let released = Release {
        now: later(9),
        ..of(chat(), &[first])
    };
    store.release(released).await.unwrap();
    assert!(store.has_queued_before(later(5)).await.unwrap());
    assert!(!store.has_queued_before(now()).await.unwrap());
}
