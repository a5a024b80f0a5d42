//! What moves when the wall clock is set back.

use std::time::Duration;

use jiff::SignedDuration;

use super::{arrival, claimed, later, live_rule, now, submit, to};
use crate::store::Store;
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::run::RunState;
use flowtrigger_core::schedule::ScheduledDuration;

pub async fn retries_move_with_the_clock<S: Store>(store: S) {
    let run = submit(&store, arrival("1", &live_rule("a"))).await;
    claimed(&store, now()).await;
    to(&store, run, RunState::Retrying { until: later(60) }).await;
    let hour = SignedDuration::from_secs(3_600);
    store.shift_clock(-hour).await.unwrap();
    let until = later(60 - 3_600);
    assert_eq!(store.next_due().await.unwrap(), Some(until));
    let state = store.run(run).await.unwrap().unwrap().state;
    assert_eq!(state, RunState::Retrying { until });
    assert!(claimed(&store, later(59 - 3_600)).await.is_empty());
    assert_eq!(claimed(&store, until).await, [run]);
}

pub async fn gates_move_with_the_clock<S: Store>(store: S) {
    let rule = live_rule("a");
    let ask = GateCheck {
        kind: GateKind::Dedupe,
        window: ScheduledDuration::always(Duration::from_secs(60)),
        value: "ticket.id 7".into(),
        time: None,
    };
    let asking = |id: &str, seconds| {
        let mut asking = arrival(id, &rule);
        asking.received = later(seconds);
        asking.planned[0].asks = vec![ask.clone()];
        asking
    };
    submit(&store, asking("1", 0)).await;
    store
        .shift_clock(SignedDuration::from_secs(-3_600))
        .await
        .unwrap();
    let closed = store.commit(asking("2", 59 - 3_600)).await.unwrap();
    assert_eq!(closed.runs[0].state.as_str(), "suppressed");
    let open = store.commit(asking("3", 61 - 3_600)).await.unwrap();
    assert_eq!(open.runs[0].state, RunState::Queued);
}
