//! A backtest of the rules that a daemon used gives exactly what the daemon did: the same runs, stopped by the same gates.
//!
//! The events have real times, and the windows of the gates are short. However slow the machine is, the backtest follows
//! from what is stored.

use std::time::Duration;

use flowtrigger::report::backtest::comparison::RuleComparison;
use flowtrigger::report::backtest::difference::DifferenceCause;
use flowtrigger::report::backtest::execute::BacktestResult;
use flowtrigger::store::Store;
use flowtrigger::store::history::{EventQuery, EventSelector, Page, RunFilter};
use flowtrigger_core::run::RunState;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::event;
use serde_json::{Value, json};

use super::backtest_fixture::{Dice, RULES, assert_unchanged, rule, tested};

/// Events of a test in the ordinary run.
const EVENTS: usize = 250;

/// How many events an environment variable asks for.
fn events() -> usize {
    let events = std::env::var("BACKTEST_EVENTS").ok();
    events
        .and_then(|events| events.parse().ok())
        .unwrap_or(EVENTS)
}

/// What the numbers of the test begin with.
fn seed() -> u64 {
    let seed = std::env::var("BACKTEST_SEED").ok();
    seed.and_then(|seed| seed.parse().ok()).unwrap_or(7)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unchanged_rules_do_what_the_daemon_did() {
    let tested = tested(RULES).await;
    let mut dice = Dice(seed());
    let mut sent: Vec<Value> = Vec::new();
    for number in 0..events() {
        let words = ["a", "b", "c", "skipped", "fail", "other"];
        let word = words[dice.roll(6) as usize];
        let mut next = event(dice.roll(4), word);
        // Each is an event of its own.
        next["input"]["ticket_event"]["meta"]["sequence"]["id"] = json!(format!("s{number}"));
        let repeated = match dice.roll(10) {
            0 if !sent.is_empty() => Some(sent[dice.roll(sent.len() as u64) as usize].clone()),
            1 => Some(json!({"account_id": 1, "input": {"ticket_event": {
                "type": "Ticket Merged", "ticket": {"id": number},
                "meta": {"sequence": {"id": format!("m{number}"), "position": 1, "total": 1}}
            }}})),
            2 => Some(json!({"account_id": 1, "input": {"ticket_event": {
                "type": "Priority Changed", "previous": "low", "current": "high",
                "ticket": {"id": number},
                "meta": {
                    "occurred_at": format!("2026-01-07T{:02}:30:00Z", dice.roll(24)),
                    "sequence": {"id": format!("p{number}"), "position": 1, "total": 1}
                }
            }}})),
            _ => None,
        };
        match repeated {
            Some(other) => tested.send(&other).await,
            None if matches!(word, "fail" | "skipped") => {
                // What these runs come to decides on later events.
                tested.send(&next).await;
                tested.quiet().await;
                sent.push(next);
            }
            None => {
                tested.send(&next).await;
                sent.push(next);
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(25))).await;
    }
    let (result, _) = tested.backtest(RULES).await;
    assert_unchanged(&result);
    let kept: u64 = result.rules.iter().map(RuleComparison::all_kept_back).sum();
    assert!(kept > 50, "{:?}", result.rules);
    for name in [
        "plain",
        "shadowed",
        "deduped",
        "failing",
        "first",
        "last",
        "counted",
        "in-order",
        "working-hours",
    ] {
        assert!(rule(&result, name).same > 0, "{name}: {:?}", result.rules);
    }
    // A control: other windows are another result.
    let other = RULES
        .replace("for: 150ms", "for: 1h")
        .replace("limit: 2, in: 100ms", "limit: 1, in: 1h");
    let (changed, causes) = tested.backtest(&other).await;
    assert!(rule(&changed, "deduped").gone > 0);
    assert!(rule(&changed, "working-hours").gone > 0);
    assert!(
        causes.contains(&DifferenceCause::Gate("dedupe")),
        "{causes:?}"
    );
    // The same comes of the rules of then over the same events.
    let (both, _) = tested.backtest_against(&other, Some(RULES)).await;
    let counts = |result: &BacktestResult| {
        let rules = result.rules.iter();
        let counts = rules.map(|rule| {
            (
                rule.name.clone(),
                rule.before,
                rule.after,
                rule.new,
                rule.gone,
            )
        });
        counts.collect::<Vec<_>>()
    };
    assert_eq!(counts(&both), counts(&changed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_arrive_at_the_same_time_keep_the_order_of_their_commits() {
    let tested = tested(RULES).await;
    let mut dice = Dice(11);
    for round in 0..8 {
        let sent = (0..20).map(|number| {
            let words = ["a", "b", "c", "other"];
            let mut next = event(dice.roll(2), words[dice.roll(4) as usize]);
            let id = json!(format!("r{round}-{number}"));
            next["input"]["ticket_event"]["meta"]["sequence"]["id"] = id;
            next
        });
        let sent: Vec<Value> = sent.collect();
        let answers = sent.iter().map(|event| tested.send(event));
        futures_util::future::join_all(answers).await;
    }
    let (result, _) = tested.backtest(RULES).await;
    assert_unchanged(&result);
}

const SIMPLE: &str = "\
name: page
event_source: support
event_type: ticket.SubjectChanged
when: { current: a }
dedupe: { per: ticket.id, for: 1h }
flow: [{ wait: 1h }, { succeed: fine }]
---
name: note
event_source: support
event_type: ticket.SubjectChanged
when: { current: a }
flow: [{ succeed: fine }]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_no_longer_counts_and_a_replay_is_no_run_of_the_event() {
    let tested = tested(SIMPLE).await;
    tested.send(&event(1, "a")).await;
    let engine = &tested.daemon.engine;
    let runs = engine.store().unfinished(10).await.unwrap();
    let page = runs.iter().find(|run| &*run.rule == "page").expect("a run");
    // It waits before it is cancelled: no worker has it any more.
    let waits = || async {
        let run = engine.store().run(page.id).await.unwrap().expect("the run");
        matches!(run.state, RunState::Waiting { .. })
    };
    while !waits().await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    engine.cancel(page.id).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
    let mut second = event(1, "a");
    second["input"]["ticket_event"]["meta"]["sequence"]["id"] = json!("second");
    tested.send(&second).await;
    let history = tested.history().await;
    let asked = tokio::task::spawn_blocking(move || {
        let query = EventQuery {
            subject: EventSelector::Key("1".into()),
            endpoint: None,
            at: None,
            limit: 10,
        };
        let events = history.events(&query).unwrap();
        (
            events.len(),
            history
                .runs(&RunFilter::default(), Page::first(10))
                .unwrap()
                .len(),
        )
    });
    assert_eq!(asked.await.unwrap(), (2, 4));
    let (result, _) = tested.backtest(SIMPLE).await;
    assert_unchanged(&result);
    assert_eq!(rule(&result, "page").same, 2);
    assert_eq!(rule(&result, "note").same, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_in_force_is_compared_after_a_change_of_the_rules() {
    let tested = tested(SIMPLE).await;
    tested.send(&event(1, "a")).await;
    tested.send(&event(2, "b")).await;
    let changed = SIMPLE.replace("when: { current: a }\nflow", "when: { current: b }\nflow");
    std::fs::write(tested.daemon.rules_file(), &changed).unwrap();
    let loaded = tested.daemon.paths.read();
    let engine = &tested.daemon.engine;
    engine.adopt(loaded, |_| {}).await.unwrap();
    tested.send(&event(3, "a")).await;
    tested.send(&event(4, "b")).await;
    let (result, causes) = tested.backtest(&changed).await;
    assert_eq!(result.in_force.len(), 2);
    let page = rule(&result, "page");
    assert_eq!((page.same, page.new, page.gone), (2, 0, 0));
    let note = rule(&result, "note");
    assert_eq!((note.same, note.new, note.gone), (1, 1, 1), "{note:?}");
    let paths: Vec<&str> = causes
        .iter()
        .filter_map(|cause| match cause {
            DifferenceCause::Predicate(predicate) => Some(predicate.test.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(paths, ["is \"a\"", "is \"b\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_new_matches_events_that_matched_nothing() {
    let tested = tested(SIMPLE).await;
    let receiver = Receiver::ok();
    for ticket in 0..5 {
        tested.send(&event(ticket, "other")).await;
    }
    // Nothing remembers it, so its redelivery is stored again.
    tested.send(&event(3, "other")).await;
    let new = format!(
        "{SIMPLE}---\nname: new\nevent_source: support\nevent_type: ticket.SubjectChanged\nwhen: {{ ticket.id: {{ gte: 2 }} }}\nflow:\n- http: {{ url: 'http://{}/x' }}\n",
        receiver.address
    );
    let (result, causes) = tested.backtest(&new).await;
    let rule = rule(&result, "new");
    assert_eq!((rule.new, rule.same), (3, 0));
    assert_eq!(result.coverage.events, 6);
    assert!(
        causes.iter().all(|cause| *cause == DifferenceCause::NoRule),
        "{causes:?}"
    );
}
