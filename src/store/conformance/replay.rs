//! Replays of many events: one run of each event and rule, under keys that are never used again.

use std::sync::Arc;

use super::{arrival, claimed, live_rule, now, submit, to};
use crate::store::history::EventRowId;
use crate::store::{
    ArrivalKind, IncomingEvent, ReplayId, ReplayMark, SeenRuns, Store, StoreError, UnfinishedRuns,
};
use flowtrigger_core::run::{RunId, RunState};

/// The event of a replay.
pub fn replayed(incoming: IncomingEvent, replay: u64) -> IncomingEvent {
    let mark = ReplayMark {
        event: None,
        replay: Some(ReplayId(replay)),
        seen: None,
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

/// The event of a replay that has seen the runs of the event up to this one.
fn having_seen(
    newest: RunId,
    unfinished: UnfinishedRuns,
    incoming: IncomingEvent,
    replay: u64,
) -> IncomingEvent {
    let mut incoming = replayed(incoming, replay);
    if let ArrivalKind::Replay(mark) = &mut incoming.occasion {
        let newest = Some(newest);
        mark.seen = Some(SeenRuns { newest, unfinished });
    }
    incoming
}

pub async fn two_replays_at_the_same_time_start_one_run_of_an_event_and_rule<S: Store>(store: S) {
    let rule = live_rule("a");
    submit(&store, arrival("e", &rule)).await;
    let first = claimed(&store, now()).await[0];
    to(&store, first, RunState::Dead { why: "x".into() }).await;
    // Both have read that run 1 is dead.
    let commit = async |newest, unfinished, replay| {
        let part = having_seen(newest, unfinished, arrival("e", &rule), replay);
        let committed = store.commit(part).await.unwrap();
        let ids = |runs: &[crate::store::RunStatus]| -> Vec<RunId> {
            runs.iter().map(|run| run.id).collect()
        };
        (ids(&committed.runs), ids(&committed.left_out))
    };
    let (started, left_out) = commit(first, UnfinishedRuns::Continue, 7).await;
    assert_eq!((started.len(), left_out.len()), (1, 0));
    let second = started[0];
    let other = commit(first, UnfinishedRuns::Continue, 8).await;
    assert_eq!(other, (vec![], vec![second]));
    // It is unfinished, whatever was seen, unless unfinished runs were selected.
    let unfinished = commit(second, UnfinishedRuns::Continue, 9).await;
    assert_eq!(unfinished, (vec![], vec![second]));
    let (beside, _) = commit(second, UnfinishedRuns::PlanBeside, 10).await;
    assert_eq!(beside.len(), 1);
    for run in claimed(&store, now()).await {
        to(&store, run, RunState::Done).await;
    }
    for run in claimed(&store, now()).await {
        to(&store, run, RunState::Done).await;
    }
    // Done meanwhile is started meanwhile.
    let late = commit(first, UnfinishedRuns::Continue, 11).await;
    assert_eq!(late, (vec![], beside.clone()));
    // A replay of done runs that has seen them plans another one.
    let (again, _) = commit(beside[0], UnfinishedRuns::Continue, 12).await;
    assert_eq!(again.len(), 1);
}

pub async fn an_event_that_is_not_stored_cannot_be_replayed<S: Store>(store: S) {
    let mut replay = arrival("e", &live_rule("a"));
    let event = Some(EventRowId(99));
    let mark = ReplayMark {
        event,
        replay: None,
        seen: None,
    };
    replay.occasion = ArrivalKind::Replay(mark);
    assert_eq!(store.commit(replay).await, Err(StoreError::UnknownEvent));
    assert_eq!(store.stored_event(EventRowId(99)).await, Ok(None::<Arc<_>>));
    assert!(store.counts().await.unwrap().is_empty());
}
