//! A test for a mutant of a gate: events at the limits of its window, or at a time at which its schedule is closed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::report::error::CommandError;
use crate::report::rule_test::entry_text::entry_text;
use crate::report::rule_test::mocks;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::suggest::Search;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use crate::report::rule_test::mutants::suggest::duration_text::duration_text;
use crate::report::rule_test::run_test::TestedEvent;
use crate::report::rule_test::suite::TestCase;
use crate::report::rule_test::timeline::PlayedEvent;
use flowtrigger_core::gate::{Gate, GateKind};
use flowtrigger_core::rule::Rule;

/// A test with more events than this is too long to paste.
const MAX_EVENTS: u32 = 60;
/// The hours that are searched for a closed schedule.
const HOURS: i64 = 24 * 8;

impl Search<'_> {
    pub(super) fn gates(&self) -> Result<Option<SuggestedTest>, CommandError> {
        let matching = self.bases.iter().filter(|base| base.matches(self.rule));
        for base in matching.take(3) {
            let found = match self.mutation.key.starts_with("during") {
                true => self.closed(base)?,
                false => self.timelines(base)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The event at the first hour at which the schedule is closed.
    fn closed(&self, base: &BaseEvent) -> Result<Option<SuggestedTest>, CommandError> {
        let from = base.event.time.unwrap_or(Timestamp::UNIX_EPOCH);
        for hour in 0..HOURS {
            let Ok(time) = from.checked_add(SignedDuration::from_hours(hour)) else {
                break;
            };
            let mut entry = self.entry(base);
            let mut set = base.set.clone();
            set.insert("event.time".into(), time.to_string().into());
            entry.insert("set".into(), set.into());
            entry.insert("expect".into(), "suppressed".into());
            if let Some(test) = self.confirmed(entry)? {
                return Ok(Some(test));
            }
        }
        Ok(None)
    }

    /// Several equal events at times at which the gates of the rule and of the mutant can differ.
    fn timelines(&self, base: &BaseEvent) -> Result<Option<SuggestedTest>, CommandError> {
        let gates = self.rule.gates.iter().chain(&self.mutant.gates);
        let limits: BTreeSet<u32> = gates
            .clone()
            .map(limit)
            .filter(|limit| *limit <= MAX_EVENTS)
            .collect();
        let windows: BTreeSet<Duration> = gates.flat_map(windows).collect();
        let second = Duration::from_secs(1);
        let mut last: BTreeSet<Duration> = BTreeSet::from([second * MAX_EVENTS]);
        for window in windows {
            last.extend([
                window / 2,
                window.saturating_sub(second),
                window,
                window + second,
            ]);
        }
        for limit in limits {
            for at in &last {
                // The first events together, and one more after some time.
                let apart = Duration::from_millis(10);
                let first = (0..limit).map(|number| apart * number);
                let offsets: Vec<Duration> = first.chain([(*at).max(apart * limit)]).collect();
                let found = self.timeline(base, &offsets)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// A test of events at these times, expecting what the rule does with them.
    fn timeline(
        &self,
        base: &BaseEvent,
        offsets: &[Duration],
    ) -> Result<Option<SuggestedTest>, CommandError> {
        let planned = offsets
            .iter()
            .map(|at| json!({ "at": duration_text(*at), "expect": "match" }));
        let mut entry = self.entry(base);
        if !base.mocks.is_empty() {
            entry.insert("mock".into(), mocks::to_json(&base.mocks));
        }
        let with = |events: Vec<Value>| -> Map<String, Value> {
            let mut entry = entry.clone();
            entry.insert("events".into(), events.into());
            entry
        };
        let planned = with(planned.collect());
        let text = entry_text(planned.into(), &mut Vec::new());
        let Some(case) = self.read(&text) else {
            return Ok(None);
        };
        let happened = self.played(&case, self.rule)?;
        if happened == self.played(&case, self.mutant)? {
            return Ok(None);
        }
        let events = happened.iter().zip(offsets);
        let events = events.map(|(event, at)| expected(event, *at));
        self.confirmed(with(events.collect()))
    }

    fn played(&self, case: &TestCase, rule: &Arc<Rule>) -> Result<Vec<PlayedEvent>, CommandError> {
        let case = TestCase {
            rule: Arc::clone(rule),
            ..case.clone()
        };
        let events = self
            .runner
            .read_events(&case)
            .unwrap_or_default()
            .into_iter();
        let events: Vec<TestedEvent> = events
            .map(|event| TestedEvent::alone(rule, event))
            .collect();
        Ok(self.runner.timeline(&case, &events)?.played())
    }
}

/// An event of a test that expects what happened.
fn expected(event: &PlayedEvent, at: Duration) -> Value {
    let mut entry = Map::new();
    entry.insert("at".into(), duration_text(at).into());
    entry.insert("expect".into(), event.happened.as_str().into());
    if let Some(gate) = &event.gate {
        entry.insert("gate".into(), gate.as_str().into());
    }
    if let Some(started) = event.started.filter(|started| *started != at) {
        entry.insert("starts".into(), duration_text(started).into());
    }
    entry.into()
}

/// How many events a gate counts before it decides otherwise.
fn limit(gate: &Gate) -> u32 {
    match &gate.kind {
        GateKind::During(_) | GateKind::Dedupe | GateKind::Debounce { .. } => 1,
        GateKind::Throttle { limit } => *limit,
        GateKind::Series(series) => series.needs().saturating_sub(1).max(1),
    }
}

fn windows(gate: &Gate) -> Vec<Duration> {
    let mut windows = vec![gate.window.time];
    match &gate.kind {
        GateKind::Debounce {
            at_most: Some(at_most),
            ..
        } => windows.push(at_most.time),
        GateKind::Debounce { at_most: None, .. }
        | GateKind::During(_)
        | GateKind::Dedupe
        | GateKind::Throttle { .. }
        | GateKind::Series(_) => {}
    }
    windows
}
