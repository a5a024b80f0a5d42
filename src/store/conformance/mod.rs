//! The suite that every backend must pass. It uses the traits only, and no test waits for time to pass.

mod absence;
mod answers;
pub mod awaiting;
mod causes;
mod claims;
mod clock;
mod commands;
mod counts;
pub(in crate::store) mod debounce;
mod debounce_model;
mod gates;
pub mod history;
mod lanes;
mod loops;
pub mod notices;
mod redaction;
mod replay;
mod settings;
mod suspensions;
mod ticks;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{ArrivalKind, ClaimRequest, IncomingEvent, PlannedRun, RevisionId, Store};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::call_result::Reply;
use flowtrigger_core::run::{Attempt, LogEntry, RunId, RunState};

pub use loops::loop_check;

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
    Arc::clone(&flowtrigger_testing::rules::from_text(&text).rules[0])
}

fn event(id: &str) -> Arc<Event> {
    Arc::new(Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.TicketCreated".into(),
        id: id.into(),
        key: Some("7".into()),
        time: None,
        envelope: json!({}),
        body: json!({}),
        raw: json!({}).into(),
        about: json!({}),
        format: "zis",
        warnings: Vec::new(),
        trace: None,
    })
}

/// An event with one run of the rule, in the lane of ticket 7.
pub fn arrival(id: &str, rule: &Arc<Rule>) -> IncomingEvent {
    in_lane(id, rule, Some("7"))
}

fn in_lane(id: &str, rule: &Arc<Rule>, lane: Option<&str>) -> IncomingEvent {
    IncomingEvent {
        event: event(id),
        received: now(),
        revision: RevisionId::default(),
        occasion: ArrivalKind::Delivery,
        delivery: None,
        planned: vec![PlannedRun {
            rule: Arc::clone(rule),
            mode: Mode::Live,
            lane: lane.map(str::to_owned),
            loop_ask: None,
            asks: Vec::new(),
            waiters: Vec::new(),
            counterpart: None,
        }],
    }
}

pub fn attempt(number: u32) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: "one".into(),
        number,
        started: now(),
        took: Duration::from_millis(3),
        outcome: Ok(Reply { value: json!(1) }),
    })
}

/// Everything that is due now.
pub fn everything() -> ClaimRequest {
    up_to(100, now())
}

fn up_to(limit: usize, now: Timestamp) -> ClaimRequest {
    ClaimRequest {
        limit,
        per_rule: 100,
        now,
    }
}

async fn to<S: Store>(store: &S, run: RunId, state: RunState) {
    store.advance(run, Vec::new(), Some(state)).await.unwrap();
}

async fn claimed<S: Store>(store: &S, at: Timestamp) -> Vec<RunId> {
    let runs = store.claim(up_to(100, at)).await.unwrap();
    runs.iter().map(|run| run.id).collect()
}

async fn submit<S: Store>(store: &S, arrival: IncomingEvent) -> RunId {
    store.commit(arrival).await.unwrap().runs[0].id
}

/// Runs the suite; `open` returns an empty store.
pub async fn suite<S: Store>(open: impl Fn() -> S) {
    a_redelivery_runs_nothing_twice(open()).await;
    the_same_id_of_another_source_is_another_event(open()).await;
    an_event_without_runs_is_not_remembered(open()).await;
    an_array_keeps_its_order(open()).await;
    lanes::runs_of_a_lane_are_executed_one_at_a_time(open()).await;
    lanes::lanes_do_not_wait_for_each_other(open()).await;
    lanes::a_retrying_run_keeps_its_lane_until_it_is_due(open()).await;
    suspensions::only_the_first_of_two_changes_succeeds(open()).await;
    suspensions::parked_runs_are_released_in_order(open()).await;
    suspensions::a_parked_run_keeps_its_lane(open()).await;
    suspensions::runs_behind_others_are_found_also_after_a_release(open()).await;
    shadow_runs_are_recorded_and_never_claimed(open()).await;
    the_log_is_returned_with_the_claim(open()).await;
    a_final_state_is_final(open()).await;
    clock::retries_move_with_the_clock(open()).await;
    clock::gates_move_with_the_clock(open()).await;
    an_unknown_run_is_an_error(open()).await;
    claims::each_claim_has_its_own_id(open()).await;
    claims::a_claim_has_the_times_of_its_run(open()).await;
    claims::a_stale_claim_writes_nothing(open()).await;
    claims::a_claim_ends_with_the_state(open()).await;
    claims::a_cancelled_run_has_no_claim(open()).await;
    claims::each_advance_has_its_result_in_order(open()).await;
    lanes::a_rule_has_a_limit_of_running_runs(open()).await;
    gates::a_gate_admits_up_to_its_limit(open()).await;
    gates::a_schedule_suppresses_before_anything_counts(open()).await;
    gates::only_open_hours_count_in_windows(open()).await;
    counts::the_event_that_completes_a_window_starts_a_run(open()).await;
    counts::a_run_of_a_count_reads_its_events(open()).await;
    counts::the_order_of_arrival_starts_the_same_number_of_runs(open()).await;
    counts::what_is_not_counted_says_why(open()).await;
    counts::a_count_in_shadow_is_apart(open()).await;
    counts::a_replay_is_not_counted(open()).await;
    counts::events_of_one_request_count_in_their_order(open()).await;
    counts::a_sequence_is_complete_in_any_order_of_arrival(open()).await;
    loops::a_chain_of_our_own_events_ends_at_its_depth(open()).await;
    loops::an_event_of_a_person_starts_a_new_chain(open()).await;
    loops::rules_share_a_chain_and_tickets_do_not(open()).await;
    loops::only_what_began_to_write_as_the_actor_is_a_cause(open()).await;
    loops::without_an_actor_the_rate_of_the_rule_decides(open()).await;
    loops::a_replay_starts_a_new_chain_and_counts_in_no_rate(open()).await;
    loops::the_guard_moves_with_the_clock(open()).await;
    loops::events_of_one_update_are_no_loop(open()).await;
    loops::parts_of_a_ticket_are_counted_apart(open()).await;
    loops::a_rule_that_writes_elsewhere_is_never_stopped_by_its_rate(open()).await;
    loops::held_runs_give_one_notice(open()).await;
    causes::only_an_attempt_to_write_to_the_sender_is_a_cause(open()).await;
    causes::a_run_is_the_cause_of_what_its_on_dead_steps_wrote(open()).await;
    commands::a_retried_run_is_last_in_its_lane(open()).await;
    commands::a_cancelled_run_releases_its_lane(open()).await;
    commands::a_replay_is_a_new_run_of_a_new_generation(open()).await;
    replay::a_replay_starts_one_run_of_each_event_and_rule(open()).await;
    replay::two_replays_at_the_same_time_start_one_run_of_an_event_and_rule(open()).await;
    replay::an_event_that_is_not_stored_cannot_be_replayed(open()).await;
    redaction::fields_are_removed_with_the_last_run_that_may_need_them(open()).await;
    redaction::events_of_a_window_are_redacted_with_the_run_that_reads_them(open()).await;
    redaction::a_run_with_a_redacted_event_cannot_be_retried(open()).await;
    redaction::an_event_without_unfinished_runs_is_redacted_at_once(open()).await;
    redaction::without_redact_everything_is_kept(open()).await;
    a_dead_run_queues_its_on_dead_run_once(open()).await;
    notices::deaths_of_one_cause_share_a_notice(open()).await;
    notices::a_summary_begins_the_next_window(open()).await;
    notices::after_a_quiet_window_the_next_death_is_reported_at_once(open()).await;
    notices::a_late_summary_takes_further_deaths(open()).await;
    notices::a_cancelled_summary_is_replaced(open()).await;
    notices::a_summary_that_waits_in_a_step_takes_no_more(open()).await;
    notices::an_outage_is_reported_once_and_then_counted(open()).await;
    notices::a_notice_of_an_outage_leads_to_no_other(open()).await;
    waiting::a_waiting_run_delays_no_other(open()).await;
    waiting::a_run_that_is_due_waits_for_the_owner_of_its_lane(open()).await;
    waiting::runs_due_together_are_claimed_by_age(open()).await;
    waiting::a_run_without_a_lane_waits_for_no_other(open()).await;
    waiting::a_waiting_run_can_be_cancelled_and_retried(open()).await;
    waiting::due_times_move_with_the_clock(open()).await;
    answers::the_first_answer_continues_the_run(open()).await;
    answers::of_two_answers_at_the_same_time_one_counts(open()).await;
    answers::an_answer_before_the_step_is_kept_for_it(open()).await;
    answers::an_answer_after_its_time_is_refused(open()).await;
    answers::a_run_that_is_over_takes_no_answer(open()).await;
    answers::the_key_of_links_is_made_once(open()).await;
    awaiting::an_event_continues_a_run_at_its_step(open()).await;
    awaiting::an_event_before_the_step_is_not_missed(open()).await;
    awaiting::an_event_of_another_value_or_without_the_condition_does_not_count(open()).await;
    awaiting::the_first_of_several_events_decides(open()).await;
    awaiting::an_event_counts_up_to_the_deadline_and_is_accepted_in_the_grace(open()).await;
    awaiting::what_comes_after_the_end_of_the_wait_changes_nothing(open()).await;
    awaiting::only_events_since_that_of_the_run_count(open()).await;
    awaiting::an_event_that_arrives_before_that_of_the_run_is_looked_back_at(open()).await;
    awaiting::a_redelivery_is_recognised_and_compared_once(open()).await;
    awaiting::an_event_of_a_rule_continues_other_runs_and_not_its_own(open()).await;
    awaiting::a_cancelled_run_misses_nothing_if_it_is_retried(open()).await;
    awaiting::a_retried_run_waits_again(open()).await;
    awaiting::a_run_that_is_over_is_not_continued(open()).await;
    awaiting::continued_runs_take_their_turn_in_the_lane(open()).await;
    awaiting::what_runs_wait_for_is_limited(open()).await;
    awaiting::fields_are_removed_from_the_log_with_the_end_of_the_run(open()).await;
    awaiting::what_nothing_waits_for_is_not_stored(open()).await;
    absence::an_event_before_the_last_of_a_sequence_is_not_its_absence(&open).await;
    absence::an_event_cannot_happen_after_its_receipt(open()).await;
    debounce::the_first_event_opens_a_window(open()).await;
    debounce::with_last_a_later_event_replaces_the_run(open()).await;
    debounce::with_first_later_events_join(open()).await;
    debounce::with_all_the_run_reads_every_event(open()).await;
    debounce::a_window_is_limited(open()).await;
    debounce::values_and_rules_have_separate_windows(open()).await;
    debounce::a_window_that_was_due_is_closed_by_the_next_event(open()).await;
    debounce::a_debouncing_run_delays_nothing_and_waits_for_its_lane(open()).await;
    debounce::shadow_never_debounces(open()).await;
    debounce::a_cancelled_run_closes_its_window(open()).await;
    debounce::a_replay_joins_no_window_and_reads_the_same_events(open()).await;
    debounce::the_window_moves_with_the_clock(open()).await;
    debounce::only_open_hours_are_quiet(open()).await;
    debounce::gates_count_a_window_as_one_run(open()).await;
    debounce::a_suppressed_event_does_not_change_the_window(open()).await;
    debounce_model::windows_match_the_reference_model(open()).await;
    debounce::an_array_joins_a_window_in_its_order(open()).await;
    settings::a_patch_sets_the_keys_that_it_names(open()).await;
    settings::settings_stay_small(open()).await;
    ticks::the_last_tick_of_each_rule_is_kept(open()).await;
}

async fn a_redelivery_runs_nothing_twice<S: Store>(store: S) {
    let rule = live_rule("a");
    let first = store.commit(arrival("e", &rule)).await.unwrap();
    assert!(!first.redelivered);
    assert_eq!(first.runs[0].state, RunState::Queued);
    assert_eq!(&*first.runs[0].rule, "a");
    assert_eq!(claimed(&store, now()).await, [first.runs[0].id]);
    to(&store, first.runs[0].id, RunState::Done).await;
    let again = store.commit(arrival("e", &rule)).await.unwrap();
    assert!(again.redelivered);
    assert_eq!(again.runs[0].id, first.runs[0].id);
    assert_eq!(again.runs[0].state, RunState::Done);
    assert!(claimed(&store, now()).await.is_empty());
    assert_eq!(store.runs_of("support", "e").await.unwrap().len(), 1);
    assert!(store.runs_of("support", "other").await.unwrap().is_empty());
}

async fn the_same_id_of_another_source_is_another_event<S: Store>(store: S) {
    let rule = live_rule("a");
    submit(&store, arrival("e", &rule)).await;
    let mut other = arrival("e", &rule);
    // Ids belong to the entry that received the event, not to the source.
    Arc::make_mut(&mut other.event).endpoint = "north".into();
    assert!(!store.commit(other).await.unwrap().redelivered);
}

async fn an_event_without_runs_is_not_remembered<S: Store>(store: S) {
    let unmatched = IncomingEvent {
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

async fn a_dead_run_queues_its_on_dead_run_once<S: Store>(store: S) {
    let mut rule = Rule::clone(&live_rule("a"));
    rule.on_dead = Some(Arc::new(rule.flow.clone()));
    let run = submit(&store, arrival("1", &Arc::new(rule))).await;
    claimed(&store, now()).await;
    let lines = vec![attempt(1)];
    let dead = RunState::Dead {
        why: "gave up".into(),
    };
    store.advance(run, lines, Some(dead)).await.unwrap();
    let reports = store.claim(everything()).await.unwrap();
    assert_eq!(reports.len(), 1);
    assert_ne!(reports[0].id, run);
    let error = &reports[0].error;
    assert_eq!(error["since"], error["until"]);
    assert_eq!(
        *error,
        json!({
            "message": "gave up", "run": run.0, "rule": "a", "attempts": 1, "count": 1,
            "first_run": run.0, "last_run": run.0, "since": error["since"], "until": error["until"],
        })
    );
    assert_eq!(
        (reports[0].event.id.as_str(), reports[0].log.len()),
        ("1", 0)
    );
    to(&store, reports[0].id, RunState::Dead { why: "too".into() }).await;
    assert!(claimed(&store, now()).await.is_empty(), "no second report");
}

async fn shadow_runs_are_recorded_and_never_claimed<S: Store>(store: S) {
    let mut shadowed = arrival("1", &live_rule("a"));
    shadowed.planned[0].mode = Mode::Shadow;
    let committed = store.commit(shadowed).await.unwrap();
    assert_eq!(committed.runs[0].state, RunState::Shadow);
    assert!(claimed(&store, now()).await.is_empty());
    assert!(store.unfinished(100).await.unwrap().is_empty());
    let record = store.run(committed.runs[0].id).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Shadow);
}

async fn the_log_is_returned_with_the_claim<S: Store>(store: S) {
    let run = submit(&store, arrival("1", &live_rule("a"))).await;
    let first = store.claim(up_to(1, now())).await.unwrap();
    assert!(first[0].log.is_empty());
    assert_eq!((first[0].generation, first[0].rule.name.as_str()), (0, "a"));
    let lines = vec![attempt(1)];
    store.advance(run, lines, None).await.unwrap();
    let lines = vec![attempt(2)];
    store.advance(run, lines, None).await.unwrap();
    let until = later(1);
    to(&store, run, RunState::Retrying { until }).await;
    let again = store.claim(up_to(1, until)).await.unwrap();
    assert_eq!(again[0].log, [attempt(1), attempt(2)]);
    assert_eq!(store.run(run).await.unwrap().unwrap().log.len(), 2);
}

async fn a_final_state_is_final<S: Store>(store: S) {
    let run = submit(&store, arrival("1", &live_rule("a"))).await;
    claimed(&store, now()).await;
    to(&store, run, RunState::Done).await;
    let until = later(1);
    to(&store, run, RunState::Retrying { until }).await;
    assert_eq!(store.run(run).await.unwrap().unwrap().state, RunState::Done);
    assert!(claimed(&store, later(2)).await.is_empty());
}

async fn an_unknown_run_is_an_error<S: Store>(store: S) {
    let nobody = RunId(9_999);
    let lines = vec![attempt(1)];
    assert!(store.advance(nobody, lines, None).await.is_err());
    assert!(store.retry(nobody, now()).await.is_err());
    assert!(store.cancel(nobody).await.is_err());
    assert!(store.run(nobody).await.unwrap().is_none());
}
