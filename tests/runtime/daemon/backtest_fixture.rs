//! A daemon whose store a backtest reads, rules with each gate, and what backtests of it give.

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
use flowtrigger::store::{AnyStore, History, Store, StoreLocation};
use flowtrigger_testing::data_folder::folder_until_thread_ends;
use flowtrigger_testing::test_daemon::{CONFIG_END, TestDaemon, daemon_on_store};
use flowtrigger_testing::test_store::{empty_location, open_store};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A rule for each gate, and some without any.
pub const RULES: &str = "\
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

/// Numbers that look random and are the same in each run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A daemon on a store that a backtest can read.
pub struct Tested {
    pub daemon: TestDaemon<AnyStore, ReloadablePerformer>,
    location: StoreLocation,
}

pub async fn tested(rules: &str) -> Tested {
    let location = empty_location(folder_until_thread_ends().join("flowtrigger.db"));
    let store = open_store(&location);
    let options = EngineOptions::default();
    let daemon = daemon_on_store(store, rules, options, HttpLimits::default()).await;
    Tested { daemon, location }
}

impl Tested {
    /// The history with everything that was received.
    pub async fn history(&self) -> Box<dyn History> {
        self.daemon.engine.store().flush().await.unwrap();
        let location = self.location.clone();
        let opened = tokio::task::spawn_blocking(move || location.open_history());
        opened.await.unwrap().unwrap()
    }

    pub async fn backtest(&self, rules: &str) -> (BacktestResult, Vec<DifferenceCause>) {
        self.backtest_against(rules, None).await
    }

    /// A backtest of rules, with what made the differences.
    pub async fn backtest_against(
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

    pub async fn send(&self, event: &Value) {
        let answered = self.daemon.post(event).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
    }

    /// Waits until no run is left that could change what gates decide.
    pub async fn quiet(&self) {
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

pub fn rule<'r>(result: &'r BacktestResult, name: &str) -> &'r RuleComparison {
    let found = result.rules.iter().find(|rule| rule.name == name);
    found.unwrap_or_else(|| panic!("no rule {name} in {:?}", result.rules))
}

#[track_caller]
pub fn assert_unchanged(result: &BacktestResult) {
    for rule in &result.rules {
        assert_eq!((rule.new, rule.gone), (0, 0), "{rule:?}");
        assert_eq!(rule.kept_back, rule.kept_back_before, "{rule:?}");
    }
    assert_eq!(result.coverage.evaluated(), result.coverage.events);
}
