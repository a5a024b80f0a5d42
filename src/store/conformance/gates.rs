//! What `dedupe` and `throttle` admit, and which runs count for later events.

use std::time::Duration;

use super::{claimed, in_lane, later, live_rule, to};
use crate::store::{ArrivalKind, IncomingEvent, ReplayMark, Store};
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::run::RunState;
use flowtrigger_core::schedule::ScheduledDuration;
use flowtrigger_testing::schedules::office;

pub async fn a_gate_admits_up_to_its_limit<S: Store>(store: S) {
    let ask = |kind| GateCheck {
        kind,
        window: ScheduledDuration::always(Duration::from_secs(60)),
        value: "ticket.id 7".into(),
        time: None,
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

/// Friday, 2027-01-15, 16:30 in UTC, half an hour before the office closes; in seconds after `now`.
const FRIDAY: i64 = 8 * 3_600 + 1_800;
/// Monday, 9:30.
const MONDAY: i64 = FRIDAY + 65 * 3_600;

fn within_office(kind: GateKind, seconds: u64) -> GateCheck {
    GateCheck {
        kind,
        window: ScheduledDuration {
            time: Duration::from_secs(seconds),
            during: Some(office()),
        },
        value: "ticket.id 7".into(),
        time: None,
    }
}

fn received(id: &str, asks: &[GateCheck], seconds: i64) -> IncomingEvent {
    let mut arrival = in_lane(id, &live_rule("a"), None);
    arrival.received = later(seconds);
    arrival.planned[0].asks = asks.to_vec();
    arrival
}

pub async fn a_schedule_suppresses_before_anything_counts<S: Store>(store: S) {
    let during = |time: Option<i64>| GateCheck {
        kind: GateKind::During(office()),
        window: ScheduledDuration::always(Duration::ZERO),
        value: "office".into(),
        time: time.map(later),
    };
    let dedupe = GateCheck {
        window: ScheduledDuration::always(Duration::from_secs(7 * 86_400)),
        ..within_office(GateKind::Dedupe, 0)
    };
    let evening = FRIDAY + 3 * 3_600;
    let asks = |time| [during(time), dedupe.clone()];
    let closed = store
        .commit(received("1", &asks(None), evening))
        .await
        .unwrap();
    let RunState::Suppressed { gate, why } = &closed.runs[0].state else {
        panic!("{:?}", closed.runs[0]);
    };
    assert_eq!(gate, "during");
    assert_eq!(why, "office closed: Fri 19:30 UTC, opens Mon 09:00");
    // The time of the event counts, not that of its receipt.
    let late = store
        .commit(received("2", &asks(Some(FRIDAY)), evening))
        .await
        .unwrap();
    assert_eq!(late.runs[0].state, RunState::Queued);
    let early = received("3", &[during(Some(evening))], FRIDAY + 86_400 * 3);
    let early = store.commit(early).await.unwrap();
    assert_eq!(early.runs[0].state.as_str(), "suppressed");
    let second = received("4", &asks(Some(FRIDAY)), evening);
    let second = store.commit(second).await.unwrap();
    assert_eq!(second.runs[0].state.gate(), Some("dedupe"));
    // A replay asks no gate.
    let mut replay = received("1", &asks(None), evening + 60);
    replay.occasion = ArrivalKind::Replay(ReplayMark::default());
    let replay = store.commit(replay).await.unwrap();
    assert_eq!(replay.runs[0].state, RunState::Queued);
}

pub async fn only_open_hours_count_in_windows<S: Store>(store: S) {
    for (rule, kind) in [
        ("dedupe", GateKind::Dedupe),
        ("throttle", GateKind::Throttle { limit: 1 }),
    ] {
        let hour = [within_office(kind, 3_600)];
        for (id, seconds, word) in [
            ("1", FRIDAY, "queued"),
            ("2", FRIDAY + 86_400, "suppressed"),
            ("3", MONDAY - 1, "suppressed"),
            ("4", MONDAY, "queued"),
        ] {
            let mut event = received(&format!("{rule} {id}"), &hour, seconds);
            event.planned[0].rule = live_rule(rule);
            let committed = store.commit(event).await.unwrap();
            let state = &committed.runs[0].state;
            assert_eq!(state.as_str(), word, "{rule} {id}");
            if let RunState::Suppressed { why, .. } = state {
                let opens = "; opens again at 2027-01-18T09:30:00Z";
                assert!(why.ends_with(opens), "{why}");
            }
        }
    }
}
