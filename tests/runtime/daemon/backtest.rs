//! A backtest of the rules that a daemon used gives exactly what the daemon did: the same runs, stopped by the same gates.
//!
//! The events have real times, and the windows of the gates are short. However slow the machine is, the backtest follows
//! from what is stored.

use std::ops::ControlFlow;
use std::time::Duration;

use flowtrigger::engine::{
    ConfigFile, EngineOptions, ReloadablePerformer, Rulebook, RulebookPaths,
};
use flowtrigger::report::backtest::comparison::RuleComparison;
use flowtrigger::report::backtest::difference::{DifferenceCause, SampleReader};
use flowtrigger::report::backtest::execute::{
    BacktestBase, BacktestResult, BacktestScope, StopReason, execute,
};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::history::Page;
use flowtrigger::store::history::{EventQuery, EventSelector, RunFilter};
use flowtrigger::store::{AnyStore, History, Store, StoreLocation};
use flowtrigger_core::run::RunState;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{CONFIG_END, TestDaemon, daemon_on_store, event};
use flowtrigger_testing::test_store::{empty_location, open_store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A rule for each gate, and some without any.
const RULES: &str = "\
schedules:
  office: { zone: Europe/Berlin, hours: { daily: \"09:00-17:00\" } }

# The rules:
name: in-office
event_source: support
event_type: ticket.PriorityChanged
during: office
flow: [{ succeed: fine }]
---
name: plain
event_source: support
event_type: ticket.SubjectChanged
when: { current: [a, b] }
flow: [{ succeed: fine }]
---
name: shadowed
event_source: support
event_type: ticket.SubjectChanged
mode: shadow
when: { current: a }
throttle: { per: ticket.id, limit: 1, in: 200ms }
flow: [{ succeed: fine }]
---
name: deduped
event_source: support
event_type: ticket.SubjectChanged
when: { current: { not: c } }
dedupe: { per: ticket.id, for: 150ms }
flow:
  - when: { current: { not: skipped } }
  - succeed: fine
---
name: failing
event_source: support
event_type: ticket.SubjectChanged
when: { current: fail }
dedupe: { per: ticket.id, for: 1h }
flow: [{ fail: broken }]
---
name: first
event_source: support
event_type: ticket.SubjectChanged
debounce: { per: ticket.id, quiet: 40ms, keep: first }
flow: [{ succeed: fine }]
---
name: last
event_source: support
event_type: ticket.SubjectChanged
debounce: { per: ticket.id, quiet: 60ms, at_most: 150ms }
throttle: { limit: 5, in: 300ms }
flow: [{ succeed: fine }]
---
name: counted
event_source: support
event_type: ticket.SubjectChanged
count: { per: ticket.id, at_least: 3, in: 200ms }
flow: [{ succeed: fine }]
---
name: in-order
event_source: support
sequence:
  per: ticket.id
  in: 500ms
  steps:
    - { event_type: ticket.SubjectChanged, when: { current: a } }
    - { event_type: ticket.SubjectChanged, when: { current: b } }
flow: [{ succeed: fine }]
---
name: working-hours
event_source: support
event_type: ticket.SubjectChanged
throttle: { per: current, limit: 2, in: 100ms }
flow: [{ succeed: fine }]
";

/// Events of a test in the ordinary run.
const EVENTS: usize = 250;

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A daemon on a store that a backtest can read.
struct Tested {
    daemon: TestDaemon<AnyStore, ReloadablePerformer>,
    location: StoreLocation,
    _folder: tempfile::TempDir,
}

async fn tested(rules: &str) -> Tested {
    let folder = tempfile::tempdir().unwrap();
    let location = empty_location(folder.path().join("flowtrigger.db"));
    let store = open_store(&location);
    let options = EngineOptions::default();
    let daemon = daemon_on_store(store, rules, options, HttpLimits::default()).await;
    Tested {
        daemon,
        location,
        _folder: folder,
    }
}

impl Tested {
    /// The history with everything that was received.
    async fn history(&self) -> Box<dyn History> {
        self.daemon.engine.store().flush().await.unwrap();
        let location = self.location.clone();
        let opened = tokio::task::spawn_blocking(move || location.open_history());
        opened.await.unwrap().unwrap()
    }

    async fn backtest(&self, rules: &str) -> (BacktestResult, Vec<DifferenceCause>) {
        self.backtest_against(rules, None).await
    }

    /// A backtest of rules, with what made the differences.
    async fn backtest_against(
        &self,
        rules: &str,
        against: Option<&str>,
    ) -> (BacktestResult, Vec<DifferenceCause>) {
        let history = self.history().await;
        let book = book(rules);
        let other = against.map(self::book);
        let compared = tokio::task::spawn_blocking(move || {
            let base = match &other {
                Some(other) => BacktestBase::Rules(other),
                None => BacktestBase::WhatRan,
            };
            let now = Timestamp::now();
            let scope = BacktestScope {
                since: now - SignedDuration::from_hours(1),
                until: now + SignedDuration::from_hours(1),
                now,
                rules: Vec::new(),
                samples: 5,
                threads: 2,
            };
            let result = execute(&*history, &book, base, scope, &mut |_| {
                ControlFlow::<StopReason>::Continue(())
            });
            let result = result.unwrap();
            let mut reader = SampleReader::new(&*history, &book, base);
            let mut causes = Vec::new();
            for rule in &result.rules {
                let samples = reader.samples(rule).unwrap();
                for sample in samples.new.iter().chain(&samples.gone) {
                    causes.extend(sample.differences.iter().map(|one| one.cause.clone()));
                }
            }
            (result, causes)
        });
        compared.await.unwrap()
    }

    async fn send(&self, event: &Value) {
        let answered = self.daemon.post(event).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
    }

    /// Waits until no run is left that could change what gates decide.
    async fn quiet(&self) {
        let store = self.daemon.engine.store();
        let is_quiet = || async {
            let unfinished = store.unfinished(1_000).await.unwrap();
            unfinished.is_empty()
        };
        while !is_quiet().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The next event is received later than the end of the last run.
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

fn book(text: &str) -> Rulebook {
    let folder = tempfile::tempdir().unwrap();
    let (config, rules) = text.split_once(CONFIG_END).unwrap_or(("", text));
    let path = folder.path().join("flowtrigger.yaml");
    std::fs::write(&path, config).unwrap();
    let rules_folder = folder.path().join("rules");
    std::fs::create_dir(&rules_folder).unwrap();
    std::fs::write(rules_folder.join("rules.yaml"), rules).unwrap();
    let paths = RulebookPaths {
        config: ConfigFile::IfThere(path),
        ..RulebookPaths::new(rules_folder)
    };
    let loaded = paths.read();
    assert!(!loaded.diagnostics.has_errors(), "{:?}", loaded.diagnostics);
    loaded.rulebook
}

fn rule<'r>(result: &'r BacktestResult, name: &str) -> &'r RuleComparison {
    let found = result.rules.iter().find(|rule| rule.name == name);
    found.unwrap_or_else(|| panic!("no rule {name} in {:?}", result.rules))
}

#[track_caller]
fn assert_unchanged(result: &BacktestResult) {
    for rule in &result.rules {
        assert_eq!((rule.new, rule.gone), (0, 0), "{rule:?}");
        assert_eq!(rule.kept_back, rule.kept_back_before, "{rule:?}");
    }
    assert_eq!(result.coverage.evaluated(), result.coverage.events);
}

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
