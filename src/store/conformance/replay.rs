//! Replays of many events: one run of each event and rule, under keys that are never used again.

use std::sync::Arc;

use super::{arrival, claimed, live_rule, now, submit, to};
use crate::store::history::EventRowId;
use crate::store::{ArrivalKind, IncomingEvent, ReplayId, ReplayMark, Store, StoreError};
use flowtrigger_core::run::RunState;

/// The event of a replay.
pub fn replayed(incoming: IncomingEvent, replay: u64) -> IncomingEvent {
    let mark = ReplayMark {
        event: None,
        replay: Some(ReplayId(replay)),
    };
    IncomingEvent {
        occasion: ArrivalKind::Replay(mark),
        ..incoming
    }
}

pub async fn a_replay_starts_one_run_of_each_event_and_rule<S: Store>(store: S) {
    let (a, b) = (live_rule("a"), live_rule("b"));
    submit(&store, arrival("e", &a)).await;
    let once = store.commit(replayed(arrival("e", &a), 7)).await.unwrap();
    assert_eq!((once.runs.len(), once.repeated.len()), (1, 0));
    claimed(&store, now()).await;
    to(&store, once.runs[0].id, RunState::Dead { why: "x".into() }).await;
    // The client died before it knew; meanwhile a second rule was added.
    let mut both = replayed(arrival("e", &a), 7);
    both.planned.extend(arrival("e", &b).planned);
    let twice = store.commit(both).await.unwrap();
    assert_eq!(twice.repeated.len(), 1);
    assert_eq!(twice.repeated[0].id, once.runs[0].id);
    assert_eq!(twice.repeated[0].state.as_str(), "dead");
    let rules: Vec<&str> = twice.runs.iter().map(|run| &*run.rule).collect();
    assert_eq!(rules, ["b"]);
    // Another replay is another intention.
    let other = store.commit(replayed(arrival("e", &a), 8)).await.unwrap();
    let mut generations = Vec::new();
    for run in [once.runs[0].id, other.runs[0].id] {
        generations.push(store.run(run).await.unwrap().unwrap().generation);
    }
    assert_eq!(generations, [1, 3]);
}

pub async fn an_event_that_is_not_stored_cannot_be_replayed<S: Store>(store: S) {
    let mut replay = arrival("e", &live_rule("a"));
    let event = Some(EventRowId(99));
    let mark = ReplayMark {
        event,
        replay: None,
    };
    replay.occasion = ArrivalKind::Replay(mark);
    assert_eq!(store.commit(replay).await, Err(StoreError::UnknownEvent));
    assert_eq!(store.stored_event(EventRowId(99)).await, Ok(None::<Arc<_>>));
    assert!(store.counts().await.unwrap().is_empty());
}
