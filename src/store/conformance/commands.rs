//! The commands of a person: retry, cancel, replay.

use std::time::Duration;

use super::{arrival, claimed, everything, later, live_rule, now, submit, to};
use crate::store::{ArrivalKind, ReplayMark, Store};
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_core::schedule::ScheduledDuration;

pub async fn a_retried_run_is_last_in_its_lane<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = submit(&store, arrival("1", &rule)).await;
    let second = submit(&store, arrival("2", &rule)).await;
    claimed(&store, now()).await;
    to(&store, first, RunState::Dead { why: "x".into() }).await;
    let revived = store.retry(first, now()).await.unwrap();
    assert_eq!((revived.id, &revived.state), (first, &RunState::Queued));
    assert!(store.retry(first, now()).await.is_err());
    assert_eq!(claimed(&store, now()).await, [second]);
    to(&store, second, RunState::Held { why: "look".into() }).await;
    let again = store.claim(everything()).await.unwrap();
    assert_eq!(again[0].id, first);
    assert_eq!(again[0].log, [LogEntry::Revived { at: now() }]);
    to(&store, first, RunState::Done).await;
    assert!(store.retry(first, now()).await.is_err(), "it is done");
    store.retry(second, now()).await.unwrap();
    assert_eq!(claimed(&store, now()).await, [second]);
}

pub async fn a_cancelled_run_releases_its_lane<S: Store>(store: S) {
    let rule = live_rule("a");
    let runs = [
        submit(&store, arrival("1", &rule)).await,
        submit(&store, arrival("2", &rule)).await,
        submit(&store, arrival("3", &rule)).await,
        submit(&store, arrival("4", &rule)).await,
    ];
    assert_eq!(
        store.cancel(runs[1]).await.unwrap().state,
        RunState::Cancelled
    );
    assert!(store.cancel(runs[1]).await.is_err());
    assert_eq!(claimed(&store, now()).await, [runs[0]]);
    store.cancel(runs[0]).await.unwrap();
    assert_eq!(claimed(&store, now()).await, [runs[2]]);
    let until = later(9);
    to(&store, runs[2], RunState::Retrying { until }).await;
    store.cancel(runs[2]).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(claimed(&store, later(10)).await, [runs[3]]);
    assert_eq!(store.counts().await.unwrap()["cancelled"], 3);
}

pub async fn a_replay_is_a_new_run_of_a_new_generation<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = submit(&store, arrival("e", &rule)).await;
    let mut replay = arrival("e", &rule);
    replay.occasion = ArrivalKind::Replay(ReplayMark::default());
    replay.planned[0].asks = vec![GateCheck {
        kind: GateKind::Dedupe,
        window: ScheduledDuration::always(Duration::from_secs(60)),
        value: String::new(),
        time: None,
    }];
    let again = store.commit(replay.clone()).await.unwrap();
    assert!(!again.redelivered && again.runs[0].id != first);
    let thrice = store.commit(replay).await.unwrap();
    for (run, generation) in [(first, 0), (again.runs[0].id, 1), (thrice.runs[0].id, 2)] {
        let record = store.run(run).await.unwrap().unwrap();
        assert_eq!(record.generation, generation);
    }
    assert_eq!(store.runs_of("support", "e").await.unwrap().len(), 3);
}
