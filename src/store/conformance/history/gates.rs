//! Gates, debounce windows and chains of runs, as the read side returns them.

use std::time::Duration;

use super::ids;
use crate::store::conformance::debounce::{comes, coming};
use crate::store::conformance::loops::{acts, loop_check, ours, person, wrote};
use crate::store::conformance::{claimed, everything, in_lane, later, live_rule, now, submit, to};
use crate::store::{History, Store};
use flowtrigger_core::gate::recorded::RecordedGate;
use flowtrigger_core::gate::{DebounceKeep, GateCheck, GateDecision, GateKind};
use flowtrigger_core::run::RunState;
use flowtrigger_core::schedule::ScheduledDuration;

pub async fn gates_are_read_as_the_store_decides<S: Store, H: History>((store, history): (S, H)) {
    let check = GateCheck {
        kind: GateKind::Dedupe,
        window: ScheduledDuration::always(Duration::from_secs(60)),
        value: "ticket.id 7".into(),
        time: None,
    };
    let gated = |id: &str, seconds| {
        let mut arrival = in_lane(id, &live_rule("a"), None);
        arrival.received = later(seconds);
        arrival.planned[0].asks = vec![check.clone()];
        arrival
    };
    let opening = |seconds, except| {
        let facts = history.gate_history("a", &check, except, later(seconds));
        check.decide(&facts.unwrap())
    };
    assert_eq!(opening(0, None), GateDecision::Admit);
    let run = submit(&store, gated("1", 0)).await;
    assert!(matches!(opening(30, None), GateDecision::Suppress { .. }));
    assert_eq!(opening(30, Some(run)), GateDecision::Admit);
    assert_eq!(opening(61, None), GateDecision::Admit);
    let detail = history.run(run).unwrap().expect("the run");
    let recorded = RecordedGate {
        gate: "dedupe".into(),
        value: "ticket.id 7".into(),
        details: "window 1m".into(),
        changes: None,
    };
    assert_eq!(detail.asks, [recorded]);
    let admission = &detail.charges[0];
    assert_eq!(
        (admission.gate.as_str(), admission.value.as_str()),
        ("dedupe", "ticket.id 7")
    );
    assert_eq!((admission.at, admission.until), (now(), later(60)));
    let suppressed = submit(&store, gated("2", 30)).await;
    let detail = history.run(suppressed).unwrap().expect("the run");
    assert_eq!(detail.row.state.gate(), Some("dedupe"));
    assert!(detail.charges.is_empty());
    // A dead run is released.
    store.claim(everything()).await.unwrap();
    to(&store, run, RunState::Dead { why: "x".into() }).await;
    assert_eq!(opening(30, None), GateDecision::Admit);
    let other = history.gate_history("other", &check, None, now());
    assert_eq!(other.unwrap().runs, 0);
}

pub async fn an_open_window_is_read_with_its_events<S: Store, H: History>(
    (store, history): (S, H),
) {
    let first = comes(&store, coming("1", DebounceKeep::All, 0)).await.id;
    let second = comes(&store, coming("2", DebounceKeep::All, 30)).await.id;
    let open = |value: &str, seconds| history.open_window("a", value, later(seconds)).unwrap();
    let window = open("ticket.id 7", 31).expect("it is open");
    assert_eq!((window.run, window.events), (second, 2));
    assert_eq!((window.since, window.until), (now(), later(90)));
    assert!(open("ticket.id 8", 31).is_none());
    assert!(open("ticket.id 7", 90).is_none(), "its time is over");
    for run in [first, second] {
        let detail = history.run(run).unwrap().expect("the run");
        let window = detail.window.expect("a window");
        assert_eq!(
            (window.run, window.is_open, window.events),
            (second, true, 2)
        );
        let events: Vec<&str> = window
            .gathered
            .iter()
            .map(|one| one.event.as_str())
            .collect();
        assert_eq!(events, ["1", "2"]);
        assert_eq!(window.gathered[1].came, later(30));
    }
    claimed(&store, later(90)).await;
    let detail = history.run(second).unwrap().expect("the run");
    assert!(!detail.window.expect("a window").is_open);
}

pub async fn a_chain_is_read_from_its_end<S: Store, H: History>((store, history): (S, H)) {
    let mut runs = Vec::new();
    for (seconds, origin) in [(0, person()), (1, ours()), (2, ours()), (3, ours())] {
        runs.push(acts(&store, wrote("a", "900", origin, seconds)).await.id);
    }
    let last = history.run(runs[3]).unwrap().expect("the run");
    assert_eq!(last.row.state.gate(), Some("loop_guard"));
    assert_eq!(last.row.lineage.cause, Some(runs[2]));
    assert_eq!(ids(&last.chain), [runs[2].0, runs[1].0, runs[0].0]);
    let causes = history.causes(last.row.lineage, 2).unwrap();
    assert_eq!(ids(&causes), [runs[2].0, runs[1].0]);
    let check = loop_check();
    let (facts, chain) = history.loop_history("a", &check, later(4)).unwrap();
    assert_eq!(facts.cause.map(|(run, _)| run), Some(runs[2]));
    assert_eq!(chain.len(), 3);
    assert!(check.decide(&facts).is_some(), "the chain is at its depth");
    let (facts, _) = history.loop_history("unknown", &check, later(4)).unwrap();
    assert_eq!(facts.rate.runs, 0);
}
