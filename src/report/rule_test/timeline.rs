//! Plays the events of a test in virtual time against a store in memory. Gates, lanes and the loop guard are those
//! of the daemon; calls are answered by mocks, and every wait ends at its time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::action::jq;
use crate::engine::EngineError;
use crate::report::error::CommandError;
use crate::report::render::escape::plain;
use crate::report::rule_test::coverage::observed::{GateResult, Observed};
use crate::report::rule_test::expectation::{EntryComparison, why};
use crate::report::rule_test::not_reached::SimulatedRun;
use crate::report::rule_test::run_test::{TestOutcome, TestRunner, TestedEvent};
use crate::report::rule_test::suite::TestCase;
use crate::store::sqlite::VirtualClock;
use crate::store::{
    ArrivalKind, ClaimRequest, ClaimedRun, IncomingEvent, PlannedRun, Revision, SqliteStore, Store,
    StoreError, StoreSettings,
};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::SimulatedSettings;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::decide::{RunInput, claimed_entry};
use flowtrigger_core::flow::simulate::{Mocks, Simulation, Simulator};
use flowtrigger_core::loop_guard;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test::TestForm;
use flowtrigger_core::rule::test::entry::Expected;
use flowtrigger_core::run::{RunId, RunState};

/// How often the runs of a test may wait, so that a test always ends.
const MAX_WAITS: usize = 10_000;
/// Runs that one claim takes.
const CLAIMED_AT_ONCE: usize = 1_000;

pub struct Timeline<'t> {
    case: &'t TestCase,
    files: &'t Files,
    config: &'t Config,
    /// The rule under test: it acts, whatever its mode is, and reports no dead run.
    rule: Arc<Rule>,
    store: SqliteStore,
    settings: SimulatedSettings<'t>,
    start: Timestamp,
    /// The time of the store, which stands still between events and waits.
    clock: VirtualClock,
    /// The runs of the events, in the order of the events.
    plays: Vec<EventPlay>,
    /// The number of the event of each run, from 0.
    events: HashMap<RunId, usize>,
    /// The numbers of the events, from 0, whose runs ended, in this order.
    ended: Vec<usize>,
}

/// What became of one event.
#[derive(Default)]
struct EventPlay {
    /// The state of its run; none if it has none.
    state: Option<RunState>,
    started: Option<Timestamp>,
    run: Simulation,
    mocks: Mocks,
    /// What the flow reads beside the event.
    locals: Value,
}

impl<'t> Timeline<'t> {
    pub fn new(case: &'t TestCase, runner: &'t TestRunner<'_>) -> Result<Self, CommandError> {
        let clock = VirtualClock::default();
        let store = SqliteStore::in_virtual_time(&clock);
        let plays = case.test.entries.iter().map(|entry| EventPlay {
            mocks: entry.mocks(),
            ..EventPlay::default()
        });
        Ok(Self {
            case,
            files: runner.files,
            config: &runner.book.config,
            rule: Arc::new(Rule {
                mode: Mode::Live,
                on_dead: None,
                ..(*case.rule).clone()
            }),
            store: store.map_err(EngineError::from)?,
            settings: SimulatedSettings::new(&runner.book.config),
            start: clock.now(),
            clock,
            plays: plays.collect(),
            events: HashMap::new(),
            ended: Vec::new(),
        })
    }

    /// Plays all events, until the last run has ended.
    pub async fn play(&mut self, events: &[TestedEvent]) -> Result<(), CommandError> {
        let played = self.play_all(events).await;
        played.map_err(|error| CommandError::runtime(format!("failed to play a test: {error}")))
    }

    async fn play_all(&mut self, events: &[TestedEvent]) -> Result<(), StoreError> {
        let first = events.iter().find_map(|first| first.event.time);
        let start = self.case.test.now.or(first);
        self.start = start.unwrap_or(Timestamp::UNIX_EPOCH);
        self.clock.set(self.start);
        let revision = Revision {
            files: Vec::new(),
            config: Arc::default(),
            settings: StoreSettings::in_memory(),
        };
        let revision = self.store.set_revision(revision).await?;
        let events = distinct(events);
        for (number, event) in events.into_iter().enumerate() {
            let time = after(self.start, self.case.test.entries[number].offset);
            self.run_until(time).await?;
            self.clock.set(time);
            let Some(event) = event else { continue };
            let planned = PlannedRun::new(&self.rule, &event);
            let committed = self.store.commit(IncomingEvent {
                event: Arc::new(event),
                received: time,
                revision,
                planned: vec![planned],
                occasion: ArrivalKind::Delivery,
                delivery: None,
            });
            for run in committed.await?.runs {
                self.events.insert(run.id, number);
                self.plays[number].state = Some(run.state);
            }
            self.run_ready().await?;
        }
        self.run_until(Timestamp::MAX).await?;
        self.read_states().await
    }

    /// Lets the waits end that are due until a time.
    async fn run_until(&mut self, time: Timestamp) -> Result<(), StoreError> {
        for _ in 0..MAX_WAITS {
            let due = self.store.next_due().await?;
            let Some(due) = due.filter(|due| *due <= time) else {
                return Ok(());
            };
            self.clock.set(self.clock.now().max(due));
            self.run_ready().await?;
        }
        Ok(())
    }

    /// Executes the runs that can start or continue now.
    async fn run_ready(&mut self) -> Result<(), StoreError> {
        loop {
            let claimed = self.store.claim(ClaimRequest {
                limit: CLAIMED_AT_ONCE,
                per_rule: CLAIMED_AT_ONCE,
                now: self.clock.now(),
            });
            let claimed = claimed.await?;
            if claimed.is_empty() {
                return Ok(());
            }
            for run in claimed {
                self.execute(run).await?;
            }
        }
    }

    /// Continues one run until it ends or waits, and stores that.
    async fn execute(&mut self, claimed: ClaimedRun) -> Result<(), StoreError> {
        let Some(number) = self.events.get(&claimed.id).copied() else {
            return Ok(());
        };
        let play = &mut self.plays[number];
        let now = self.clock.now();
        play.started.get_or_insert(now);
        play.locals = claimed.locals();
        let seed = format!(
            "{}/{}/{}",
            claimed.event.endpoint, claimed.event.id, claimed.rule.name
        );
        let subject = RunInput {
            event: &claimed.event,
            vars: &claimed.rule.vars,
            error: &Value::Null,
            locals: &play.locals,
            seed: &seed,
        };
        play.run.log.clone_from(&claimed.log);
        let line = claimed_entry(claimed.flow(), &subject, &play.run.log);
        play.run.log.push(line);
        let before = play.run.log.len();
        let settings = &mut self.settings;
        let mut simulator = Simulator {
            flow: claimed.flow(),
            subject,
            mocks: &play.mocks,
            execute: &mut |call| jq::outcome(call).or_else(|| settings.outcome(call)),
        };
        simulator.advance(&mut play.run, now);
        let new = play.run.log[before..].to_vec();
        let state = play.run.state.clone();
        if state.due().is_none() {
            self.ended.push(number);
        }
        self.store.advance(claimed.id, new, Some(state)).await
    }

    /// Reads how the runs ended: a run that waited in a window may have been replaced.
    async fn read_states(&mut self) -> Result<(), StoreError> {
        for (run, number) in &self.events {
            if let Some(record) = self.store.run(*run).await? {
                self.plays[*number].state = Some(record.state);
            }
        }
        Ok(())
    }

    /// Compares what happened with what the test expects.
    pub fn compare(&self, events: &[TestedEvent], outcome: &mut TestOutcome) {
        let entries = self.case.test.entries.iter().zip(events).zip(&self.plays);
        for (number, ((entry, evaluated), play)) in entries.enumerate() {
            let comparison = EntryComparison {
                entry,
                files: self.files,
                config: self.config,
            };
            let mut lines = evaluated.compare(&comparison);
            if lines.is_empty() && evaluated.matches() {
                lines = self.compare_play(&comparison, &evaluated.event, play);
            }
            self.observe(evaluated, play, &mut outcome.observed);
            if !lines.is_empty() {
                outcome.failure.push(format!("event {}", number + 1));
                outcome.failure.extend(lines);
            }
        }
        outcome.failure.extend(self.compare_whole());
    }

    fn compare_play(
        &self,
        comparison: &EntryComparison<'_>,
        event: &Event,
        play: &EventPlay,
    ) -> Vec<String> {
        let entry = comparison.entry;
        let state = play.state.as_ref();
        let happened = match state {
            Some(RunState::Suppressed { .. }) => Expected::Suppressed,
            Some(state) if loop_guard::stopped(state).is_some() => Expected::Held,
            Some(_) | None => Expected::Match,
        };
        let got = || {
            let by = state.and_then(RunState::gate);
            let by = by.map(|gate| format!(" by {gate}")).unwrap_or_default();
            let why = state.map(why).unwrap_or_default();
            format!("+ expect: {}{by}{}", happened.as_str(), plain(&why))
        };
        if happened != entry.expect {
            let text = format!("expect: {}", entry.expect.as_str());
            return vec![comparison.wanted(&text, entry.expect_at), got()];
        }
        match (&entry.gate, state.and_then(RunState::gate)) {
            (Some(gate), Some(found)) if gate.text != found => {
                let text = format!("gate: {}", gate.text);
                let why = state.map(why).unwrap_or_default();
                let got = format!("+ gate: {found}{}", plain(&why));
                return vec![comparison.wanted(&text, gate.at), got];
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        if happened != Expected::Match {
            return Vec::new();
        }
        let mut lines = self.compare_start(comparison, play);
        lines.extend(comparison.run(&SimulatedRun {
            rule: &self.case.rule,
            subject: self.subject(event, play),
            run: &play.run,
            now: self.clock.now(),
        }));
        lines
    }

    fn compare_start(&self, comparison: &EntryComparison<'_>, play: &EventPlay) -> Vec<String> {
        let Some(starts) = &comparison.entry.run.starts else {
            return Vec::new();
        };
        let expected = SignedDuration::try_from(starts.offset).unwrap_or(SignedDuration::MAX);
        let got = play
            .started
            .map(|started| started.duration_since(self.start));
        if got == Some(expected) {
            return Vec::new();
        }
        let got = got.map_or("never".to_owned(), |got| format!("{got:#}"));
        vec![
            comparison.wanted(&format!("starts: {expected:#}"), starts.at),
            format!("+ starts: {got}"),
        ]
    }

    /// Compares the number of runs and their order.
    fn compare_whole(&self) -> Vec<String> {
        let TestForm::Timeline { runs, order } = &self.case.test.form else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        let started = self.plays.iter().filter(|play| play.started.is_some());
        let started = started.count() as u64;
        if let Some(runs) = runs.as_ref().filter(|runs| runs.count != started) {
            let place = self.files.location(runs.at);
            lines.push(format!("- runs: {}  {place}", runs.count));
            lines.push(format!("+ runs: {started}"));
        }
        let ended: Vec<u64> = self.ended.iter().map(|number| *number as u64 + 1).collect();
        if let Some(order) = order.as_ref().filter(|order| order.events != ended) {
            let place = self.files.location(order.at);
            lines.push(format!("- order: {:?}  {place}", order.events));
            lines.push(format!("+ order: {ended:?}"));
        }
        lines
    }

    fn observe(&self, evaluated: &TestedEvent, play: &EventPlay, observed: &mut Observed) {
        let rule = &self.case.rule;
        let result = match &play.state {
            None => return observed.without_run(rule),
            Some(RunState::Suppressed { gate, .. }) => GateResult::Suppressed(gate),
            Some(_) => GateResult::Admitted,
        };
        observed.gates(rule, &evaluated.event, result);
        if play.started.is_none() {
            return observed.without_run(rule);
        }
        let subject = self.subject(&evaluated.event, play);
        observed.run(rule, &subject, &play.run.log, self.clock.now());
    }

    /// What the run of an event reads.
    fn subject<'s>(&'s self, event: &'s Event, play: &'s EventPlay) -> RunInput<'s> {
        RunInput {
            event,
            vars: &self.case.rule.vars,
            error: &Value::Null,
            locals: &play.locals,
            seed: "",
        }
    }
}

/// The events that match, each with an id of its own: the same file twice means two events.
fn distinct(events: &[TestedEvent]) -> Vec<Option<Event>> {
    let mut ids: Vec<String> = Vec::new();
    let mut distinct = Vec::with_capacity(events.len());
    for (number, evaluated) in events.iter().enumerate() {
        let mut event = evaluated.event.clone();
        if ids.contains(&event.id) {
            event.id = format!("{}-{}", event.id, number + 1);
            if let Some(id) = event.about.get_mut("id") {
                *id = event.id.clone().into();
            }
        }
        ids.push(event.id.clone());
        distinct.push(evaluated.matches().then_some(event));
    }
    distinct
}

fn after(time: Timestamp, by: std::time::Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
