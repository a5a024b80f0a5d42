//! A test for a mutant of a sequence, of an awaited event or of a wait: several events for which the rule and the mutant differ.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::report::error::CommandError;
use crate::report::rule_test::mutants::SuggestedTest;
use crate::report::rule_test::mutants::suggest::TestSearch;
use crate::report::rule_test::mutants::suggest::base_event::BaseEvent;
use crate::report::rule_test::mutants::suggest::flow::expectation;
use crate::report::rule_test::mutants::suggest::series_member::{MemberSearch, SeriesEvents};
use crate::report::rule_test::written_events::{PlayedTimeline, WrittenEvent, WrittenEvents};
use flowtrigger_core::flow::simulate::{Mock, Mocks};
use flowtrigger_core::flow::step::Action;
use flowtrigger_core::mutation::MutationKind;
use flowtrigger_core::run::RunState;

/// The most tests that are played for one mutant.
const MAX_PLAYED: usize = 100;
/// Events whose run waits, for which one that ends before is searched.
const MAX_OVERTAKEN: usize = 4;
const SECOND: Duration = Duration::from_secs(1);

/// What a test expects of one event.
struct ExpectedMember {
    happened: Map<String, Value>,
    /// What its run does otherwise than that of the mutant.
    differing: Map<String, Value>,
}

impl ExpectedMember {
    fn whole(mut self) -> Map<String, Value> {
        self.happened.extend(self.differing);
        self.happened
    }
}

/// The events of a test that is tried: each with its time from the start.
type Timed<'e> = (Duration, &'e BaseEvent);

impl TestSearch<'_> {
    /// Several events for a rule whose runs depend on more than one.
    pub(super) fn series(&self) -> Result<Option<SuggestedTest>, CommandError> {
        let search = MemberSearch {
            runner: self.runner,
            rule: self.rule,
            mutant: self.mutant,
            bases: self.bases,
        };
        let mut left = MAX_PLAYED;
        for events in search.series() {
            for timed in self.timelines_of(&events) {
                if left == 0 {
                    return Ok(None);
                }
                left -= 1;
                let found = self.tried(&timed)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        self.overtaken()
    }

    /// The times at which the events of a series can make a difference: right after each other, and at the ends of windows.
    fn timelines_of<'e>(&self, events: &'e SeriesEvents) -> Vec<Vec<Timed<'e>>> {
        let triggering = events.triggering.iter().enumerate();
        let together: Vec<Timed<'e>> = triggering
            .map(|(number, event)| (SECOND * u32::try_from(number).unwrap_or(u32::MAX), event))
            .collect();
        let start = together.last().map_or(Duration::ZERO, |(at, _)| *at);
        let is_limit = matches!(
            self.mutation.kind,
            MutationKind::Raise | MutationKind::Lower
        );
        let times = |of: Vec<Duration>| {
            let times = of.into_iter().flat_map(|time| match is_limit {
                true => vec![time.saturating_sub(SECOND), time, time + SECOND],
                false => vec![time / 2],
            });
            times.collect::<Vec<_>>()
        };
        if let Some(awaited) = &events.awaited {
            let times = times(self.waits()).into_iter();
            let timed = times.map(|after| {
                let mut timed = together.clone();
                timed.push((start + after.max(SECOND), awaited));
                timed
            });
            return timed.collect();
        }
        let mut all = vec![together.clone()];
        // The last one of a sequence at the end of its time.
        if let [first @ .., (_, last)] = together.as_slice()
            && !first.is_empty()
            && is_limit
        {
            all.extend(times(self.windows()).into_iter().map(|at| {
                let mut timed = first.to_vec();
                timed.push((at.max(start), last));
                timed
            }));
        }
        all
    }

    /// How long the steps of both flows wait for events.
    fn waits(&self) -> Vec<Duration> {
        let flows = [&self.rule.flow, &self.mutant.flow];
        let waits = flows.into_iter().flat_map(|flow| flow.waits_for());
        distinct(waits.map(|located| located.wait.within.time))
    }

    /// The times of the gates of both rules.
    fn windows(&self) -> Vec<Duration> {
        let gates = self.rule.gates.iter().chain(&self.mutant.gates);
        distinct(gates.map(|gate| gate.window.time))
    }

    /// The test of these events, if the rule and the mutant differ.
    fn tried(&self, timed: &[Timed<'_>]) -> Result<Option<SuggestedTest>, CommandError> {
        let members = timed.iter().map(|(at, base)| WrittenEvent {
            at: *at,
            event: base.written.clone(),
            set: base.set.clone(),
            mocks: base.mocks.clone(),
        });
        let series = WrittenEvents {
            mocks: Mocks::new(),
            events: members.collect(),
        };
        let (Some(own), Some(other)) = (
            series.play(self.rule, self.runner)?,
            series.play(self.mutant, self.runner)?,
        ) else {
            return Ok(None);
        };
        let expected = timed.iter().enumerate();
        let expected = expected.map(|(number, (at, _))| self.expected(number, *at, &own, &other));
        let expected: Vec<ExpectedMember> = expected.collect();
        let is_seen = own.events != other.events
            || expected.iter().any(|member| !member.differing.is_empty());
        let has_order = !is_seen && own.ended != other.ended;
        if !is_seen && !has_order {
            return Ok(None);
        }
        let expected = expected.into_iter().map(ExpectedMember::whole);
        let expected: Vec<Map<String, Value>> = expected.collect();
        let mut entry = series.entry(self.title(), &expected);
        if has_order {
            entry["order"] = own.ended.into();
        }
        match entry {
            Value::Object(entry) => self.confirmed(entry),
            _ => Ok(None),
        }
    }

    /// What happens to an event with the rule, and what its run does otherwise than that of the mutant.
    fn expected(
        &self,
        number: usize,
        at: Duration,
        own: &PlayedTimeline,
        other: &PlayedTimeline,
    ) -> ExpectedMember {
        let differing = match (own.run(number), other.run(number)) {
            (Some(run), Some(otherwise)) => {
                let config = &self.runner.book.config;
                expectation::difference(self.rule, run, otherwise, config)
            }
            (Some(_), None) | (None, Some(_) | None) => Map::new(),
        };
        let mut happened = own.expected(number, at);
        // Without it, a test fails for a dead run.
        let run = own.run(number);
        if run.is_some_and(|run| matches!(run.state, RunState::Dead { .. })) {
            happened.insert("ends".into(), "dead".into());
        }
        ExpectedMember {
            happened,
            differing,
        }
    }

    /// Two runs, of which the later one ends before the wait of the first: without the wait they end in their order.
    fn overtaken(&self) -> Result<Option<SuggestedTest>, CommandError> {
        let steps = self.rule.flow.all_steps();
        let mut actions = steps.iter().map(|step| &step.action);
        if !actions.any(|action| matches!(action, Action::Wait(_))) {
            return Ok(None);
        }
        let senders = steps.iter().filter(|step| step.action.sends());
        for base in self.waiting().into_iter().take(MAX_OVERTAKEN) {
            for step in senders.clone() {
                let fails = vec![Mock::Fails("connection refused".to_owned())];
                let mut failing = base.clone();
                failing.mocks.insert(step.name.clone(), fails);
                let found = self.tried(&[(Duration::ZERO, &base), (SECOND, &failing)])?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }
}

fn distinct(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let times: std::collections::BTreeSet<Duration> = times.collect();
    times.into_iter().collect()
}
