//! Writes an event as a test with the events that decide with it: those that a count or a sequence keeps, and those for which
//! the flow waits. The test was played with the rule, so that it passes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::rule_test::mocks;
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::step_names::FlowSteps;
use crate::report::rule_test::written_events::{PlayedTimeline, WrittenEvent, WrittenEvents};
use crate::report::why::export::nearby_events::{NearbyEvents, series_gate};
use crate::report::why::export::received;
use crate::report::why::export::test_entry::{EventTest, is_same};
use crate::store::history::EventRecord;
use flowtrigger_core::flow::simulate::{Mock, Mocks};
use flowtrigger_core::matching::rule_set::RuleSet;

impl EventTest<'_> {
    /// The test with several events. None if the rule needs no other event, or if those that are stored do not lead to the
    /// run that the event had.
    pub(super) fn series_entry(
        &self,
        event: &Value,
        notes: &mut Vec<String>,
    ) -> Result<Option<Value>, CommandError> {
        let rule = &self.evaluated.rule;
        let nearby = NearbyEvents::find(rule, self.arrived, self.history)?;
        if nearby.events.len() == 1 && series_gate(rule).is_none() {
            return Ok(None);
        }
        let book = Rulebook {
            config: self.config.clone(),
            rules: RuleSet::new(
                vec![Arc::clone(rule)],
                Arc::clone(&self.evaluated.files),
                self.config,
            ),
            files: Arc::clone(&self.evaluated.files),
            ..Rulebook::default()
        };
        let runner = TestRunner::new(&book, &book.files)?;
        let written = self.series(&nearby, event);
        let Some(played) = written.series.play(rule, &runner)? else {
            return Ok(None);
        };
        let executed = self.run().filter(|run| !run.log.is_empty());
        if let Some(run) = executed.filter(|_| played.run(written.own).is_none()) {
            notes.push(format!(
                "run {} depends on events that are not stored or not found; the test has only this one",
                run.row.id.0
            ));
            return Ok(None);
        }
        let (written, played) = self.shortened(written, played, &runner)?;
        self.write(&written, &played, notes).map(Some)
    }

    /// All events with the replies that the run got.
    fn series(&self, nearby: &NearbyEvents, event: &Value) -> WrittenSeries {
        let listening = Some(self.event.source.as_str());
        let mut own = nearby.own;
        let mut events = Vec::with_capacity(nearby.events.len());
        let first = nearby.events.first().map(|first| first.head.received);
        for (number, record) in nearby.events.iter().enumerate() {
            let value = match number == nearby.own {
                true => event.clone(),
                false => received::value(&record.event, listening, self.config),
            };
            let is_readable = number == nearby.own
                || received::names_event(&record.event, &value, listening, self.config);
            if !is_readable {
                own -= usize::from(number < nearby.own);
                continue;
            }
            events.push(WrittenEvent {
                at: since(first, record),
                event: value,
                set: Map::new(),
                mocks: Mocks::new(),
            });
        }
        let steps = FlowSteps::new(&self.evaluated.rule.flow);
        let log = self.run().map_or(&[][..], |run| run.log.as_slice());
        let mut mocks = mocks::of_log(log, &steps);
        // What comes is an event of the test.
        mocks.retain(|_, replies| {
            let mut replies = replies.iter();
            !replies.any(|reply| matches!(reply, Mock::Arrives { .. }))
        });
        WrittenSeries {
            series: WrittenEvents { mocks, events }.from_zero(),
            own,
        }
    }

    /// Leaves out the events and the mocks that make no difference for the event.
    fn shortened(
        &self,
        mut written: WrittenSeries,
        mut played: PlayedTimeline,
        runner: &TestRunner<'_>,
    ) -> Result<(WrittenSeries, PlayedTimeline), CommandError> {
        let rule = &self.evaluated.rule;
        let mut number = 0;
        while number < written.series.events.len() {
            if number == written.own {
                number += 1;
                continue;
            }
            let fewer = written.without(number);
            match fewer.series.play(rule, runner)? {
                Some(other) if does_same((&written, &played), (&fewer, &other)) => {
                    (written, played) = (fewer, other);
                }
                Some(_) | None => number += 1,
            }
        }
        let mocks = mocks::needed(written.series.mocks.clone(), |fewer| {
            let series = WrittenEvents {
                mocks: fewer.clone(),
                ..written.series.clone()
            };
            let other = WrittenSeries { series, ..written };
            let replayed = other.series.play(rule, runner).ok().flatten();
            replayed.is_some_and(|replayed| does_same((&written, &played), (&other, &replayed)))
        });
        written.series.mocks = mocks;
        let played = written.series.play(rule, runner)?.unwrap_or(played);
        Ok((written, played))
    }

    fn write(
        &self,
        written: &WrittenSeries,
        played: &PlayedTimeline,
        notes: &mut Vec<String>,
    ) -> Result<Value, CommandError> {
        let rule = &self.evaluated.rule;
        let events = written.series.events.iter().enumerate();
        let expected = events.map(|(number, member)| played.expected(number, member.at));
        let mut expected: Vec<Map<String, Value>> = expected.collect();
        if let Some(run) = played.run(written.own) {
            let steps = FlowSteps::new(&rule.flow);
            self.expect_run(run, &steps, &mut expected[written.own], notes)?;
        }
        let mut entry = Map::new();
        entry.insert("name".into(), self.name().into());
        entry.insert("rule".into(), rule.name.as_str().into());
        Ok(written.series.entry(entry, &expected))
    }
}

/// The events of a test, of which one is the event that was asked for.
#[derive(Clone)]
struct WrittenSeries {
    series: WrittenEvents,
    own: usize,
}

impl WrittenSeries {
    fn without(&self, number: usize) -> Self {
        let mut fewer = self.clone();
        fewer.series.events.remove(number);
        fewer.series = fewer.series.from_zero();
        fewer.own -= usize::from(number < self.own);
        fewer
    }
}

/// Whether the event leads to the same in both tests.
fn does_same(a: (&WrittenSeries, &PlayedTimeline), b: (&WrittenSeries, &PlayedTimeline)) -> bool {
    let outcome = |(written, played): (&WrittenSeries, &PlayedTimeline)| {
        let event = &played.events[written.own];
        (event.happened, event.gate.clone())
    };
    let is_same_run = match (a.1.run(a.0.own), b.1.run(b.0.own)) {
        (Some(a), Some(b)) => is_same(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    outcome(a) == outcome(b) && is_same_run
}

fn since(first: Option<jiff::Timestamp>, record: &EventRecord) -> Duration {
    let first = first.unwrap_or(record.head.received);
    let since = record.head.received.duration_since(first);
    let since = Duration::try_from(since).unwrap_or_default();
    Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
