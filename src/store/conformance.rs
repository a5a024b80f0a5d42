//! What every store must do, as one suite that each backend runs.
//! It looks only through the trait, and never waits for time to pass.

mod clock;
mod debounce;
mod loops;
mod orders;
mod redaction;
mod settings;
mod waiting;

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
            loop_ask: None,
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
    clock::what_waits_moves_with_the_clock(open()).await;
    clock::gates_move_with_the_clock(open()).await;
    an_unknown_run_is_an_error(open()).await;
    one_rule_takes_no_more_than_its_share(open()).await;
    a_gate_lets_through_what_it_says(open()).await;
    loops::a_chain_of_our_own_events_ends_at_its_depth(open()).await;
    loops::a_person_begins_a_chain_anew(open()).await;
    loops::two_rules_share_a_chain_and_other_tickets_go_on(open()).await;
    loops::only_what_began_to_write_as_the_actor_is_a_cause(open()).await;
    loops::without_an_actor_the_rate_of_a_rule_decides(open()).await;
    loops::a_replay_begins_anew_and_counts_in_no_rate(open()).await;
    loops::the_guard_moves_with_the_clock(open()).await;
    orders::a_revived_run_is_last_in_its_lane(open()).await;
    orders::a_cancelled_run_gives_way(open()).await;
    orders::a_replay_is_a_new_run_of_a_new_generation(open()).await;
    redaction::fields_are_let_go_with_the_last_run_that_may_need_them(open()).await;
    redaction::gathered_events_are_let_go_with_the_run_that_reads_them(open()).await;
    redaction::what_is_let_go_cannot_be_acted_on(open()).await;
    redaction::an_event_that_acts_on_nothing_is_let_go_at_once(open()).await;
    redaction::without_a_word_everything_is_kept(open()).await;
    a_death_is_told_once_where_the_rule_wants_it(open()).await;
    waiting::a_waiting_run_holds_up_no_other(open()).await;
    waiting::when_its_time_comes_it_waits_for_the_owner_of_its_lane(open()).await;
    waiting::several_that_are_due_together_go_by_their_age(open()).await;
    waiting::without_a_lane_nothing_is_waited_for(open()).await;
    waiting::a_waiting_run_can_be_given_up_and_taken_up_again(open()).await;
    waiting::its_time_moves_with_the_clock(open()).await;
    debounce::the_first_event_opens_a_window(open()).await;
    debounce::with_last_a_later_event_takes_the_place(open()).await;
    debounce::with_first_later_events_join(open()).await;
    debounce::with_all_the_run_reads_every_event(open()).await;
    debounce::a_window_takes_no_more_than_its_most(open()).await;
    debounce::values_and_rules_gather_apart(open()).await;
    debounce::a_window_closes_in_time_though_nobody_looked(open()).await;
    debounce::it_holds_up_nothing_and_waits_for_its_lane(open()).await;
    debounce::shadow_never_debounces(open()).await;
    debounce::a_cancelled_run_closes_its_window(open()).await;
    debounce::a_replay_asks_no_window_and_reads_the_same(open()).await;
    debounce::the_window_moves_with_the_clock(open()).await;
    debounce::gates_count_a_window_as_one_run(open()).await;
    debounce::a_closed_gate_leaves_the_window_as_it_is(open()).await;
    debounce::windows_are_those_of_a_naive_reading(open()).await;
    debounce::an_array_gathers_in_its_order(open()).await;
    settings::a_patch_lies_over_what_was_there(open()).await;
    settings::settings_stay_small(open()).await;
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
    let limited: Vec<RunId> = limited.iter().map(|run| run.id).collect();
    assert_eq!(limited, [first, other_rule], "rules take turns");
    assert_eq!(
        claimed(&store, now()).await,
        [other_ticket, without, also_without],
        "within a rule the oldest goes first"
    );
}

async fn one_rule_takes_no_more_than_its_share<S: Store>(store: S) {
    let (a, b) = (live_rule("a"), live_rule("b"));
    let mut of_a = Vec::new();
    for n in 0..5 {
        of_a.push(place(&store, in_lane(&format!("a{n}"), &a, None)).await);
    }
    let of_b = place(&store, in_lane("b", &b, None)).await;
    let two = Claim {
        per_rule: 2,
        ..everything()
    };
    let ids = |runs: Vec<super::Claimed>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
    let first = ids(store.claim(two).await.unwrap());
    assert_eq!(first.len(), 3, "{first:?}");
    assert!(first.contains(&of_a[0]) && first.contains(&of_a[1]) && first.contains(&of_b));
    assert!(store.claim(two).await.unwrap().is_empty());
    to(&store, of_a[0], State::Done).await;
    assert_eq!(ids(store.claim(two).await.unwrap()), [of_a[2]]);
}

async fn a_gate_lets_through_what_it_says<S: Store>(store: S) {
    let ask = |kind| Ask {
        kind,
        window: Duration::from_secs(60),
        value: "ticket.id 7".into(),
    };
    let gated = |id: &str, asks: &[Ask], seconds| {
        let mut arrival = in_lane(id, &live_rule("a"), None);
        arrival.received = later(seconds);
        arrival.planned[0].asks = asks.to_vec();
        arrival
    };
    let dedupe = [ask(Kind::Dedupe)];
    let both = [ask(Kind::Dedupe), ask(Kind::Throttle { limit: 2 })];
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
        assert_eq!(committed.runs[0].state.word(), word, "{id}");
        runs.push(committed.runs[0].clone());
    }
    let State::Suppressed { gate, why } = &runs[1].state else {
        panic!("{:?}", runs[1]);
    };
    assert_eq!(gate, "dedupe");
    assert!(
        why.contains(&format!("run {} for ticket.id 7", runs[0].id.0)),
        "{why}"
    );
    assert!(claimed(&store, later(70)).await.len() == 5);
    // A run that never did its work gives its place back, to a dedupe alone.
    to(&store, runs[2].id, State::Dead { why: "x".into() }).await;
    to(&store, runs[4].id, State::Dead { why: "x".into() }).await;
    let again = store.commit(gated("8", &dedupe, 70)).await.unwrap();
    assert_eq!(again.runs[0].state.word(), "queued");
    let closed = store.commit(gated("9", &both[1..], 71)).await.unwrap();
    assert_eq!(closed.runs[0].state.word(), "suppressed");
    // A gate is charged only by what passes all of them.
    let shut = store.commit(gated("10", &both, 124)).await.unwrap();
    assert_eq!(shut.runs[0].state.word(), "suppressed");
    for (id, word) in [("11", "queued"), ("12", "queued"), ("13", "suppressed")] {
        let committed = store.commit(gated(id, &both[1..], 125)).await.unwrap();
        assert_eq!(committed.runs[0].state.word(), word, "{id}");
    }
}

async fn a_death_is_told_once_where_the_rule_wants_it<S: Store>(store: S) {
    let mut rule = Rule::clone(&live_rule("a"));
    rule.on_dead = Some(Arc::new(rule.flow.clone()));
    let run = place(&store, arrival("1", &Arc::new(rule))).await;
    claimed(&store, now()).await;
    let lines = vec![attempt(1)];
    let dead = State::Dead {
        why: "gave up".into(),
    };
    store.advance(run, lines, Some(dead)).await.unwrap();
    let told = store.claim(everything()).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_ne!(told[0].id, run);
    assert_eq!(
        told[0].error,
        json!({"message": "gave up", "run": run.0, "rule": "a", "attempts": 1})
    );
    assert_eq!((told[0].event.id.as_str(), told[0].log.len()), ("1", 0));
    to(&store, told[0].id, State::Dead { why: "too".into() }).await;
    assert!(claimed(&store, now()).await.is_empty(), "nobody is told");
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

async fn an_unknown_run_is_an_error<S: Store>(store: S) {
    let nobody = RunId(9_999);
    let lines = vec![attempt(1)];
    assert!(store.advance(nobody, lines, None).await.is_err());
    assert!(store.revive(nobody, now()).await.is_err());
    assert!(store.cancel(nobody).await.is_err());
    assert!(store.run(nobody).await.unwrap().is_none());
}
