//! What `dedupe` and `throttle` admit, and which runs count for later events.

use std::time::Duration;

use super::{claimed, in_lane, later, live_rule, to};
use crate::store::Store;
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::run::RunState;

pub async fn a_gate_admits_up_to_its_limit<S: Store>(store: S) {
    let ask = |kind| GateCheck {
        kind,
        window: Duration::from_secs(60),
        value: "ticket.id 7".into(),
    };
    let gated = |id: &str, asks: &[GateCheck], seconds| {
        let mut arrival = in_lane(id, &live_rule("a"), None);
        arrival.received = later(seconds);
        arrival.planned[0].asks = asks.to_vec();
        arrival
    };
    let dedupe = [ask(GateKind::Dedupe)];
    let both = [ask(GateKind::Dedupe), ask(GateKind::Throttle { limit: 2 })];
    let mut runs = Vec::new();
    for (id, asks, seconds, word) in [
        ("1", &dedupe[..], 0, "queued"),
        ("2", &dedupe[..], 30, "suppressed"),
        ("3", &dedupe[..], 61, "queued"),
        ("4", &[], 62, "queued"),
        ("5", &both[1..], 63, "queued"),
        ("6", &both[1..], 64, "queued"),
        ("7", &both[1..], 65, "suppressed"),
    ] {
        let committed = store.commit(gated(id, asks, seconds)).await.unwrap();
        assert_eq!(committed.runs[0].state.as_str(), word, "{id}");
        runs.push(committed.runs[0].clone());
    }
    let RunState::Suppressed { gate, why } = &runs[1].state else {
        panic!("{:?}", runs[1]);
    };
    assert_eq!(gate, "dedupe");
    assert!(
        why.contains(&format!("run {} for ticket.id 7", runs[0].id.0)),
        "{why}"
    );
    assert!(claimed(&store, later(70)).await.len() == 5);
    // A dead run is released, for `dedupe` only.
    to(&store, runs[2].id, RunState::Dead { why: "x".into() }).await;
    to(&store, runs[4].id, RunState::Dead { why: "x".into() }).await;
    let again = store.commit(gated("8", &dedupe, 70)).await.unwrap();
    assert_eq!(again.runs[0].state.as_str(), "queued");
    let closed = store.commit(gated("9", &both[1..], 71)).await.unwrap();
    assert_eq!(closed.runs[0].state.as_str(), "suppressed");
    // Only a run that all gates admit counts at any of them.
    let shut = store.commit(gated("10", &both, 124)).await.unwrap();
    assert_eq!(shut.runs[0].state.as_str(), "suppressed");
    for (id, word) in [("11", "queued"), ("12", "queued"), ("13", "suppressed")] {
        let committed = store.commit(gated(id, &both[1..], 125)).await.unwrap();
        assert_eq!(committed.runs[0].state.as_str(), word, "{id}");
    }
}
