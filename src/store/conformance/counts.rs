//! Which events complete a `count` or a `sequence`, in whatever order they arrive.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{claimed, event, later, to};
use crate::store::{ArrivalKind, IncomingEvent, PlannedRun, ReplayMark, RevisionId, Store};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{RunId, RunState};

fn rule_of(written: &str) -> Arc<Rule> {
    let text = format!(
        "name: counts\nevent_source: support\n{written}\nflow: [{{ set: {{ read: '{{{{ events | length }}}}' }} }}]\n"
    );
    Arc::clone(&flowtrigger_testing::rules::from_text(&text).rules[0])
}

fn three_in_an_hour() -> Arc<Rule> {
    rule_of(
        "event_type: ticket.TicketCreated\ncount: { per: $.raw.of, at_least: 3, distinct: $.raw.item, in: 1h }",
    )
}

fn created_then_solved() -> Arc<Rule> {
    rule_of(
        "sequence:\n  per: $.raw.of\n  in: 1h\n  steps: [{ event_type: ticket.TicketCreated }, { event_type: ticket.StatusChanged, when: { $.raw.item: b } }]",
    )
}

/// An event with the time at which it happened, whom it is of, and what it is about.
fn happened(id: &str, second: i64, of: &str, item: &str) -> Event {
    Event {
        time: Some(later(second)),
        raw: json!({ "of": of.parse::<u32>().ok(), "item": item }).into(),
        ..Arc::unwrap_or_clone(event(id))
    }
}

fn of_rule(rule: &Arc<Rule>, event: Event, received: Timestamp) -> IncomingEvent {
    let mut planned = PlannedRun::new(rule, &event);
    planned.lane = None;
    IncomingEvent {
        planned: vec![planned],
        event: Arc::new(event),
        received,
        revision: RevisionId::default(),
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

async fn arrives<S: Store>(store: &S, rule: &Arc<Rule>, event: Event) -> (RunId, RunState) {
    // All are received at the end: only their own times count.
    let committed = store.commit(of_rule(rule, event, later(9_000))).await;
    let run = committed.unwrap().runs[0].clone();
    (run.id, run.state)
}

fn why(state: &RunState) -> &str {
    match state {
        RunState::Suppressed { gate, why } => {
            assert!(["count", "sequence"].contains(&gate.as_str()), "{gate}");
            why
        }
        _ => panic!("{state:?} is not suppressed"),
    }
}

pub async fn the_event_that_completes_a_window_starts_a_run<S: Store>(store: S) {
    let rule = three_in_an_hour();
    let first = arrives(&store, &rule, happened("1", 0, "7", "a")).await;
    assert_eq!(
        why(&first.1),
        "1 of 3 for $.raw.of 7 within 1h; the oldest leaves at 2027-01-15T09:00:00Z"
    );
    let again = arrives(&store, &rule, happened("2", 60, "7", "a")).await;
    assert!(why(&again.1).starts_with("1 of 3 "), "{again:?}");
    let other = arrives(&store, &rule, happened("3", 60, "8", "b")).await;
    assert!(why(&other.1).starts_with("1 of 3 "), "{other:?}");
    let second = arrives(&store, &rule, happened("4", 120, "7", "b")).await;
    assert!(why(&second.1).starts_with("2 of 3 "), "{second:?}");
    let third = arrives(&store, &rule, happened("5", 180, "7", "c")).await;
    assert_eq!(third.1, RunState::Queued);
    // Once in its window, which began with the first event.
    let inside = arrives(&store, &rule, happened("6", 3_599, "7", "d")).await;
    assert_eq!(
        why(&inside.1),
        format!(
            "run {} has started for this window for $.raw.of 7; counts again from 2027-01-15T09:00:00Z",
            third.0.0
        )
    );
    let next = arrives(&store, &rule, happened("7", 3_600, "7", "a")).await;
    assert!(why(&next.1).starts_with("1 of 3 "), "{next:?}");
    assert_eq!(claimed(&store, later(9_000)).await, [third.0]);
}

pub async fn a_run_of_a_count_reads_its_events<S: Store>(store: S) {
    let rule = three_in_an_hour();
    for (id, item) in [("2", "b"), ("1", "a"), ("3", "c")] {
        let second = id.parse().unwrap();
        arrives(&store, &rule, happened(id, second, "7", item)).await;
    }
    let everything = super::up_to(100, later(9_000));
    let runs = store.claim(everything).await.unwrap();
    let [run] = runs.as_slice() else {
        panic!("{runs:?}")
    };
    let ids: Vec<&str> = run.events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

pub async fn the_order_of_arrival_starts_the_same_number_of_runs<S: Store>(store: S) {
    // Two windows; the first has four events.
    let seconds = [0, 10, 20, 1_800, 3_600, 3_650, 3_700];
    for (number, order) in [
        [0, 1, 2, 3, 4, 5, 6],
        [6, 5, 4, 3, 2, 1, 0],
        [3, 0, 6, 1, 5, 2, 4],
        [2, 4, 6, 0, 1, 3, 5],
    ]
    .into_iter()
    .enumerate()
    {
        let (rule, of) = (three_in_an_hour(), number.to_string());
        let mut started = 0;
        for index in order {
            let id = format!("{number}.{index}");
            let arrived = happened(&id, seconds[index], &of, &id);
            let (_, state) = arrives(&store, &rule, arrived.clone()).await;
            started += usize::from(state == RunState::Queued);
            // What is received again counts once.
            let repeated = store.commit(of_rule(&rule, arrived, later(9_001))).await;
            assert!(repeated.unwrap().redelivered);
        }
        assert_eq!(started, 2, "{order:?}");
    }
}

pub async fn what_is_not_counted_says_why<S: Store>(store: S) {
    let rule = three_in_an_hour();
    let mut lacking = happened("1", 0, "7", "a");
    lacking.raw = json!({ "item": "a" }).into();
    let (_, state) = arrives(&store, &rule, lacking).await;
    assert_eq!(why(&state), "not counted: this event has no `$.raw.of`");
    for (id, second) in [("2", -100_000), ("3", -50_000), ("4", 0), ("5", -10)] {
        arrives(&store, &rule, happened(id, second, "7", id)).await;
    }
    let (_, state) = arrives(&store, &rule, happened("6", -4_211, "7", "f")).await;
    assert_eq!(
        why(&state),
        "too late for $.raw.of 7: events before 2027-01-15T06:50:00Z no longer count"
    );
    // A time far ahead of the clock is that of the receipt.
    let (_, state) = arrives(&store, &rule, happened("7", 1_000_000, "9", "a")).await;
    assert!(
        why(&state).ends_with("leaves at 2027-01-15T11:30:00Z"),
        "{state:?}"
    );
}

pub async fn a_count_in_shadow_is_apart<S: Store>(store: S) {
    let live = three_in_an_hour();
    let mut shadow = Rule::clone(&live);
    shadow.mode = Mode::Shadow;
    let shadow = Arc::new(shadow);
    for (id, item) in [("1", "a"), ("2", "b"), ("3", "c")] {
        let (_, state) = arrives(&store, &shadow, happened(id, 0, "7", item)).await;
        let expected = if id == "3" { "shadow" } else { "suppressed" };
        assert_eq!(state.as_str(), expected);
    }
    let (_, state) = arrives(&store, &live, happened("4", 0, "7", "d")).await;
    assert!(
        why(&state).starts_with("1 of 3 for $.raw.of 7 "),
        "{state:?}"
    );
}

pub async fn a_replay_is_not_counted<S: Store>(store: S) {
    let rule = three_in_an_hour();
    for (id, item) in [("1", "a"), ("2", "b")] {
        arrives(&store, &rule, happened(id, 0, "7", item)).await;
    }
    let mut replay = of_rule(&rule, happened("1", 0, "7", "a"), later(9_000));
    replay.occasion = ArrivalKind::Replay(ReplayMark::default());
    let replayed = store.commit(replay).await.unwrap().runs[0].clone();
    assert_eq!(replayed.state, RunState::Queued);
    to(&store, replayed.id, RunState::Running).await;
    to(&store, replayed.id, RunState::Done).await;
    let (_, state) = arrives(&store, &rule, happened("3", 1, "7", "c")).await;
    assert_eq!(state, RunState::Queued);
}

pub async fn events_of_one_request_count_in_their_order<S: Store>(store: S) {
    let rule = three_in_an_hour();
    let all = [("1", 5, "a"), ("2", 1, "b"), ("3", 3, "c"), ("4", 4, "d")];
    let all =
        all.map(|(id, second, item)| of_rule(&rule, happened(id, second, "7", item), later(9_000)));
    let committed = store.commit_all(all.into()).await.unwrap();
    let states = committed.iter().map(|one| one.runs[0].state.as_str());
    assert_eq!(
        states.collect::<Vec<_>>(),
        ["suppressed", "suppressed", "queued", "suppressed"]
    );
}

pub async fn a_sequence_is_complete_in_any_order_of_arrival<S: Store>(store: S) {
    let rule = created_then_solved();
    let created = |id: &str, second, of: &str| happened(id, second, of, "a");
    let solved = |id: &str, second, of: &str| Event {
        event_type: "ticket.StatusChanged".into(),
        ..happened(id, second, of, "b")
    };
    let (_, state) = arrives(&store, &rule, created("1", 0, "7")).await;
    assert_eq!(
        why(&state),
        "step 1 of 2 for $.raw.of 7; waits for ticket.StatusChanged until 2027-01-15T09:00:00Z"
    );
    let (run, state) = arrives(&store, &rule, solved("2", 60, "7")).await;
    assert_eq!(state, RunState::Queued);
    // The events of a sequence are in no other.
    let (_, state) = arrives(&store, &rule, solved("3", 70, "7")).await;
    assert_eq!(
        why(&state),
        "step 0 of 2 for $.raw.of 7; waits for ticket.TicketCreated"
    );
    // The last step arrives first.
    let (_, state) = arrives(&store, &rule, solved("4", 200, "8")).await;
    assert!(why(&state).starts_with("step 0 of 2 "), "{state:?}");
    let (late, state) = arrives(&store, &rule, created("5", 100, "8")).await;
    assert_eq!(state, RunState::Queued);
    // Too far apart.
    arrives(&store, &rule, created("6", 0, "9")).await;
    let (_, state) = arrives(&store, &rule, solved("7", 3_600, "9")).await;
    assert!(why(&state).starts_with("step 0 of 2 "), "{state:?}");
    let everything = super::up_to(100, later(9_000));
    let runs = store.claim(everything).await.unwrap();
    let read: Vec<(RunId, Vec<&str>)> = runs
        .iter()
        .map(|run| {
            (
                run.id,
                run.events.iter().map(|event| event.id.as_str()).collect(),
            )
        })
        .collect();
    assert_eq!(read, [(run, vec!["1", "2"]), (late, vec!["5", "4"])]);
}
