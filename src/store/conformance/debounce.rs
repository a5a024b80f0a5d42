//! Debounce windows: which run acts, when, and on which events.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::{claimed, in_lane, later, now, submit, to};
use crate::store::{ArrivalKind, ClaimedRun, IncomingEvent, ReplayMark, RunStatus, Store};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::debounce::MAX_WINDOW_EVENTS;
use flowtrigger_core::gate::{DebounceKeep, GateCheck, GateKind};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{RunId, RunState};
use flowtrigger_core::schedule::ScheduledDuration;
use flowtrigger_testing::schedules::office;

pub(super) const QUIET: i64 = 60;

pub fn rule(keep: DebounceKeep) -> Arc<Rule> {
    let text = format!(
        "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\n\
         debounce: {{ per: ticket.id, quiet: 60s, keep: {} }}\nflow:\n  - succeed: fine\n",
        keep.as_str()
    );
    Arc::clone(&flowtrigger_testing::rules::from_text(&text).rules[0])
}

pub fn debounce(keep: DebounceKeep) -> GateCheck {
    GateCheck {
        kind: GateKind::Debounce {
            at_most: Some(ScheduledDuration::always(Duration::from_secs(100))),
            keep,
        },
        window: ScheduledDuration::always(Duration::from_secs(QUIET.unsigned_abs())),
        value: "ticket.id 7".into(),
        time: None,
    }
}

fn counting(kind: GateKind, seconds: u64, value: &str) -> GateCheck {
    GateCheck {
        kind,
        window: ScheduledDuration::always(Duration::from_secs(seconds)),
        value: value.into(),
        time: None,
    }
}

/// An event received after some seconds, with a run in the lane of ticket 7.
pub(super) fn coming(id: &str, keep: DebounceKeep, seconds: i64) -> IncomingEvent {
    asking(id, keep, seconds, &[debounce(keep)])
}

fn asking(id: &str, keep: DebounceKeep, seconds: i64, asks: &[GateCheck]) -> IncomingEvent {
    let mut arrival = in_lane(id, &rule(keep), Some("7"));
    arrival.received = later(seconds);
    arrival.planned[0].asks = asks.to_vec();
    arrival
}

pub(super) async fn comes<S: Store>(store: &S, arrival: IncomingEvent) -> RunStatus {
    store.commit(arrival).await.unwrap().runs.remove(0)
}

async fn state<S: Store>(store: &S, run: RunId) -> RunState {
    store.run(run).await.unwrap().unwrap().state
}

pub(super) async fn starts<S: Store>(store: &S, seconds: i64) -> Vec<ClaimedRun> {
    store
        .claim(super::up_to(100, later(seconds)))
        .await
        .unwrap()
}

pub(super) fn ids(events: &[Arc<flowtrigger_core::event::Event>]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

fn until(seconds: i64) -> RunState {
    let until = later(seconds);
    RunState::Debouncing { until }
}

fn gone(why: &str) -> RunState {
    RunState::Suppressed {
        gate: "debounce".into(),
        why: why.into(),
    }
}

pub async fn the_first_event_opens_a_window<S: Store>(store: S) {
    let first = comes(&store, coming("1", DebounceKeep::Last, 0)).await;
    assert_eq!(first.state, until(QUIET));
    assert_eq!(store.next_due().await.unwrap(), Some(later(QUIET)));
    assert_eq!(store.counts().await.unwrap()["debouncing"], 1);
    assert_eq!(store.unfinished(9).await.unwrap()[0].id, first.id);
    assert!(starts(&store, QUIET - 1).await.is_empty());
    let started = starts(&store, QUIET).await;
    assert_eq!((started[0].id, started.len()), (first.id, 1));
    assert!(started[0].events.is_empty(), "nobody asked for all of them");
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn with_last_a_later_event_replaces_the_run<S: Store>(store: S) {
    let first = comes(&store, coming("1", DebounceKeep::Last, 0)).await;
    let second = comes(&store, coming("2", DebounceKeep::Last, 30)).await;
    assert_eq!(second.state, until(90));
    let why = format!("replaced by run {} of a later event", second.id.0);
    assert_eq!(state(&store, first.id).await, gone(&why));
    let third = comes(&store, coming("3", DebounceKeep::Last, 80)).await;
    assert_eq!(third.state, until(100), "at most 100 s after the first");
    assert!(starts(&store, 99).await.is_empty());
    let started = starts(&store, 100).await;
    assert_eq!(
        (started[0].id, started[0].event.id.as_str()),
        (third.id, "3")
    );
    assert_eq!(started.len(), 1);
    let again = store
        .commit(coming("1", DebounceKeep::Last, 101))
        .await
        .unwrap();
    assert!(again.redelivered);
    assert_eq!(again.runs[0].state, gone(&why));
}

pub async fn with_first_later_events_join<S: Store>(store: S) {
    let first = comes(&store, coming("1", DebounceKeep::First, 0)).await;
    let second = comes(&store, coming("2", DebounceKeep::First, 30)).await;
    let why = format!(
        "joined run {} for ticket.id 7, which collects events since {:.0}",
        first.id.0,
        now()
    );
    assert_eq!(second.state, gone(&why));
    assert_eq!(state(&store, first.id).await, until(90));
    assert!(starts(&store, 89).await.is_empty());
    let started = starts(&store, 90).await;
    assert_eq!(
        (started[0].id, started[0].event.id.as_str()),
        (first.id, "1")
    );
    let next = comes(&store, coming("3", DebounceKeep::First, 91)).await;
    assert_eq!(next.state, until(91 + QUIET), "a window of its own");
}

pub async fn with_all_the_run_reads_every_event<S: Store>(store: S) {
    for (id, seconds) in [("1", 0), ("2", 10), ("3", 20)] {
        comes(&store, coming(id, DebounceKeep::All, seconds)).await;
    }
    let started = starts(&store, 20 + QUIET).await.remove(0);
    assert_eq!(started.event.id, "3");
    assert_eq!(ids(&started.events), ["1", "2", "3"]);
    assert_eq!(started.locals()["events"][2]["event"], started.event.about);
    let record = store.run(started.id).await.unwrap().unwrap();
    assert_eq!(ids(&record.events), ["1", "2", "3"]);
    let until = later(500);
    to(&store, started.id, RunState::Waiting { until }).await;
    let again = starts(&store, 500).await.remove(0);
    assert_eq!(ids(&again.events), ["1", "2", "3"]);
    to(&store, started.id, RunState::Dead { why: "x".into() }).await;
    store.retry(started.id, later(501)).await.unwrap();
    assert_eq!(ids(&starts(&store, 501).await[0].events), ["1", "2", "3"]);
    to(&store, started.id, RunState::Done).await;
    let alone = comes(&store, coming("4", DebounceKeep::All, 600)).await;
    let started = starts(&store, 600 + QUIET).await.remove(0);
    assert_eq!((started.id, ids(&started.events)), (alone.id, vec!["4"]));
}

pub async fn a_window_is_limited<S: Store>(store: S) {
    let most = i64::from(MAX_WINDOW_EVENTS);
    let one = coming("", DebounceKeep::All, 0);
    let all = (1..=most).map(|n| {
        let mut one = one.clone();
        Arc::make_mut(&mut one.event).id = n.to_string();
        one
    });
    let committed = store.commit_all(all.collect()).await.unwrap();
    assert_eq!(committed[committed.len() - 2].runs[0].state, until(QUIET));
    let last = &committed[committed.len() - 1].runs[0];
    assert_eq!(last.state, until(0), "it is closed at once");
    let next = comes(&store, coming("next", DebounceKeep::All, 0)).await;
    assert_eq!(next.state, until(QUIET));
    let started = starts(&store, 0).await.remove(0);
    assert_eq!((started.id, started.events.len() as i64), (last.id, most));
}

pub async fn values_and_rules_have_separate_windows<S: Store>(store: S) {
    let first = comes(&store, coming("1", DebounceKeep::Last, 0)).await;
    let mut other = coming("2", DebounceKeep::Last, 1);
    other.planned[0].asks[0].value = "ticket.id 8".into();
    let other = comes(&store, other).await;
    let mut of_another = coming("3", DebounceKeep::Last, 2);
    let mut rule = Rule::clone(&rule(DebounceKeep::Last));
    rule.name = "b".into();
    of_another.planned[0].rule = Arc::new(rule);
    comes(&store, of_another).await;
    assert_eq!(state(&store, first.id).await, until(QUIET));
    assert_eq!(state(&store, other.id).await, until(1 + QUIET));
    let mut without = coming("4", DebounceKeep::Last, 3);
    without.planned[0].asks.clear();
    assert_eq!(comes(&store, without).await.state, RunState::Queued);
}

pub async fn a_window_that_was_due_is_closed_by_the_next_event<S: Store>(store: S) {
    let first = comes(&store, coming("1", DebounceKeep::Last, 0)).await;
    let second = comes(&store, coming("2", DebounceKeep::Last, QUIET)).await;
    assert_eq!(state(&store, first.id).await, RunState::Queued);
    assert_eq!(second.state, until(2 * QUIET));
    assert_eq!(claimed(&store, later(QUIET)).await, [first.id]);
    assert!(
        claimed(&store, later(2 * QUIET)).await.is_empty(),
        "one lane"
    );
    to(&store, first.id, RunState::Done).await;
    assert_eq!(claimed(&store, later(2 * QUIET)).await, [second.id]);
}

pub async fn a_debouncing_run_delays_nothing_and_waits_for_its_lane<S: Store>(store: S) {
    comes(&store, coming("1", DebounceKeep::Last, 0)).await;
    let mut at_once = coming("2", DebounceKeep::Last, 1);
    at_once.planned[0].asks.clear();
    let at_once = comes(&store, at_once).await;
    assert_eq!(claimed(&store, later(1)).await, [at_once.id]);
    assert!(claimed(&store, later(QUIET)).await.is_empty());
    to(&store, at_once.id, RunState::Done).await;
    assert_eq!(starts(&store, QUIET).await[0].event.id, "1");
}

pub async fn shadow_never_debounces<S: Store>(store: S) {
    for id in ["1", "2"] {
        let mut shadow = coming(id, DebounceKeep::Last, 0);
        shadow.planned[0].mode = Mode::Shadow;
        assert_eq!(comes(&store, shadow).await.state, RunState::Shadow);
    }
    assert_eq!(
        comes(&store, coming("3", DebounceKeep::Last, 1))
            .await
            .state,
        until(61)
    );
}

pub async fn a_cancelled_run_closes_its_window<S: Store>(store: S) {
    let first = comes(&store, coming("1", DebounceKeep::All, 0)).await;
    let second = comes(&store, coming("2", DebounceKeep::All, 1)).await;
    assert!(store.cancel(first.id).await.is_err(), "it is over");
    assert_eq!(
        store.cancel(second.id).await.unwrap().state,
        RunState::Cancelled
    );
    assert_eq!(store.next_due().await.unwrap(), None);
    let third = comes(&store, coming("3", DebounceKeep::All, 2)).await;
    assert_eq!(third.state, until(2 + QUIET));
    let started = starts(&store, 2 + QUIET).await;
    assert_eq!(ids(&started[0].events), ["3"]);
    to(&store, third.id, RunState::Done).await;
    store.retry(second.id, later(70)).await.unwrap();
    assert_eq!(ids(&starts(&store, 70).await[0].events), ["1", "2"]);
}

pub async fn a_replay_joins_no_window_and_reads_the_same_events<S: Store>(store: S) {
    comes(&store, coming("1", DebounceKeep::All, 0)).await;
    let second = comes(&store, coming("2", DebounceKeep::All, 1)).await;
    assert_eq!(claimed(&store, later(61)).await, [second.id]);
    to(&store, second.id, RunState::Done).await;
    let open = comes(&store, coming("3", DebounceKeep::All, 70)).await;
    for (id, read) in [("2", vec!["1", "2"]), ("1", vec!["1"])] {
        let mut replay = coming(id, DebounceKeep::All, 71);
        replay.occasion = ArrivalKind::Replay(ReplayMark::default());
        let replay = comes(&store, replay).await;
        assert_eq!(replay.state, RunState::Queued);
        let started = starts(&store, 71).await.remove(0);
        assert_eq!((started.id, ids(&started.events)), (replay.id, read));
        to(&store, replay.id, RunState::Done).await;
    }
    assert_eq!(state(&store, open.id).await, until(130));
}

pub async fn the_window_moves_with_the_clock<S: Store>(store: S) {
    comes(&store, coming("1", DebounceKeep::Last, 0)).await;
    store
        .shift_clock(SignedDuration::from_secs(-1_000))
        .await
        .unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(later(QUIET - 1_000)));
    let second = comes(&store, coming("2", DebounceKeep::Last, 50 - 1_000)).await;
    assert_eq!(second.state, until(100 - 1_000), "its beginning moved too");
    assert_eq!(claimed(&store, later(100 - 1_000)).await, [second.id]);
}

/// `dedupe` counts runs that begin: the events of one window are one run.
pub async fn gates_count_a_window_as_one_run<S: Store>(store: S) {
    let day = counting(GateKind::Dedupe, 86_400, "ticket.id 7");
    let rate = counting(GateKind::Throttle { limit: 1 }, 1_000, "");
    let asks = |keep| [day.clone(), debounce(keep), rate.clone()];
    let mut runs = Vec::new();
    for (id, seconds) in [("1", 0), ("2", 30), ("3", 60)] {
        let run = comes(
            &store,
            asking(id, DebounceKeep::Last, seconds, &asks(DebounceKeep::Last)),
        )
        .await;
        assert_eq!(run.state.as_str(), "debouncing", "{id}");
        runs.push(run.id);
    }
    assert_eq!(claimed(&store, later(100)).await, [runs[2]]);
    let shut = comes(
        &store,
        asking("4", DebounceKeep::Last, 110, &asks(DebounceKeep::Last)),
    )
    .await;
    assert_eq!(shut.state.gate(), Some("dedupe"));
    assert!(
        shut.state
            .why()
            .unwrap()
            .contains(&format!("run {} ", runs[2].0))
    );
    // Admitted at the time of its own event; the runs before it are released.
    let rated = [debounce(DebounceKeep::Last), rate.clone()];
    let shut = comes(&store, asking("5", DebounceKeep::Last, 1_059, &rated)).await;
    assert_eq!(shut.state.gate(), Some("throttle"));
    let open = comes(&store, asking("6", DebounceKeep::Last, 1_060, &rated)).await;
    assert_eq!(open.state.as_str(), "debouncing");
    // A dead run is released.
    to(&store, runs[2], RunState::Dead { why: "x".into() }).await;
    let only = [day, debounce(DebounceKeep::Last)];
    let again = comes(&store, asking("7", DebounceKeep::Last, 1_061, &only)).await;
    assert_eq!(again.state.as_str(), "debouncing");
}

pub async fn a_suppressed_event_does_not_change_the_window<S: Store>(store: S) {
    let by = |name: &str| counting(GateKind::Throttle { limit: 1 }, 1_000, name);
    let mut plain = asking("0", DebounceKeep::Last, 0, &[by("b")]);
    plain.planned[0].lane = None;
    comes(&store, plain).await;
    let asks = |name| [debounce(DebounceKeep::Last), by(name)];
    let first = comes(&store, asking("1", DebounceKeep::Last, 0, &asks("a"))).await;
    let shut = comes(&store, asking("2", DebounceKeep::Last, 30, &asks("b"))).await;
    assert_eq!(shut.state.gate(), Some("throttle"));
    assert_eq!(state(&store, first.id).await, until(QUIET));
    let joins = [debounce(DebounceKeep::First), by("b")];
    let joined = comes(&store, asking("3", DebounceKeep::First, 40, &joins)).await;
    assert_eq!(
        joined.state.gate(),
        Some("debounce"),
        "and asks no throttle"
    );
    assert_eq!(state(&store, first.id).await, until(100));
}

pub async fn an_array_joins_a_window_in_its_order<S: Store>(store: S) {
    let array = ["1", "2", "3"].map(|id| coming(id, DebounceKeep::All, 0));
    let committed = store.commit_all(array.to_vec()).await.unwrap();
    let words: Vec<&str> = committed
        .iter()
        .map(|one| one.runs[0].state.as_str())
        .collect();
    assert_eq!(words, ["debouncing"; 3], "as each came");
    let started = starts(&store, QUIET).await;
    assert_eq!(
        (started.len(), ids(&started[0].events)),
        (1, vec!["1", "2", "3"])
    );
    let _ = submit(&store, coming("4", DebounceKeep::All, 61)).await;
}

pub async fn only_open_hours_are_quiet<S: Store>(store: S) {
    let hours = |hours: u64| ScheduledDuration {
        time: Duration::from_secs(hours * 3_600),
        during: Some(office()),
    };
    let ask = GateCheck {
        kind: GateKind::Debounce {
            at_most: Some(hours(2)),
            keep: DebounceKeep::Last,
        },
        window: hours(1),
        ..debounce(DebounceKeep::Last)
    };
    // Friday, 16:30, half an hour before the office closes.
    let friday = 8 * 3_600 + 1_800;
    let monday = friday + 65 * 3_600;
    let event = |id, seconds| asking(id, DebounceKeep::Last, seconds, std::slice::from_ref(&ask));
    submit(&store, event("1", friday)).await;
    assert_eq!(store.next_due().await.unwrap(), Some(later(monday)));
    // On Saturday nothing is quiet: an hour from Monday on. At 9:50 it is an hour more, at most until 10:30.
    submit(&store, event("2", friday + 86_400)).await;
    let nine = monday - 1_800;
    assert_eq!(store.next_due().await.unwrap(), Some(later(nine + 3_600)));
    let last = submit(&store, event("3", nine + 3_000)).await;
    assert_eq!(store.next_due().await.unwrap(), Some(later(nine + 5_400)));
    assert!(claimed(&store, later(nine + 5_399)).await.is_empty());
    assert_eq!(claimed(&store, later(nine + 5_400)).await, [last]);
}
