//! A rule test with several events that is being written: it is played, and then expects what happened.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::report::error::CommandError;
use crate::report::rule_test::duration_text::duration_text;
use crate::report::rule_test::entry_text::entry_text;
use crate::report::rule_test::mocks;
use crate::report::rule_test::run_test::{TestRunner, TestedEvent};
use crate::report::rule_test::suite::{TestCase, folder_of, lower};
use crate::report::rule_test::timeline_event::PlayedEvent;
use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document;
use flowtrigger_core::flow::simulate::{Mocks, Simulation};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test::entry::Expected;

/// The events of a test, in the order of time.
#[derive(Debug, Clone, Default)]
pub struct WrittenEvents {
    /// The replies of steps in every run.
    pub mocks: Mocks,
    pub events: Vec<WrittenEvent>,
}

/// One event of a test.
#[derive(Debug, Clone)]
pub struct WrittenEvent {
    /// Counted from the start of the test.
    pub at: Duration,
    pub event: Value,
    pub set: Map<String, Value>,
    /// The replies of steps in its run.
    pub mocks: Mocks,
}

/// What happened to the events of a test.
#[derive(Debug, Clone)]
pub struct PlayedTimeline {
    pub events: Vec<PlayedEvent>,
    /// The run of each event; an empty one if it has none.
    pub runs: Vec<Simulation>,
    /// The numbers of the events, from 1, in the order in which their runs ended.
    pub ended: Vec<u64>,
}

impl WrittenEvents {
    /// The same events, the first one at the start.
    pub fn from_zero(mut self) -> Self {
        let start = self.events.first().map_or(Duration::ZERO, |first| first.at);
        for event in &mut self.events {
            event.at = event.at.saturating_sub(start);
        }
        self
    }

    /// The test, whose events have these expectations.
    pub fn entry(&self, mut entry: Map<String, Value>, expected: &[Map<String, Value>]) -> Value {
        let first = self.events.first().map(|first| &first.event);
        let is_shared = self.events.iter().all(|event| Some(&event.event) == first);
        if let Some(event) = first.filter(|_| is_shared) {
            entry.insert("event".into(), event.clone());
        }
        if !self.mocks.is_empty() {
            entry.insert("mock".into(), mocks::to_json(&self.mocks));
        }
        let events = self.events.iter().zip(expected).map(|(member, expected)| {
            let mut event = Map::new();
            event.insert("at".into(), duration_text(member.at).into());
            if !is_shared {
                event.insert("event".into(), member.event.clone());
            }
            if !member.set.is_empty() {
                event.insert("set".into(), Value::Object(member.set.clone()));
            }
            if !member.mocks.is_empty() {
                event.insert("mock".into(), mocks::to_json(&member.mocks));
            }
            event.extend(expected.clone());
            Value::Object(event)
        });
        entry.insert("events".into(), events.collect());
        entry.into()
    }

    /// Plays the events with a rule. None if they cannot be written as a test.
    pub fn play(
        &self,
        rule: &Arc<Rule>,
        runner: &TestRunner<'_>,
    ) -> Result<Option<PlayedTimeline>, CommandError> {
        let mut planned = Map::new();
        planned.insert("name".into(), "planned".into());
        planned.insert("rule".into(), rule.name.as_str().into());
        let expected = Map::from_iter([("expect".to_owned(), Value::from("match"))]);
        let entry = self.entry(planned, &vec![expected; self.events.len()]);
        let text = entry_text(entry, &mut Vec::new());
        let Some(case) = read(&text, rule, runner) else {
            return Ok(None);
        };
        let Ok(events) = runner.read_events(&case) else {
            return Ok(None);
        };
        let events = events.into_iter();
        let events: Vec<TestedEvent> = events
            .map(|event| TestedEvent::alone(rule, event))
            .collect();
        let timeline = runner.timeline(&case, &events)?;
        Ok(Some(PlayedTimeline {
            events: timeline.played(),
            runs: timeline.runs().cloned().collect(),
            ended: timeline.ended(),
        }))
    }
}

impl PlayedTimeline {
    /// What a test expects of an event, as far as the gates decide it.
    pub fn expected(&self, number: usize, at: Duration) -> Map<String, Value> {
        let mut expected = Map::new();
        let Some(event) = self.events.get(number) else {
            return expected;
        };
        expected.insert("expect".into(), event.happened.as_str().into());
        if let Some(gate) = &event.gate {
            expected.insert("gate".into(), gate.as_str().into());
        }
        if let Some(started) = event.started.filter(|started| *started != at) {
            expected.insert("starts".into(), duration_text(started).into());
        }
        expected
    }

    /// The run of an event, if its rule started one.
    pub fn run(&self, number: usize) -> Option<&Simulation> {
        let event = self.events.get(number)?;
        let has_run = event.happened == Expected::Match && event.started.is_some();
        self.runs.get(number).filter(|_| has_run)
    }
}

/// Reads a test of a rule as it is read from a file.
pub fn read(text: &str, rule: &Arc<Rule>, runner: &TestRunner<'_>) -> Option<TestCase> {
    let mut diagnostics = Diagnostics::default();
    let read = document::read(FileId::default(), text, &mut diagnostics);
    let node = read.first()?.as_list()?.first()?;
    let test = lower(node, rule, runner.book, &mut diagnostics)?;
    (!diagnostics.has_errors()).then(|| TestCase {
        rule: Arc::clone(rule),
        test: Arc::new(test),
        folder: folder_of(rule.version.file()),
    })
}
