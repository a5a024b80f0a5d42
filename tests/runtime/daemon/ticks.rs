//! Rules with `every`: each tick runs its own rule once, also after downtime, and no sender can forge one.

use std::time::Duration;

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::Perform;
use flowtrigger::store::{RunRecord, Store};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::call_result::{CallResult, Reply};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::{TestDaemon, daemon_with_performer_and_options, until};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::durable::Durable;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Answers everything.
struct Replies;

impl Perform for Replies {
    async fn perform(&self, _: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        Ok(Reply { value: Value::Null })
    }
}

fn rule(name: &str, every: &str, more: &str) -> String {
    format!("name: {name}\nevery: {every}\n{more}flow: [{{ succeed: fine }}]\n---\n")
}

fn clock() -> ManualClock {
    ManualClock::starting_at("2026-11-30T07:59:30Z".parse().unwrap())
}

async fn daemon(rules: &str, store: &Durable, clock: &ManualClock) -> TestDaemon<Durable, Replies> {
    daemon_with_performer_and_options(rules, store.clone(), Replies, clock.options()).await
}

async fn runs(store: &Durable, tick: &str) -> Vec<RunRecord> {
    store.runs_of("clock", tick).await.unwrap()
}

/// Waits until the tick of a rule has run. Time goes on slowly meanwhile, because the task may begin to sleep at any moment.
async fn ran(store: &Durable, clock: &ManualClock, tick: &str) -> RunRecord {
    until("the tick runs", || async {
        clock.advance(Duration::from_millis(1));
        let runs = runs(store, tick).await;
        runs.iter().any(|run| run.state == RunState::Done)
    })
    .await;
    let mut runs = runs(store, tick).await;
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

/// Waits until the rules of a daemon are planned.
async fn planned(store: &Durable, count: usize) {
    until("the rules are planned", || async {
        store.last_ticks().await.unwrap().len() == count
    })
    .await;
}

/// Waits until the store has the last tick of the first rule.
async fn noted(store: &Durable, clock: &ManualClock, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    until("the tick is noted", || async {
        clock.advance(Duration::from_millis(1));
        let last = store.last_ticks().await.unwrap();
        last.first().is_some_and(|last| last.at == time)
    })
    .await;
}

#[tokio::test]
async fn each_tick_runs_its_own_rule_once() {
    let (clock, store) = (clock(), Durable::default());
    let rules = rule(
        "a",
        "{ cron: \"0 9 * * mon-fri\", zone: Europe/Berlin }",
        "",
    ) + &rule("b", "\"* * * * *\"", "when: { weekday: monday }\n");
    let daemon = daemon(&rules, &store, &clock).await;
    // As another daemon with the same database.
    let tasks = [daemon.engine.start_ticks(), daemon.engine.start_ticks()];
    planned(&store, 2).await;
    clock.advance(MINUTE);
    let a = ran(&store, &clock, "a@2026-11-30T08:00:00Z").await;
    assert_eq!(
        a.event.body,
        json!({
            "id": "a@2026-11-30T08:00:00Z", "rule": "a", "scheduled_at": "2026-11-30T08:00:00Z",
            "local": "2026-11-30T09:00:00", "zone": "Europe/Berlin", "weekday": "monday", "date": "2026-11-30",
            "missed": false, "previous_at": "2026-11-27T08:00:00Z", "type": "Tick",
        })
    );
    assert_eq!(a.event.time, Some("2026-11-30T08:00:00Z".parse().unwrap()));
    ran(&store, &clock, "b@2026-11-30T08:00:00Z").await;
    for minute in 1..5 {
        clock.advance(MINUTE);
        ran(&store, &clock, &format!("b@2026-11-30T08:0{minute}:00Z")).await;
    }
    assert_eq!(runs(&store, "a@2026-11-30T08:00:00Z").await.len(), 1);
    for task in tasks {
        task.abort();
    }
}

#[tokio::test]
async fn the_last_missed_tick_runs_after_downtime() {
    let (clock, store) = (clock(), Durable::default());
    let rules = rule("a", "\"0 * * * *\"", "");
    let first = daemon(&rules, &store, &clock).await;
    let task = first.engine.start_ticks();
    planned(&store, 1).await;
    clock.advance(MINUTE);
    ran(&store, &clock, "a@2026-11-30T08:00:00Z").await;
    noted(&store, &clock, "2026-11-30T08:00:00Z").await;
    task.abort();
    drop(first);
    clock.advance(185 * MINUTE);
    let second = daemon(&rules, &store, &clock).await;
    let task = second.engine.start_ticks();
    let missed = ran(&store, &clock, "a@2026-11-30T11:00:00Z").await;
    assert_eq!(missed.event.body["missed"], true);
    for skipped in ["a@2026-11-30T09:00:00Z", "a@2026-11-30T10:00:00Z"] {
        assert!(runs(&store, skipped).await.is_empty());
    }
    noted(&store, &clock, "2026-11-30T11:00:00Z").await;
    task.abort();
}

#[tokio::test]
async fn a_rule_ticks_from_the_time_before_its_last_tick_was_read() {
    let (clock, store) = (clock(), Durable::default());
    let daemon = daemon(&rule("a", "\"0 * * * *\"", ""), &store, &clock).await;
    let task = daemon.engine.start_ticks();
    // The task reads the store. The time of a tick comes before it has the answer.
    tokio::task::yield_now().await;
    clock.advance(MINUTE);
    ran(&store, &clock, "a@2026-11-30T08:00:00Z").await;
    task.abort();
}

#[tokio::test]
async fn many_rules_tick_at_one_instant() {
    // More than one commit takes, and more than the queue of the store holds.
    const RULES: usize = 600;
    let (clock, store) = (clock(), Durable::default());
    let rules: String = (0..RULES)
        .map(|number| rule(&format!("r{number:05}"), "\"0 * * * *\"", ""))
        .collect();
    let daemon = daemon(&rules, &store, &clock).await;
    // As another daemon with the same database.
    let tasks = [daemon.engine.start_ticks(), daemon.engine.start_ticks()];
    planned(&store, RULES).await;
    clock.advance(MINUTE);
    let done = |counts: std::collections::BTreeMap<&'static str, u64>| {
        counts.get("done").copied().unwrap_or_default()
    };
    until("every rule has run", || async {
        clock.advance(Duration::from_millis(1));
        done(store.counts().await.unwrap()) >= RULES as u64
    })
    .await;
    let last = store.last_ticks().await.unwrap();
    let due: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
    assert!(last.iter().all(|last| last.at == due));
    assert_eq!(done(store.counts().await.unwrap()), RULES as u64);
    for number in [0, RULES / 2, RULES - 1] {
        let tick = format!("r{number:05}@{due}");
        assert_eq!(runs(&store, &tick).await.len(), 1, "{tick}");
    }
    for task in tasks {
        task.abort();
    }
}

#[tokio::test]
async fn a_closing_daemon_ticks_no_more() {
    let (clock, store) = (clock(), Durable::default());
    let daemon = daemon(&rule("a", "\"* * * * *\"", ""), &store, &clock).await;
    let task = daemon.engine.start_ticks();
    planned(&store, 1).await;
    daemon.engine.close().await;
    clock.advance(MINUTE);
    until("the task has ended", || async {
        clock.advance(SECOND);
        task.is_finished()
    })
    .await;
    task.await.unwrap();
    assert!(runs(&store, "a@2026-11-30T08:00:00Z").await.is_empty());
}

#[tokio::test]
async fn no_sender_can_forge_a_tick() {
    let (clock, store) = (clock(), Durable::default());
    let daemon = daemon(&rule("a", "\"* * * * *\"", ""), &store, &clock).await;
    let sample = include_str!("../../../examples/events/clock/tick.json");
    let forged: Value = serde_json::from_str(&sample.replace("morning-digest", "a")).unwrap();
    let answered = daemon.post(&forged).await;
    assert_eq!(answered.status, 400);
    assert_eq!(
        answered.error(),
        "this is an event of `clock`, not of `support`"
    );
    let answered = daemon
        .request("POST", "/events/clock")
        .body(forged.to_string());
    assert_eq!(answered.send().await.unwrap().status(), 404);
    assert!(runs(&store, "a@2026-11-30T08:00:00Z").await.is_empty());
}
