//! Plays the events of a test in virtual time against a store in memory. Gates, lanes and the loop guard are those
//! of the daemon; calls are answered by mocks, and every wait ends at its time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::action::jq;
use crate::engine::EngineError;
use crate::report::error::CommandError;
use crate::report::rule_test::coverage::observed::{GateResult, Observed};
use crate::report::rule_test::expectation::EntryComparison;
use crate::report::rule_test::not_reached::SimulatedRun;
use crate::report::rule_test::run_test::{TestOutcome, TestRunner, TestedEvent};
use crate::report::rule_test::suite::TestCase;
use crate::report::rule_test::timeline_event::{
    PlayedEvent, after, before, distinct, happens_at, received_at, sets_time,
};
use crate::store::awaited::AwaitedSubject;
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
use flowtrigger_core::run::answer_link::AnswerLinks;
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
        let store = SqliteStore::in_virtual_time(&clock, StoreSettings::in_memory());
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
                on_outage: None,
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
        // The first event happens at its `at`.
        let first = events.first().and_then(|first| first.event.time);
        let first = first.map(|time| before(time, self.case.test.entries[0].offset));
        let any = events.iter().find_map(|any| any.event.time);
        let start = self.case.test.now.or(first).or(any);
        self.start = start.unwrap_or(Timestamp::UNIX_EPOCH);
        self.clock.set(self.start);
        let revision = Revision {
            files: Vec::new(),
            config: Arc::default(),
            settings: StoreSettings::in_memory(),
            awaited: AwaitedSubject::of_rules([&*self.rule]),
        };
        let revision = self.store.set_revision(revision).await?;
        let distinct = distinct(events, &self.rule.flow);
        for (number, event) in distinct.into_iter().enumerate() {
            let entry = &self.case.test.entries[number];
            let time = received_at(&events[number].event, after(self.start, entry.offset));
            let time = time.max(self.clock.now());
            self.run_until(time).await?;
            self.clock.set(time);
            let Some(mut event) = event else { continue };
            let matches = events[number].matches();
            if !matches && !sets_time(entry) {
                happens_at(time, &mut event);
            }
            let planned = matches.then(|| PlannedRun::new(&self.rule, &event));
            let committed = self.store.commit(IncomingEvent {
                event: Arc::new(event),
                received: time,
                revision,
                planned: planned.into_iter().collect(),
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
            links: AnswerLinks::Test,
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

    /// What happened to each event.
    pub fn played(&self) -> Vec<PlayedEvent> {
        let played = self.plays.iter().map(|play| {
            let since = |started: Timestamp| started.duration_since(self.start).try_into().ok();
            let started = play.started.and_then(since);
            let state = play.state.as_ref();
            let happened = match state {
                None => Expected::NoMatch,
                Some(state) => happened(state),
            };
            let gate = match happened {
                Expected::Suppressed => state.and_then(RunState::gate).map(str::to_owned),
                Expected::Match | Expected::NoMatch | Expected::Held => None,
            };
            PlayedEvent {
                happened,
                gate,
                started,
            }
        });
        played.collect()
    }

    /// The run of each event, which is empty if it has none.
    pub fn runs(&self) -> impl Iterator<Item = &Simulation> {
        self.plays.iter().map(|play| &play.run)
    }

    /// The numbers of the events, from 1, in the order in which their runs ended.
    pub fn ended(&self) -> Vec<u64> {
        self.ended.iter().map(|number| *number as u64 + 1).collect()
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
        let state = play.state.as_ref();
        let happened = state.map_or(Expected::Match, happened);
        let lines = comparison.outcome(happened, state);
        if !lines.is_empty() || happened != Expected::Match {
            return lines;
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
        let ended = self.ended();
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
            links: AnswerLinks::Test,
        }
    }
}

/// What a test expects of an event whose run has this state.
fn happened(state: &RunState) -> Expected {
    match state {
        RunState::Suppressed { .. } => Expected::Suppressed,
        state if loop_guard::stopped(state).is_some() => Expected::Held,
        _ => Expected::Match,
    }
}
