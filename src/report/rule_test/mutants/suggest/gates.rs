//! A test for a mutant of a gate: events at the limits of its window, or at a time at which its schedule is closed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::report::error::CommandError;
use crate::report::rule_test::duration_text::duration_text;
use crate::report::rule_test::entry_text::entry_text;
use crate::report::rule_test::mocks;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::suggest::TestSearch;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use crate::report::rule_test::run_test::TestedEvent;
use crate::report::rule_test::suite::TestCase;
use crate::report::rule_test::timeline_event::PlayedEvent;
use crate::report::rule_test::written_events;
use flowtrigger_core::gate::{Gate, GateKind};
use flowtrigger_core::rule::Rule;

/// A test with more events than this is too long to paste.
const MAX_EVENTS: u32 = 60;
/// The hours that are searched for a closed schedule.
const HOURS: i64 = 24 * 8;

impl TestSearch<'_> {
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

    /// Several events at times at which the gates of the rule and of the mutant can differ: equal ones, and such that
    /// differ for the other gates.
    fn timelines(&self, base: &BaseEvent) -> Result<Option<SuggestedTest>, CommandError> {
        let offsets = self.offsets();
        for others in [Vec::new(), self.other_keys()] {
            for offsets in &offsets {
                let found = self.timeline(base, offsets, &others)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            if self.other_keys().is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// The times of the events of each timeline.
    fn offsets(&self) -> Vec<Vec<Duration>> {
        let gates = self.rule.gates.iter().chain(&self.mutant.gates);
        let limits: BTreeSet<u32> = gates.clone().map(limit).collect();
        let limits = limits.into_iter().filter(|limit| *limit <= MAX_EVENTS);
        let second = Duration::from_secs(1);
        let mut last: BTreeSet<Duration> = BTreeSet::from([second * MAX_EVENTS]);
        for window in gates.clone().flat_map(windows) {
            let before = window.saturating_sub(second);
            last.extend([window / 2, before, window, window + second]);
        }
        let mut all = Vec::new();
        for limit in limits {
            for at in &last {
                // The first events together, and one more after some time.
                let apart = Duration::from_millis(10);
                let first = (0..limit).map(|number| apart * number);
                all.push(first.chain([(*at).max(apart * limit)]).collect());
            }
        }
        all.extend(gates.filter_map(steady));
        all
    }

    /// The paths by which the gates that are not changed group events.
    fn other_keys(&self) -> Vec<String> {
        let changed = self.mutation.key.split('.').next().unwrap_or_default();
        let of = |gate: &&Gate| gate.kind.as_str() == changed;
        let own = self
            .rule
            .gates
            .iter()
            .find(of)
            .and_then(|gate| gate.per.as_ref());
        let others = self.rule.gates.iter().filter(|gate| !of(gate));
        let paths = others.filter_map(|gate| gate.per.as_ref());
        let paths = paths.filter(|path| own.is_none_or(|own| own.route != path.route));
        paths.map(|path| path.text.clone()).collect()
    }

    /// A test of events at these times, expecting what the rule does with them.
    fn timeline(
        &self,
        base: &BaseEvent,
        offsets: &[Duration],
        other_keys: &[String],
    ) -> Result<Option<SuggestedTest>, CommandError> {
        let start = |number: usize, at: Duration| {
            let mut event = Map::new();
            event.insert("at".into(), duration_text(at).into());
            if !other_keys.is_empty() {
                let keys = other_keys
                    .iter()
                    .map(|key| (key.clone(), json!(number + 1)));
                event.insert("set".into(), Value::Object(keys.collect()));
            }
            event
        };
        let planned = offsets.iter().enumerate().map(|(number, at)| {
            let mut event = start(number, *at);
            event.insert("expect".into(), "match".into());
            Value::Object(event)
        });
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
        let Some(case) = written_events::read(&text, self.rule, self.runner) else {
            return Ok(None);
        };
        let happened = self.played(&case, self.rule)?;
        if happened == self.played(&case, self.mutant)? {
            return Ok(None);
        }
        let events = happened.iter().zip(offsets).enumerate();
        let events = events.map(|(number, (event, at))| expected(start(number, *at), event, *at));
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
fn expected(mut entry: Map<String, Value>, event: &PlayedEvent, at: Duration) -> Value {
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

/// The times of events that come so often that a debounce starts its run at its latest time.
fn steady(gate: &Gate) -> Option<Vec<Duration>> {
    let [quiet, at_most] = windows(gate)[..] else {
        return None;
    };
    let step = Duration::from_secs(quiet.as_secs() * 9 / 10).max(Duration::from_secs(1));
    let count = u32::try_from((at_most + quiet).as_secs() / step.as_secs()).ok()?;
    (count <= MAX_EVENTS).then(|| (0..=count).map(|number| step * number).collect())
}
