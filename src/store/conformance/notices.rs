//! Notices by `on_dead` and `on_outage`: the first failure of a cause is reported at once, the others with a count. The
//! tests move the clock of the store and compare times with those that the store wrote.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{claimed, in_lane, later, live_rule, now, submit, to};
use crate::store::{OutageNotice, RunRecord, Store, StoreError};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{RunId, RunState};

const EVERY: SignedDuration = SignedDuration::from_secs(600);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

pub fn reported_rule(name: &str) -> Arc<Rule> {
    let mut rule = Rule::clone(&live_rule(name));
    rule.on_dead = Some(Arc::new(rule.flow.clone()));
    rule.on_outage = Some(Arc::new(rule.flow.clone()));
    Arc::new(rule)
}

/// A run of the rule that has died.
pub async fn dies<S: Store>(store: &S, rule: &Arc<Rule>, event: &str, why: &str) -> RunId {
    let run = submit(store, in_lane(event, rule, None)).await;
    to(store, run, RunState::Dead { why: why.into() }).await;
    run
}

/// The unfinished notices, the oldest first.
pub async fn notices<S: Store>(store: &S) -> Vec<RunRecord> {
    let mut notices = Vec::new();
    for run in store.unfinished(100).await.unwrap() {
        let record = store.run(run.id).await.unwrap().unwrap();
        notices.extend(Some(record).filter(|record| !record.error.is_null()));
    }
    notices
}

fn until(notice: &RunRecord) -> Timestamp {
    match notice.state {
        RunState::Waiting { until } => until,
        ref other => panic!("{other:?}"),
    }
}

/// How many failures each notice reports, the oldest notice first.
fn counts(notices: &[RunRecord]) -> Vec<&Value> {
    notices
        .iter()
        .map(|notice| &notice.error["count"])
        .collect()
}

pub async fn deaths_of_one_cause_share_a_notice<S: Store>(store: S) {
    let a = reported_rule("a");
    let first = dies(&store, &a, "1", "ticket 90417: answered 503").await;
    let second = dies(&store, &a, "2", "ticket 90418: answered 503").await;
    dies(&store, &a, "3", "ticket 90419: answered 503").await;
    let last = dies(&store, &a, "4", "ticket 90420: answered 503").await;
    let shared = notices(&store).await;
    assert_eq!(counts(&shared), [&json!(1), &json!(3)]);
    assert_eq!(shared[0].state, RunState::Queued);
    assert_eq!(shared[0].error["run"], first.0);
    assert_eq!(shared[0].error["last_run"], first.0);
    let summary = &shared[1];
    assert_eq!(summary.event.id, "2", "it has the event of its first run");
    assert_eq!(summary.error["run"], second.0);
    assert_eq!(summary.error["first_run"], second.0);
    assert_eq!(summary.error["last_run"], last.0);
    assert_eq!(summary.error["message"], "ticket 90418: answered 503");
    let last_death = summary.error["until"].as_str().unwrap();
    let left = until(summary).duration_since(last_death.parse().unwrap());
    assert!(left.is_positive() && left <= EVERY + SECOND, "{left}");
    // Another reason and another rule are other causes.
    dies(&store, &a, "5", "ticket 90417: answered 404").await;
    dies(
        &store,
        &reported_rule("b"),
        "6",
        "ticket 90417: answered 503",
    )
    .await;
    let other = notices(&store).await;
    assert_eq!(counts(&other)[2..], [&json!(1), &json!(1)]);
    assert!(other[2..].iter().all(|run| run.state == RunState::Queued));
}

pub async fn a_summary_begins_the_next_window<S: Store>(store: S) {
    let a = reported_rule("a");
    for event in ["1", "2", "3"] {
        dies(&store, &a, event, "answered 503").await;
    }
    let first_until = until(&notices(&store).await[1]);
    store.shift_clock(-EVERY).await.unwrap();
    let due = first_until - EVERY;
    assert!(claimed(&store, due - SECOND).await.len() == 1);
    let summary = claimed(&store, due).await;
    assert_eq!(summary.len(), 1);
    let died = dies(&store, &a, "4", "answered 503").await;
    let next = notices(&store).await.pop().unwrap();
    assert_ne!(next.id, summary[0], "a summary that runs takes no more");
    assert_eq!(
        (&next.error["count"], &next.error["run"]),
        (&json!(1), &json!(died.0))
    );
    let later = until(&next).duration_since(first_until);
    assert!(later <= SECOND && !later.is_negative(), "{later}");
}

pub async fn after_a_quiet_window_the_next_death_is_reported_at_once<S: Store>(store: S) {
    let a = reported_rule("a");
    dies(&store, &a, "1", "answered 503").await;
    let longer = EVERY + SECOND;
    store.shift_clock(-longer).await.unwrap();
    dies(&store, &a, "2", "answered 503").await;
    let both = notices(&store).await;
    assert_eq!(counts(&both), [&json!(1), &json!(1)]);
    assert!(both.iter().all(|run| run.state == RunState::Queued));
}

pub async fn a_late_summary_takes_further_deaths<S: Store>(store: S) {
    let a = reported_rule("a");
    dies(&store, &a, "1", "answered 503").await;
    dies(&store, &a, "2", "answered 503").await;
    store.shift_clock(-EVERY * 3).await.unwrap();
    dies(&store, &a, "3", "answered 503").await;
    assert_eq!(counts(&notices(&store).await), [&json!(1), &json!(2)]);
}

pub async fn a_cancelled_summary_is_replaced<S: Store>(store: S) {
    let a = reported_rule("a");
    dies(&store, &a, "1", "answered 503").await;
    dies(&store, &a, "2", "answered 503").await;
    let cancelled = notices(&store).await.pop().unwrap();
    store.cancel(cancelled.id).await.unwrap();
    dies(&store, &a, "3", "answered 503").await;
    let replaced = notices(&store).await.pop().unwrap();
    assert_eq!(replaced.error["count"], 1);
    assert_eq!(until(&replaced), until(&cancelled));
}

pub async fn a_summary_that_waits_in_a_step_takes_no_more<S: Store>(store: S) {
    let a = reported_rule("a");
    dies(&store, &a, "1", "answered 503").await;
    dies(&store, &a, "2", "answered 503").await;
    let summary = notices(&store).await.pop().unwrap();
    assert!(claimed(&store, until(&summary)).await.contains(&summary.id));
    let until = until(&summary) + EVERY * 2;
    to(&store, summary.id, RunState::Waiting { until }).await;
    dies(&store, &a, "3", "answered 503").await;
    let waiting = store.run(summary.id).await.unwrap().unwrap();
    assert_eq!(waiting.error["count"], 1);
}

/// Of a store whose notices have no time between them.
pub async fn without_a_time_each_death_has_its_notice<S: Store>(store: S) {
    let a = reported_rule("a");
    dies(&store, &a, "1", "answered 503").await;
    dies(&store, &a, "2", "answered 503").await;
    let each = notices(&store).await;
    assert_eq!(counts(&each), [&json!(1), &json!(1)]);
    assert!(each.iter().all(|run| run.state == RunState::Queued));
}

fn outage(receiver: &str, failures: u32) -> OutageNotice {
    OutageNotice {
        receiver: receiver.into(),
        since: later(0),
        failures,
        message: format!("failure {failures}"),
        waiting: u64::from(failures) * 10,
    }
}

pub async fn an_outage_is_reported_once_and_then_counted<S: Store>(store: S) {
    let noticed = submit(&store, in_lane("1", &reported_rule("a"), None)).await;
    let other = submit(&store, in_lane("2", &reported_rule("b"), None)).await;
    let chat = "connection chat";
    store.notify_outage(noticed, outage(chat, 5)).await.unwrap();
    store.notify_outage(other, outage(chat, 6)).await.unwrap();
    store.notify_outage(noticed, outage(chat, 7)).await.unwrap();
    let pager = outage("host pager.example:443", 9);
    store.notify_outage(other, pager).await.unwrap();
    let reports = notices(&store).await;
    assert_eq!(counts(&reports), [&json!(1), &json!(2), &json!(1)]);
    assert_eq!(
        reports[0].error,
        json!({
            "receiver": chat,
            "since": now().to_string(),
            "failures": 5,
            "message": "failure 5",
            "waiting": 50,
            "count": 1,
            "run": noticed.0,
            "rule": "a",
        })
    );
    assert_eq!((&*reports[0].event.id, &*reports[0].rule.name), ("1", "a"));
    assert_eq!(reports[0].state, RunState::Queued);
    let summary = &reports[1].error;
    assert_eq!(
        (&summary["failures"], &summary["message"], &summary["run"]),
        (&json!(7), &json!("failure 7"), &json!(other.0))
    );
    until(&reports[1]);
    // The run that noticed it is as it was.
    let run = store.run(noticed).await.unwrap().unwrap();
    assert!(run.error.is_null() && run.state == RunState::Queued);
}

pub async fn a_notice_of_an_outage_leads_to_no_other<S: Store>(store: S) {
    let noticed = submit(&store, in_lane("1", &reported_rule("a"), None)).await;
    store
        .notify_outage(noticed, outage("connection chat", 5))
        .await
        .unwrap();
    let report = notices(&store).await.pop().unwrap().id;
    store
        .notify_outage(report, outage("connection pager", 5))
        .await
        .unwrap();
    to(&store, report, RunState::Dead { why: "too".into() }).await;
    assert!(notices(&store).await.is_empty());
    let plain = submit(&store, in_lane("2", &live_rule("c"), None)).await;
    store
        .notify_outage(plain, outage("connection pager", 5))
        .await
        .unwrap();
    assert!(
        notices(&store).await.is_empty(),
        "its rule has no `on_outage`"
    );
    let unknown = store.notify_outage(RunId(999), outage("connection pager", 5));
    assert_eq!(unknown.await, Err(StoreError::UnknownRun(999)));
}
