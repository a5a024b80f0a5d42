//! What every store must do, as one suite that each backend runs.
//! It looks only through the trait, and never waits for time to pass.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Arrival, Claim, EditionId, Occasion, Planned, Store};
use crate::core::event::Event;
use crate::core::gate::{Ask, Kind};
use crate::core::matching::ruleset::RuleSet;
use crate::core::rule::jobspec::{Mode, Rule};
use crate::core::run::{Attempt, Line, Outcome, RunId, State};

pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub fn live_rule(name: &str) -> Arc<Rule> {
    let text = format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: fine\n"
    );
    Arc::clone(&RuleSet::of_text(&text).rules[0])
}

fn event(id: &str) -> Arc<Event> {
    Arc::new(Event {
        source: "support".into(),
        event_type: "ticket.TicketCreated".into(),
        id: id.into(),
        key: Some("7".into()),
        time: None,
        envelope: json!({}),
        body: json!({}),
        raw: json!({}),
        about: json!({}),
        shape: "zis",
        warnings: Vec::new(),
    })
}

/// An event with one run of the rule, in the lane of ticket 7.
pub fn arrival(id: &str, rule: &Arc<Rule>) -> Arrival {
    in_lane(id, rule, Some("7"))
}

fn in_lane(id: &str, rule: &Arc<Rule>, lane: Option<&str>) -> Arrival {
    Arrival {
        event: event(id),
        received: now(),
        edition: EditionId::default(),
        occasion: Occasion::Delivery,
        planned: vec![Planned {
            rule: Arc::clone(rule),
            mode: Mode::Live,
            lane: lane.map(str::to_owned),
            asks: Vec::new(),
        }],
    }
}

fn attempt(number: u32) -> Line {
    Line::Attempt(Attempt {
        step: "one".into(),
        number,
        started: now(),
        took: Duration::from_millis(3),
        outcome: Outcome::Succeeded { result: json!(1) },
    })
}

/// All that is due now.
pub fn everything() -> Claim {
    up_to(100, now())
}

fn up_to(limit: usize, now: Timestamp) -> Claim {
    Claim {
        limit,
        per_rule: 100,
        now,
    }
}

async fn to<S: Store>(store: &S, run: RunId, state: State) {
    store.advance(run, Vec::new(), Some(state)).await.unwrap();
}

async fn claimed<S: Store>(store: &S, at: Timestamp) -> Vec<RunId> {
    let runs = store.claim(up_to(100, at)).await.unwrap();
    runs.iter().map(|run| run.id).collect()
}

async fn place<S: Store>(store: &S, arrival: Arrival) -> RunId {
    store.commit(arrival).await.unwrap().runs[0].id
}

/// Runs the suite; `open` gives an empty store.
pub async fn suite<S: Store>(open: impl Fn() -> S) {
    a_redelivery_runs_nothing_twice(open()).await;
    the_same_id_of_another_source_is_another_event(open()).await;
    an_event_without_runs_is_not_remembered(open()).await;
    an_array_keeps_its_order(open()).await;
    one_lane_goes_one_by_one(open()).await;
    lanes_do_not_wait_for_each_other(open()).await;
    a_retrying_run_keeps_its_lane_until_it_is_due(open()).await;
    shadow_runs_are_recorded_and_never_claimed(open()).await;
    the_log_comes_back_with_the_claim(open()).await;
    a_final_state_is_final(open()).await;
    what_waits_moves_with_the_clock(open()).await;
    gates_move_with_the_clock(open()).await;
    an_unknown_run_is_an_error(open()).await;
}

async fn a_redelivery_runs_nothing_twice<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = store.commit(arrival("e", &rule)).await.unwrap();
    assert!(!first.redelivered);
    assert_eq!(first.runs[0].state, State::Queued);
    assert_eq!(&*first.runs[0].rule, "a");
    assert_eq!(claimed(&store, now()).await, [first.runs[0].id]);
    to(&store, first.runs[0].id, State::Done).await;
    let again = store.commit(arrival("e", &rule)).await.unwrap();
    assert!(again.redelivered);
    assert_eq!(again.runs[0].id, first.runs[0].id);
    assert_eq!(again.runs[0].state, State::Done);
    assert!(claimed(&store, now()).await.is_empty());
    assert_eq!(store.runs_of("support", "e").await.unwrap().len(), 1);
    assert!(store.runs_of("support", "other").await.unwrap().is_empty());
}

async fn the_same_id_of_another_source_is_another_event<S: Store>(store: S) {
    let rule = live_rule("a");
    place(&store, arrival("e", &rule)).await;
    let mut other = arrival("e", &rule);
    Arc::make_mut(&mut other.event).source = "upmind".into();
    assert!(!store.commit(other).await.unwrap().redelivered);
}

async fn an_event_without_runs_is_not_remembered<S: Store>(store: S) {
    let unmatched = Arrival {
        planned: Vec::new(),
        ..arrival("e", &live_rule("a"))
    };
    let committed = store.commit(unmatched).await.unwrap();
    assert!(!committed.redelivered && committed.runs.is_empty());
    let rule = live_rule("a");
    assert!(!store.commit(arrival("e", &rule)).await.unwrap().redelivered);
}

async fn an_array_keeps_its_order<S: Store>(store: S) {
    let rule = live_rule("a");
    let array = ["x", "y", "x"].map(|id| in_lane(id, &rule, None)).to_vec();
    let committed = store.commit_all(array).await.unwrap();
    let redelivered: Vec<bool> = committed.iter().map(|c| c.redelivered).collect();
    assert_eq!(redelivered, [false, false, true]);
    assert_eq!(committed[2].runs[0].id, committed[0].runs[0].id);
    let runs = store.claim(everything()).await.unwrap();
    let ids: Vec<&str> = runs.iter().map(|run| run.event.id.as_str()).collect();
    assert_eq!(ids, ["x", "y"]);
}

async fn one_lane_goes_one_by_one<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = place(&store, arrival("1", &rule)).await;
    let second = place(&store, arrival("2", &rule)).await;
    let third = place(&store, arrival("3", &rule)).await;
    for (owner, end) in [
        (first, State::Done),
        (second, State::Dead { why: "x".into() }),
        (third, State::Skipped { why: "y".into() }),
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

async fn lanes_do_not_wait_for_each_other<S: Store>(store: S) {
    let (a, b) = (live_rule("a"), live_rule("b"));
    let first = place(&store, in_lane("1", &a, Some("7"))).await;
    place(&store, in_lane("2", &a, Some("7"))).await;
    let other_ticket = place(&store, in_lane("3", &a, Some("8"))).await;
    let other_rule = place(&store, in_lane("4", &b, Some("7"))).await;
    let without = place(&store, in_lane("5", &a, None)).await;
    let also_without = place(&store, in_lane("6", &a, None)).await;
    let limited = store.claim(up_to(2, now())).await.unwrap();
    assert_eq!(limited.len(), 2);
    assert_eq!((limited[0].id, limited[1].id), (first, other_ticket));
    assert_eq!(
        claimed(&store, now()).await,
        [other_rule, without, also_without]
    );
}

async fn a_retrying_run_keeps_its_lane_until_it_is_due<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = place(&store, arrival("1", &rule)).await;
    let second = place(&store, arrival("2", &rule)).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    claimed(&store, now()).await;
    let until = later(60);
    let retrying = State::Retrying { until };
    to(&store, first, retrying.clone()).await;
    assert_eq!(store.run(first).await.unwrap().unwrap().state, retrying);
    assert_eq!(store.next_due().await.unwrap(), Some(until));
    assert!(claimed(&store, later(59)).await.is_empty());
    assert_eq!(claimed(&store, later(60)).await, [first]);
    assert_eq!(store.next_due().await.unwrap(), None);
    to(&store, first, State::Done).await;
    assert_eq!(claimed(&store, now()).await, [second]);
}

async fn shadow_runs_are_recorded_and_never_claimed<S: Store>(store: S) {
    let mut shadowed = arrival("1", &live_rule("a"));
    shadowed.planned[0].mode = Mode::Shadow;
    let committed = store.commit(shadowed).await.unwrap();
    assert_eq!(committed.runs[0].state, State::Shadow);
    assert!(claimed(&store, now()).await.is_empty());
    assert!(store.unfinished(100).await.unwrap().is_empty());
    let record = store.run(committed.runs[0].id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Shadow);
}

async fn the_log_comes_back_with_the_claim<S: Store>(store: S) {
    let run = place(&store, arrival("1", &live_rule("a"))).await;
    let first = store.claim(up_to(1, now())).await.unwrap();
    assert!(first[0].log.is_empty());
    assert_eq!((first[0].generation, first[0].rule.name.as_str()), (0, "a"));
    let lines = vec![attempt(1)];
    store.advance(run, lines, None).await.unwrap();
    let lines = vec![attempt(2)];
    store.advance(run, lines, None).await.unwrap();
    let until = later(1);
    to(&store, run, State::Retrying { until }).await;
    let again = store.claim(up_to(1, until)).await.unwrap();
    assert_eq!(again[0].log, [attempt(1), attempt(2)]);
    assert_eq!(store.run(run).await.unwrap().unwrap().log.len(), 2);
}

async fn a_final_state_is_final<S: Store>(store: S) {
    let run = place(&store, arrival("1", &live_rule("a"))).await;
    claimed(&store, now()).await;
    to(&store, run, State::Done).await;
    let until = later(1);
    to(&store, run, State::Retrying { until }).await;
    assert_eq!(store.run(run).await.unwrap().unwrap().state, State::Done);
    assert!(claimed(&store, later(2)).await.is_empty());
}

async fn what_waits_moves_with_the_clock<S: Store>(store: S) {
    let run = place(&store, arrival("1", &live_rule("a"))).await;
    claimed(&store, now()).await;
    to(&store, run, State::Retrying { until: later(60) }).await;
    let hour = SignedDuration::from_secs(3_600);
    store.shift(-hour).await.unwrap();
    let until = later(60 - 3_600);
    assert_eq!(store.next_due().await.unwrap(), Some(until));
    let state = store.run(run).await.unwrap().unwrap().state;
    assert_eq!(state, State::Retrying { until });
    assert!(claimed(&store, later(59 - 3_600)).await.is_empty());
    assert_eq!(claimed(&store, until).await, [run]);
}

async fn gates_move_with_the_clock<S: Store>(store: S) {
    let rule = live_rule("a");
    let ask = Ask {
        kind: Kind::Dedupe,
        window: Duration::from_secs(60),
        value: "ticket.id 7".into(),
    };
    let asking = |id: &str, seconds| {
        let mut asking = arrival(id, &rule);
        asking.received = later(seconds);
        asking.planned[0].asks = vec![ask.clone()];
        asking
    };
    place(&store, asking("1", 0)).await;
    store
        .shift(SignedDuration::from_secs(-3_600))
        .await
        .unwrap();
    let closed = store.commit(asking("2", 59 - 3_600)).await.unwrap();
    assert_eq!(closed.runs[0].state.word(), "suppressed");
    let open = store.commit(asking("3", 61 - 3_600)).await.unwrap();
    assert_eq!(open.runs[0].state, State::Queued);
}

async fn an_unknown_run_is_an_error<S: Store>(store: S) {
    let nobody = RunId(9_999);
    let lines = vec![attempt(1)];
    assert!(store.advance(nobody, lines, None).await.is_err());
    assert!(store.revive(nobody, now()).await.is_err());
    assert!(store.cancel(nobody).await.is_err());
    assert!(store.run(nobody).await.unwrap().is_none());
}
