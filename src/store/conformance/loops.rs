//! The loop guard: events that our own actions cause.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::{arrival, everything, in_lane, later, live_rule, to};
use crate::store::{ArrivalKind, IncomingEvent, ReplayMark, RunStatus, Store};
use flowtrigger_core::loop_guard::limits::LoopLimits;
use flowtrigger_core::loop_guard::origin::ActorOrigin;
use flowtrigger_core::loop_guard::{
    Causation, LoopCheck, LoopGuard, SenderWrite, WriteTarget, WritingFlow,
};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{Attempt, CallResult, LogEntry, Reply, RunId, RunState};

const LIMITS: LoopLimits = LoopLimits {
    depth: 2,
    runs: 3,
    within: Duration::from_secs(100),
};

pub(super) fn ours() -> ActorOrigin {
    ActorOrigin::OurConnection {
        actor: "900".into(),
    }
}

pub(super) fn person() -> ActorOrigin {
    ActorOrigin::Other { actor: "12".into() }
}

/// An event about ticket 7 after some seconds, and a rule that writes as an actor.
pub(super) fn wrote(rule: &str, acts_as: &str, origin: ActorOrigin, seconds: i64) -> IncomingEvent {
    let id = format!("{rule} {seconds} {origin:?}");
    let mut arrival = in_lane(&id, &live_rule(rule), None);
    arrival.received = later(seconds);
    arrival.planned[0].loop_ask = Some(LoopCheck {
        guard: Arc::new(LoopGuard {
            limits: LIMITS,
            ours: vec!["900".into(), "901".into()],
            acts_as: vec![acts_as.to_owned()],
            unnamed: false,
            writes_to: WriteTarget::Sender,
            writes: vec![write_as(acts_as)],
        }),
        origin,
        about: Some("support 7".into()),
        counted: Some("support 7".into()),
        update: None,
    });
    arrival
}

/// The loop check of an event about ticket 7 that we caused.
pub fn loop_check() -> LoopCheck {
    let planned = wrote("a", "900", ours(), 0).planned.remove(0);
    planned.loop_ask.expect("a check")
}

/// The step with which a run writes.
pub(super) fn write_as(actor: &str) -> SenderWrite {
    SenderWrite {
        path: "put".into(),
        actor: Some(actor.to_owned()),
        flow: WritingFlow::Rule,
    }
}

pub(super) fn attempt(step: &str, outcome: CallResult) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: step.to_owned(),
        number: 1,
        started: later(0),
        took: Duration::from_millis(3),
        outcome,
    })
}

pub(super) fn succeeded() -> CallResult {
    Ok(Reply { value: Value::Null })
}

/// Commits an event, and ends its run after it wrote.
pub(super) async fn acts<S: Store>(store: &S, arrival: IncomingEvent) -> RunStatus {
    ends_with(store, arrival, vec![attempt("put", succeeded())]).await
}

pub(super) async fn ends_with<S: Store>(
    store: &S,
    arrival: IncomingEvent,
    log: Vec<LogEntry>,
) -> RunStatus {
    let placed = store.commit(arrival).await.unwrap().runs.remove(0);
    store.claim(everything()).await.unwrap();
    if !placed.state.is_final() {
        let done = Some(RunState::Done);
        store.advance(placed.id, log, done).await.unwrap();
    }
    placed
}

pub(super) async fn lineage<S: Store>(store: &S, run: RunId) -> (u32, Option<RunId>) {
    let Causation { depth, cause } = store.run(run).await.unwrap().unwrap().lineage;
    (depth, cause)
}

#[track_caller]
fn why(placed: &RunStatus) -> &str {
    match &placed.state {
        RunState::Suppressed { gate, why } if gate == "loop_guard" => why,
        other => panic!("not suppressed by the guard: {other:?}"),
    }
}

#[track_caller]
fn held_why(placed: &RunStatus) -> &str {
    match &placed.state {
        RunState::Held { why } if why.starts_with("loop_guard: ") => why,
        other => panic!("not held by the guard: {other:?}"),
    }
}

/// Changes the loop check of an arrival.
pub(super) fn with_check(
    mut arrival: IncomingEvent,
    change: impl Fn(&mut LoopCheck),
) -> IncomingEvent {
    change(arrival.planned[0].loop_ask.as_mut().expect("a check"));
    arrival
}

fn without_actor(seconds: i64) -> IncomingEvent {
    wrote("a", "900", ActorOrigin::Unknown, seconds)
}

pub async fn events_of_one_update_are_no_loop<S: Store>(store: S) {
    let of_update = |update: &'static str, origin: ActorOrigin, seconds: i64| {
        with_check(wrote("a", "900", origin, seconds), |check| {
            check.update = Some(format!("support 7 {update}"));
        })
    };
    for seconds in 0..10 {
        let placed = acts(&store, of_update("U", ActorOrigin::Unknown, seconds)).await;
        assert_eq!(placed.state, RunState::Queued, "{seconds}");
    }
    // The update counts as one run.
    for (number, seconds) in (0..4).zip(10..) {
        let update = ["V", "W", "X", "Y"][number];
        let placed = acts(&store, of_update(update, ActorOrigin::Unknown, seconds)).await;
        assert_eq!(placed.state == RunState::Queued, number < 2, "{update}");
    }
    // Events of one update of ours follow from the same run, not from each other.
    let first = acts(&store, wrote("b", "900", person(), 20)).await;
    for seconds in 21..30 {
        let placed = acts(
            &store,
            with_check(wrote("b", "900", ours(), seconds), |check| {
                check.about = Some("support 8".into());
                check.counted = check.about.clone();
                check.update = Some("support 8 Z".into());
            }),
        )
        .await;
        assert_eq!(placed.state, RunState::Queued, "{seconds}");
        assert_eq!(lineage(&store, placed.id).await.0, 1, "{seconds}");
        assert_ne!(placed.id, first.id);
    }
}

pub async fn parts_of_a_ticket_are_counted_apart<S: Store>(store: S) {
    for seconds in 0..10 {
        let attachment = with_check(without_actor(seconds), |check| {
            check.counted = Some(format!("support 7 attachment {seconds}"));
        });
        assert_eq!(acts(&store, attachment).await.state, RunState::Queued);
    }
}

pub async fn a_rule_that_writes_elsewhere_is_never_stopped_by_its_rate<S: Store>(store: S) {
    let mut admitted = 0;
    for seconds in 0..50 {
        let arrival = with_check(without_actor(seconds), |check| {
            check.guard = Arc::new(LoopGuard {
                writes_to: WriteTarget::Others,
                acts_as: Vec::new(),
                ..(*check.guard).clone()
            });
        });
        let committed = store.commit(arrival).await.unwrap();
        assert_eq!(committed.runs[0].state, RunState::Queued, "{seconds}");
        admitted += committed.loops.admitted.len();
    }
    // From the thirtieth run on, the rate counts as high.
    assert_eq!(admitted, 20);
}

pub async fn held_runs_give_one_notice<S: Store>(store: S) {
    let mut rule = Rule::clone(&live_rule("a"));
    rule.on_dead = Some(Arc::new(rule.flow.clone()));
    let rule = Arc::new(rule);
    let (mut held, mut waiting) = (Vec::new(), 0);
    for seconds in 0..8 {
        let mut arrival = without_actor(seconds);
        arrival.planned[0].rule = Arc::clone(&rule);
        let committed = store.commit(arrival).await.unwrap();
        held.extend(committed.loops.held.clone());
        waiting += committed
            .runs
            .iter()
            .filter(|run| run.state == RunState::Queued)
            .count();
    }
    assert_eq!((held.len(), waiting), (5, 3));
    let claimed = store.claim(everything()).await.unwrap();
    let notices: Vec<_> = claimed.iter().filter(|run| !run.error.is_null()).collect();
    assert_eq!(notices.len(), 1, "{claimed:?}");
    assert_eq!(notices[0].error["run"], held[0].0);
    let message = notices[0].error["message"].as_str().unwrap();
    assert!(message.contains("which may be a loop"), "{message}");
}

pub async fn a_chain_of_our_own_events_ends_at_its_depth<S: Store>(store: S) {
    let first = acts(&store, wrote("a", "900", person(), 0)).await;
    let second = acts(&store, wrote("a", "900", ours(), 1)).await;
    let third = acts(&store, wrote("a", "900", ours(), 2)).await;
    let fourth = acts(&store, wrote("a", "900", ours(), 3)).await;
    assert_eq!(lineage(&store, first.id).await, (0, None));
    assert_eq!(lineage(&store, second.id).await, (1, Some(first.id)));
    assert_eq!(lineage(&store, third.id).await, (2, Some(second.id)));
    assert_eq!(third.state, RunState::Queued);
    assert_eq!(lineage(&store, fourth.id).await, (3, Some(third.id)));
    let chain = format!(
        "caused by run {} (a) ← run {} (a) ← run {} (a)",
        third.id.0, second.id.0, first.id.0
    );
    assert!(why(&fourth).ends_with(&chain), "{}", why(&fourth));
    // A suppressed run writes nothing, and so causes nothing.
    let fifth = acts(&store, wrote("a", "900", ours(), 4)).await;
    assert_eq!(lineage(&store, fifth.id).await, (3, Some(third.id)));
    // A run before the guard's window causes nothing either.
    let late = acts(&store, wrote("a", "900", ours(), 102)).await;
    assert_eq!(lineage(&store, late.id).await, (1, None));
}

pub async fn an_event_of_a_person_starts_a_new_chain<S: Store>(store: S) {
    for seconds in 0..3 {
        acts(&store, wrote("a", "900", ours(), seconds)).await;
    }
    let between = acts(&store, wrote("a", "900", person(), 3)).await;
    assert_eq!(lineage(&store, between.id).await, (0, None));
    let next = acts(&store, wrote("a", "900", ours(), 4)).await;
    assert_eq!(lineage(&store, next.id).await, (1, Some(between.id)));
    // Events of people are not limited.
    for seconds in 10..30 {
        let placed = acts(&store, wrote("a", "900", person(), seconds)).await;
        assert_eq!(placed.state, RunState::Queued);
    }
}

pub async fn rules_share_a_chain_and_tickets_do_not<S: Store>(store: S) {
    let first = acts(&store, wrote("a", "900", ours(), 0)).await;
    let second = acts(&store, wrote("b", "900", ours(), 1)).await;
    assert_eq!(lineage(&store, second.id).await, (2, Some(first.id)));
    assert!(why(&acts(&store, wrote("a", "900", ours(), 2)).await).contains("(b) ←"));
    let other_ticket = IncomingEvent {
        planned: {
            let mut planned = wrote("a", "900", ours(), 3).planned;
            planned[0].loop_ask.as_mut().unwrap().about = Some("support 8".into());
            planned
        },
        ..arrival("other", &live_rule("a"))
    };
    let other = acts(&store, other_ticket).await;
    assert_eq!(other.state, RunState::Queued);
    assert_eq!(lineage(&store, other.id).await, (1, None));
    let unguarded = acts(&store, arrival("unguarded", &live_rule("c"))).await;
    assert_eq!(unguarded.state, RunState::Queued);
}

pub async fn only_what_began_to_write_as_the_actor_is_a_cause<S: Store>(store: S) {
    let first = acts(&store, wrote("a", "900", person(), 0)).await;
    acts(&store, wrote("b", "901", person(), 1)).await;
    let skipped = store.commit(wrote("c", "900", person(), 2)).await.unwrap();
    store.claim(everything()).await.unwrap();
    let why = "a guard".to_owned();
    to(&store, skipped.runs[0].id, RunState::Skipped { why }).await;
    store.commit(wrote("d", "900", person(), 3)).await.unwrap();
    let next = acts(&store, wrote("a", "900", ours(), 4)).await;
    assert_eq!(lineage(&store, next.id).await, (1, Some(first.id)));
}

pub async fn without_an_actor_the_rate_of_the_rule_decides<S: Store>(store: S) {
    let unnamed = |rule: &str, seconds| wrote(rule, "900", ActorOrigin::Unknown, seconds);
    let mut runs = Vec::new();
    for seconds in 0..3 {
        runs.push(acts(&store, unnamed("a", seconds)).await);
    }
    assert_eq!(lineage(&store, runs[0].id).await, (0, None));
    assert_eq!(lineage(&store, runs[2].id).await, (0, Some(runs[1].id)));
    let held = acts(&store, unnamed("a", 3)).await;
    let may = format!("; possibly caused by run {} (a)", runs[2].id.0);
    assert!(held_why(&held).contains(&may), "{}", held_why(&held));
    assert_eq!(acts(&store, unnamed("b", 4)).await.state, RunState::Queued);
    // A held run is not lost, and counts in no rate.
    let retried = store.retry(held.id, later(5)).await.unwrap();
    assert_eq!(retried.state, RunState::Queued);
    assert_eq!(
        acts(&store, unnamed("a", 101)).await.state,
        RunState::Queued
    );
}

pub async fn a_replay_starts_a_new_chain_and_counts_in_no_rate<S: Store>(store: S) {
    for seconds in 0..2 {
        acts(&store, wrote("a", "900", ours(), seconds)).await;
    }
    why(&acts(&store, wrote("a", "900", ours(), 2)).await);
    let replay = IncomingEvent {
        occasion: ArrivalKind::Replay(ReplayMark::default()),
        ..wrote("a", "900", ours(), 2)
    };
    let replayed = acts(&store, replay).await;
    assert_eq!(replayed.state, RunState::Queued);
    assert_eq!(lineage(&store, replayed.id).await, (0, None));
    let echo = acts(&store, wrote("a", "900", ours(), 3)).await;
    assert_eq!(lineage(&store, echo.id).await, (1, Some(replayed.id)));
    for seconds in 10..20 {
        let replay = IncomingEvent {
            occasion: ArrivalKind::Replay(ReplayMark::default()),
            ..wrote("b", "900", ActorOrigin::Unknown, seconds)
        };
        acts(&store, replay).await;
    }
    let counted = acts(&store, wrote("b", "900", ActorOrigin::Unknown, 20)).await;
    assert_eq!(counted.state, RunState::Queued);
}

pub async fn the_guard_moves_with_the_clock<S: Store>(store: S) {
    acts(&store, wrote("a", "900", person(), 0)).await;
    store
        .shift_clock(SignedDuration::from_secs(-500))
        .await
        .unwrap();
    let known = acts(&store, wrote("a", "900", ours(), -401)).await;
    assert_eq!(lineage(&store, known.id).await.0, 1);
    assert!(lineage(&store, known.id).await.1.is_some());
}
