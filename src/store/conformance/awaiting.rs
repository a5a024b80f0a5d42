//! Runs that wait for events: before, at and after their steps, in every order of arrival.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{claimed, event, later, now, to, up_to};
use crate::store::awaited::AwaitedSubject;
use crate::store::{
    ArrivalKind, Committed, IncomingEvent, PlannedRun, Revision, RevisionId, Store, StoreError,
    StoreSettings,
};
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::event::Event;
use flowtrigger_core::path::Path;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// How long the step waits, and the grace after it.
const WITHIN: i64 = 3_600;
const GRACE: i64 = 30;

const RULE: &str = "name: reply
event_source: support
event_type: ticket.TicketCreated
flow:
  - name: reply
    wait_for:
      any:
        - { event_type: ticket.CommentAdded, same: ticket.id, when: { comment.is_public: true } }
        - { event_type: [ticket.StatusChanged, ticket.CsatRequested], same: ticket.id }
      within: 1h
  - succeed: fine
";

pub fn waiting_rule() -> Arc<Rule> {
    Arc::clone(&flowtrigger_testing::rules::from_text(RULE).rules[0])
}

pub(super) fn ticket_event(event_type: &str, id: &str, ticket: i64, happened: Timestamp) -> Event {
    Event {
        event_type: event_type.into(),
        time: Some(happened),
        key: Some(ticket.to_string()),
        body: json!({"ticket": {"id": ticket}}),
        about: json!({"id": id, "type": event_type}),
        ..Event::clone(&event(id))
    }
}

pub(super) fn incoming(
    event: Event,
    received: Timestamp,
    rule: Option<&Arc<Rule>>,
) -> IncomingEvent {
    let planned = rule.map(|rule| PlannedRun::new(rule, &event));
    IncomingEvent {
        event: Arc::new(event),
        received,
        revision: RevisionId::default(),
        planned: planned.into_iter().collect(),
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

/// The event of a run that waits.
pub fn created(id: &str, ticket: i64, happened: Timestamp) -> IncomingEvent {
    let event = ticket_event("ticket.TicketCreated", id, ticket, happened);
    incoming(event, happened, Some(&waiting_rule()))
}

/// A comment that no rule matches.
pub fn comment(id: &str, ticket: i64, is_public: bool, happened: Timestamp) -> IncomingEvent {
    let mut event = ticket_event("ticket.CommentAdded", id, ticket, happened);
    event.body["comment"] = json!({"is_public": is_public});
    incoming(event, happened, None)
}

fn received_at(incoming: IncomingEvent, received: Timestamp) -> IncomingEvent {
    IncomingEvent {
        received,
        ..incoming
    }
}

/// Registers what the rule waits for, as a daemon does before its first event.
pub async fn register<S: Store>(store: &S, settings: StoreSettings) {
    let revision = Revision {
        files: Vec::new(),
        config: Arc::new(ConfigSource::default()),
        settings,
        awaited: AwaitedSubject::of_rules([&*waiting_rule()]),
    };
    store.set_revision(revision).await.unwrap();
}

/// A run that is planned.
async fn planned<S: Store>(store: &S) -> RunId {
    register(store, StoreSettings::default()).await;
    let committed = store.commit(created("run", 7, now())).await.unwrap();
    committed.runs[0].id
}

fn waiting(at: Timestamp) -> LogEntry {
    LogEntry::Waiting {
        step: "reply".into(),
        at,
        until: at + SignedDuration::from_secs(WITHIN),
    }
}

fn awaiting(at: Timestamp) -> RunState {
    RunState::Awaiting {
        step: "reply".into(),
        until: at + SignedDuration::from_secs(WITHIN + GRACE),
    }
}

/// What a worker stores at the step, which begins now.
pub async fn begin<S: Store>(store: &S, run: RunId) {
    let entries = vec![waiting(now())];
    let state = Some(awaiting(now()));
    store.advance(run, entries, state).await.unwrap();
}

/// A run that waits at its step since now.
async fn awaiting_run<S: Store>(store: &S) -> RunId {
    let run = planned(store).await;
    assert_eq!(claimed(store, now()).await, [run]);
    begin(store, run).await;
    assert_eq!(state(store, run).await, awaiting(now()));
    run
}

async fn state<S: Store>(store: &S, run: RunId) -> RunState {
    store.run(run).await.unwrap().unwrap().state
}

async fn commit<S: Store>(store: &S, incoming: IncomingEvent) -> Committed {
    store.commit(incoming).await.unwrap()
}

fn continued(committed: &Committed) -> Vec<RunId> {
    committed.continued.iter().map(|run| run.id).collect()
}

/// The log of a run that is claimed now, in words.
async fn log_at<S: Store>(store: &S, at: Timestamp) -> Vec<String> {
    let runs = store.claim(up_to(9, at)).await.unwrap();
    let run = runs.first().expect("a run is ready");
    let words = run.log.iter().map(|entry| match entry {
        LogEntry::Waiting { .. } => "waiting".to_owned(),
        LogEntry::Arrived { number, event, .. } => {
            format!(
                "arrived {number} {}",
                event["event"]["id"].as_str().unwrap_or_default()
            )
        }
        LogEntry::Answered { answer, .. } => format!("answered {answer}"),
        LogEntry::Expired { .. } => "expired".to_owned(),
        LogEntry::Revived { .. } => "retried".to_owned(),
        other => format!("{other:?}"),
    });
    words.collect()
}

pub async fn an_event_continues_a_run_at_its_step<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    assert_eq!(store.next_due().await.unwrap(), Some(later(WITHIN + GRACE)));
    let came = commit(&store, comment("c", 7, true, later(60))).await;
    assert_eq!(continued(&came), [run]);
    assert!(came.awaited && came.runs.is_empty() && !came.redelivered);
    assert_eq!(state(&store, run).await, RunState::Queued);
    let runs = store.claim(up_to(9, later(61))).await.unwrap();
    let [
        LogEntry::Waiting { .. },
        LogEntry::Arrived {
            step,
            at,
            number,
            event,
        },
    ] = &*runs[0].log
    else {
        panic!("{:?}", runs[0].log);
    };
    assert_eq!((step.as_str(), *at, *number), ("reply", later(60), 1));
    assert_eq!(event["comment"], json!({"is_public": true}));
    assert_eq!(event["event"]["type"], Value::from("ticket.CommentAdded"));
    // The step is decided: what comes later changes nothing.
    let more = commit(&store, comment("d", 7, true, later(62))).await;
    assert!(more.awaited && more.continued.is_empty());
    store
        .advance(run, Vec::new(), Some(RunState::Queued))
        .await
        .unwrap();
    assert_eq!(log_at(&store, later(63)).await, ["waiting", "arrived 1 c"]);
}

pub async fn an_event_before_the_step_is_not_missed<S: Store>(store: S) {
    let run = planned(&store).await;
    // Before the run is claimed.
    let came = commit(&store, comment("c", 7, true, later(1))).await;
    assert_eq!(continued(&came), [run]);
    assert_eq!(log_at(&store, later(2)).await, ["arrived 1 c"]);
    to(&store, run, RunState::Done).await;
    // While it executes the steps before.
    let second = commit(&store, created("second", 8, later(3))).await;
    assert_eq!(claimed(&store, later(4)).await, [second.runs[0].id]);
    commit(&store, comment("d", 8, true, later(5))).await;
    begin(&store, second.runs[0].id).await;
    assert_eq!(
        state(&store, second.runs[0].id).await,
        RunState::Queued,
        "it does not wait"
    );
    assert_eq!(log_at(&store, later(6)).await, ["waiting", "arrived 1 d"]);
}

pub async fn an_event_of_another_value_or_without_the_condition_does_not_count<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    let note = comment("note", 7, false, later(1));
    let mut elsewhere = comment("elsewhere", 7, true, later(3));
    Arc::make_mut(&mut elsewhere.event).endpoint = "north".into();
    for other in [note, comment("other", 8, true, later(2)), elsewhere] {
        let came = commit(&store, other).await;
        assert!(came.awaited && came.continued.is_empty(), "{came:?}");
    }
    assert_eq!(state(&store, run).await, awaiting(now()));
    assert!(claimed(&store, later(WITHIN + GRACE - 1)).await.is_empty());
    assert_eq!(
        log_at(&store, later(WITHIN + GRACE)).await,
        ["waiting", "expired"]
    );
}

pub async fn the_first_of_several_events_decides<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    let status = ticket_event("ticket.StatusChanged", "s", 7, later(9));
    let came = commit(&store, incoming(status, later(9), None)).await;
    assert_eq!(continued(&came), [run]);
    let late = commit(&store, comment("c", 7, true, later(5))).await;
    assert!(late.continued.is_empty());
    assert_eq!(log_at(&store, later(10)).await, ["waiting", "arrived 2 s"]);
}

pub async fn an_event_counts_up_to_the_deadline_and_is_accepted_in_the_grace<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    let after = comment("after", 7, true, later(WITHIN + 1));
    assert!(commit(&store, after).await.continued.is_empty());
    let in_time = comment("in time", 7, true, later(WITHIN));
    let in_time = received_at(in_time, later(WITHIN + GRACE - 1));
    assert_eq!(continued(&commit(&store, in_time).await), [run]);
    assert_eq!(
        log_at(&store, later(WITHIN + GRACE)).await,
        ["waiting", "arrived 1 in time"]
    );
}

pub async fn what_comes_after_the_end_of_the_wait_changes_nothing<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    let end = later(WITHIN + GRACE);
    assert_eq!(log_at(&store, end).await, ["waiting", "expired"]);
    let late = received_at(comment("late", 7, true, later(60)), end);
    assert!(commit(&store, late).await.continued.is_empty());
    assert_eq!(state(&store, run).await, RunState::Running);
    to(&store, run, RunState::Queued).await;
    assert_eq!(log_at(&store, end).await, ["waiting", "expired"]);
}

pub async fn only_events_since_that_of_the_run_count<S: Store>(store: S) {
    let run = planned(&store).await;
    let before = received_at(comment("before", 7, true, later(-1)), later(1));
    assert!(commit(&store, before).await.continued.is_empty());
    let same = comment("same", 7, true, now());
    assert_eq!(continued(&commit(&store, same).await), [run]);
}

pub async fn an_event_that_arrives_before_that_of_the_run_is_looked_back_at<S: Store>(store: S) {
    register(&store, StoreSettings::default()).await;
    for earlier in [
        comment("before", 7, true, later(-9)),
        comment("note", 7, false, later(2)),
        comment("reply", 7, true, later(3)),
        comment("second", 7, true, later(4)),
    ] {
        assert!(commit(&store, earlier).await.continued.is_empty());
    }
    let run = received_at(created("run", 7, now()), later(5));
    commit(&store, run).await;
    assert_eq!(log_at(&store, later(6)).await, ["arrived 1 reply"]);
    // One that was received too long ago is not found.
    commit(&store, comment("reply 8", 8, true, later(3))).await;
    let run = received_at(created("run 8", 8, now()), later(3 + 601));
    let run = commit(&store, run).await.runs[0].id;
    let runs = store.claim(up_to(9, later(700))).await.unwrap();
    let run = runs.iter().find(|claimed| claimed.id == run).unwrap();
    assert_eq!(run.log, []);
}

pub async fn a_redelivery_is_recognised_and_compared_once<S: Store>(store: S) {
    register(&store, StoreSettings::default()).await;
    let first = commit(&store, comment("c", 7, true, later(-1))).await;
    assert!(first.awaited && !first.redelivered);
    commit(&store, created("run", 7, later(-2))).await;
    assert_eq!(log_at(&store, now()).await, ["arrived 1 c"]);
    let run = commit(&store, created("run 2", 7, later(-2))).await.runs[0].id;
    let again = commit(
        &store,
        received_at(comment("c", 7, true, later(-1)), later(9)),
    )
    .await;
    assert!(again.awaited && again.redelivered && again.continued.is_empty());
    assert_eq!(state(&store, run).await, RunState::Queued);
    // A rule that is written later matches it.
    let mut matched = comment("c", 7, true, later(-1));
    matched.planned = vec![PlannedRun::new(&super::live_rule("b"), &matched.event)];
    let matched = commit(&store, matched).await;
    assert!(!matched.redelivered && matched.runs.len() == 1);
    assert!(matched.continued.is_empty());
}

pub async fn an_event_of_a_rule_continues_other_runs_and_not_its_own<S: Store>(store: S) {
    let text = RULE.replace(
        "event_type: ticket.TicketCreated",
        "event_type: ticket.CommentAdded",
    );
    let rule = Arc::clone(&flowtrigger_testing::rules::from_text(&text).rules[0]);
    register(&store, StoreSettings::default()).await;
    let with_run = |id: &str, seconds| {
        let mut comment = comment(id, 7, true, later(seconds));
        comment.planned = vec![PlannedRun::new(&rule, &comment.event)];
        comment
    };
    let first = commit(&store, with_run("one", 0)).await;
    assert!(
        first.continued.is_empty(),
        "an event does not answer itself"
    );
    let second = commit(&store, with_run("two", 1)).await;
    assert_eq!(continued(&second), [first.runs[0].id]);
    assert_eq!(state(&store, second.runs[0].id).await, RunState::Queued);
}

pub async fn a_cancelled_run_misses_nothing_if_it_is_retried<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    store.cancel(run).await.unwrap();
    let came = commit(&store, comment("c", 7, true, later(60))).await;
    assert!(came.continued.is_empty());
    assert_eq!(state(&store, run).await, RunState::Cancelled);
    store.retry(run, later(90)).await.unwrap();
    assert_eq!(
        log_at(&store, later(91)).await,
        ["waiting", "retried", "arrived 1 c"]
    );
}

pub async fn a_retried_run_waits_again<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    store.cancel(run).await.unwrap();
    store.retry(run, later(60)).await.unwrap();
    assert_eq!(claimed(&store, later(61)).await, [run]);
    to(&store, run, awaiting(now())).await;
    let came = commit(&store, comment("c", 7, true, later(90))).await;
    assert_eq!(continued(&came), [run]);
    assert_eq!(state(&store, run).await, RunState::Queued);
}

pub async fn a_run_that_is_over_is_not_continued<S: Store>(store: S) {
    let run = planned(&store).await;
    assert_eq!(claimed(&store, now()).await, [run]);
    to(&store, run, RunState::Done).await;
    let came = commit(&store, comment("c", 7, true, later(60))).await;
    assert!(came.continued.is_empty());
    assert_eq!(state(&store, run).await, RunState::Done);
}

pub async fn continued_runs_take_their_turn_in_the_lane<S: Store>(store: S) {
    let run = awaiting_run(&store).await;
    let other = commit(&store, created("other", 7, later(1))).await.runs[0].id;
    assert_eq!(claimed(&store, later(2)).await, [other], "the lane is free");
    commit(&store, comment("c", 7, true, later(3))).await;
    assert!(claimed(&store, later(4)).await.is_empty(), "it is taken");
    to(&store, other, RunState::Done).await;
    assert_eq!(claimed(&store, later(5)).await, [run]);
}

pub async fn what_runs_wait_for_is_limited<S: Store>(store: S) {
    // A store in memory is for one event, and keeps its own limits.
    if !store.is_durable() {
        return;
    }
    let mut settings = StoreSettings::default();
    // The rule has three event types.
    settings.limits.waiters = 5;
    register(&store, settings).await;
    let run = commit(&store, created("one", 7, now())).await.runs[0].id;
    let rejected = store.commit(created("two", 8, now())).await;
    assert_eq!(rejected, Err(StoreError::TooManyWaiters { waiters: 3 }));
    assert_eq!(claimed(&store, now()).await, [run]);
    to(&store, run, RunState::Done).await;
    assert_eq!(commit(&store, created("two", 8, now())).await.runs.len(), 1);
}

pub async fn fields_are_removed_from_the_log_with_the_end_of_the_run<S: Store>(store: S) {
    let settings = StoreSettings {
        redact: vec![Path::parse("comment.body").unwrap()],
        ..StoreSettings::default()
    };
    register(&store, settings).await;
    let run = commit(&store, created("run", 7, now())).await.runs[0].id;
    let mut answer = comment("c", 7, true, later(1));
    Arc::make_mut(&mut answer.event).body["comment"]["body"] = json!("private");
    commit(&store, answer).await;
    let claimed = store.claim(up_to(9, later(2))).await.unwrap();
    let body = |log: &[LogEntry]| match log {
        [LogEntry::Arrived { event, .. }] => event["comment"]["body"].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(body(&claimed[0].log), json!("private"), "the flow reads it");
    to(&store, run, RunState::Done).await;
    let record = store.run(run).await.unwrap().unwrap();
    assert_ne!(body(&record.log), json!("private"));
}

pub async fn what_nothing_waits_for_is_not_stored<S: Store>(store: S) {
    register(&store, StoreSettings::default()).await;
    let awaited = store.awaited();
    assert!(awaited.covers("support", "ticket.CommentAdded"));
    assert!(!awaited.covers("support", "ticket.TagsChanged"));
    assert!(!awaited.covers("upmind", "ticket.CommentAdded"));
    let tags = ticket_event("ticket.TagsChanged", "t", 7, now());
    let came = commit(&store, incoming(tags, now(), None)).await;
    assert_eq!(came, Committed::default());
}
