//! Writes an event as tests of the rules that listened to it: the event, the expectation as it was, what each step sends,
//! and the replies that later steps read. The test runs the stored rule as `test` does, so that it passes unchanged.

use std::cell::RefCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::report::error::CommandError;
use crate::report::input;
use crate::report::render::diagnostics::number;
use crate::report::rule_test::entry_text::entry_text;
use crate::report::rule_test::mocks;
use crate::report::rule_test::run_test::{simulated, subject};
use crate::report::rule_test::sent_calls::SentCalls;
use crate::report::rule_test::step_names::FlowSteps;
use crate::report::time_argument::seconds;
use crate::report::why::evaluated::{EvaluatedEvent, EvaluatedRule};
use crate::report::why::export::{Exported, received};
use crate::store::History;
use crate::store::history::{EventRecord, RunDetail};
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::simulate::{Mocks, Simulation};
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{LogEntry, RunState};

/// One test for each rule that matched, or for each that listened if none matched.
pub fn entries(
    evaluated: &EvaluatedEvent,
    config: &Config,
    history: &dyn History,
) -> Result<Exported, CommandError> {
    let arrived = &evaluated.arrived;
    let event = &arrived.event;
    let listening = Some(event.source.as_str());
    let value = received::value(event, listening, config);
    let mut notes = Vec::new();
    let read = match input::from_value(value.clone(), listening, config) {
        Ok(read) if received::names_event(event, &value, listening, config) => read,
        Ok(_) | Err(_) => {
            notes.push(format!(
                "a test cannot name the source of its event, and the content of this one does not say that it is of `{}`: the test will not read it as the same event",
                event.endpoint
            ));
            Event::clone(event)
        }
    };
    let has_match = evaluated.rules.iter().any(EvaluatedRule::matches);
    let selected = evaluated.rules.iter();
    let selected: Vec<&EvaluatedRule> = selected
        .filter(|rule| !has_match || rule.matches())
        .collect();
    if selected.is_empty() {
        let message = format!("no rule listened to {}", event.event_type);
        return Err(CommandError::nothing(message)
            .help("there is no rule to test; without `--as-test`, `why` says more"));
    }
    let mut text = String::new();
    for evaluated in selected {
        let test = EventTest {
            evaluated,
            event: &read,
            arrived,
            config,
            history,
        };
        let entry = test.entry(value.clone(), &mut notes)?;
        text.push_str(&entry_text(entry, &mut notes));
    }
    Ok(Exported { text, notes })
}

/// A test of one rule of any time, which expects what the rule does with the event.
pub fn entry_of(
    rule: &EvaluatedRule,
    arrived: &EventRecord,
    config: &Config,
    history: &dyn History,
) -> Result<Exported, CommandError> {
    let event = &arrived.event;
    let value = received::value(event, Some(event.source.as_str()), config);
    let test = EventTest {
        evaluated: rule,
        event,
        arrived,
        config,
        history,
    };
    let mut notes = Vec::new();
    let entry = test.entry(value, &mut notes)?;
    let text = entry_text(entry, &mut notes);
    Ok(Exported { text, notes })
}

pub(super) struct EventTest<'a> {
    pub evaluated: &'a EvaluatedRule,
    /// The event as the test reads it.
    pub event: &'a Event,
    pub arrived: &'a EventRecord,
    pub config: &'a Config,
    pub history: &'a dyn History,
}

impl EventTest<'_> {
    fn rule(&self) -> &Rule {
        &self.evaluated.rule
    }

    /// The newest run of the rule for the event that executed its flow, or the newest one of all.
    pub(super) fn run(&self) -> Option<&RunDetail> {
        let runs = self.evaluated.runs.iter().rev();
        let mut own = runs.filter(|run| run.row.tells_of.is_none()).peekable();
        let newest = own.peek().copied();
        own.find(|run| !run.log.is_empty()).or(newest)
    }

    fn entry(&self, event: Value, notes: &mut Vec<String>) -> Result<Value, CommandError> {
        let EvaluatedRule { rule, files, .. } = self.evaluated;
        let explanation = explain_stored(&Arc::clone(rule), files, self.event)?;
        let matches = explanation.truth == Truth::True;
        if matches && let Some(entry) = self.series_entry(&event, notes)? {
            return Ok(entry);
        }
        let mut entry = Map::new();
        entry.insert("name".into(), self.name().into());
        entry.insert("rule".into(), rule.name.as_str().into());
        entry.insert("event".into(), event);
        entry.insert(
            "expect".into(),
            if matches { "match" } else { "no match" }.into(),
        );
        if matches {
            self.add_run(&mut entry, notes)?;
        } else if let Some(path) = because(rule, &explanation) {
            entry.insert("because".into(), path.into());
        }
        if let Some(run) = self.evaluated.runs.last().filter(|_| !matches) {
            notes.push(format!(
                "run {} of `{}` is a replay with later rules; the test expects what the rules found when the event was received",
                run.row.id.0, rule.name
            ));
        }
        if let Some(recorded) = self.evaluated.recorded()
            && (recorded == "match") != matches
        {
            notes.push(format!(
                "`{}` was recorded as {recorded}; the test expects what this version of the program finds",
                rule.name
            ));
        }
        Ok(entry.into())
    }

    /// `ticket.PriorityChanged of 90417, received 2026-01-05T09:00:00Z: run 1 dead`
    pub(super) fn name(&self) -> String {
        let head = &self.arrived.head;
        let key = head.key.as_ref().map(|key| format!(" of {key}"));
        let run = self.run().map(|run| {
            let (id, state) = (run.row.id.0, run.row.state.as_str());
            format!(": run {id} {state}")
        });
        format!(
            "{}{}, received {}{}",
            head.event_type,
            key.unwrap_or_default(),
            seconds(head.received),
            run.unwrap_or_default()
        )
    }

    /// Adds the mocks, what each step sends, and how the run ends.
    fn add_run(
        &self,
        entry: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<(), CommandError> {
        let steps = FlowSteps::new(&self.rule().flow);
        let log = self.run().map_or(&[][..], |run| run.log.as_slice());
        let started = log.iter().find_map(LogEntry::attempt).map(|a| a.started);
        let usual = self.event.time.unwrap_or(Timestamp::UNIX_EPOCH);
        let mocks = mocks::of_log(log, &steps);
        let (mut now, mut run) = (usual, self.simulated(&mocks, usual));
        if let Some(started) = started.filter(|started| *started != usual) {
            let then = self.simulated(&mocks, started);
            if !is_same(&run, &then) {
                entry.insert("now".into(), started.to_string().into());
                (now, run) = (started, then);
            }
        }
        let mocks = mocks::needed(mocks, |fewer| is_same(&self.simulated(fewer, now), &run));
        if !mocks.is_empty() {
            entry.insert("mock".into(), mocks::to_json(&mocks));
        }
        self.expect_run(&run, &steps, entry, notes)?;
        notes.extend(self.gathered());
        Ok(())
    }

    /// Adds what a simulated run sends and how it ends, and notes what differs from the run that exists.
    pub(super) fn expect_run(
        &self,
        run: &Simulation,
        steps: &FlowSteps<'_>,
        expected: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<(), CommandError> {
        let exchanges = match self.run() {
            Some(run) => self.history.exchanges(run.row.id)?,
            None => Vec::new(),
        };
        let calls = SentCalls {
            calls: &run.calls,
            exchanges: &exchanges,
            config: self.config,
            different: RefCell::default(),
        };
        let sent = calls.by_step(steps);
        notes.extend(calls.described_differences());
        if !sent.is_empty() {
            expected.insert("steps".into(), Value::Object(sent));
        }
        expected.insert("ends".into(), run.state.as_str().into());
        notes.extend(self.differences(run));
        Ok(())
    }

    /// The run as `test` simulates it.
    fn simulated(&self, mocks: &Mocks, now: Timestamp) -> Simulation {
        let rule = self.rule();
        let locals = rule.locals_of(self.event);
        let subject = subject(rule, self.event, &locals);
        simulated(rule, &subject, mocks, now, self.config)
    }

    /// What the test shows in another way than the run went.
    pub(super) fn differences(&self, simulated: &Simulation) -> Vec<String> {
        let (name, state) = (&self.rule().name, simulated.state.as_str());
        let why = simulated.state.why().map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        let mut notes = Vec::new();
        let Some(run) = self.run() else {
            if state == "dead" {
                notes.push(format!(
                    "no run of `{name}` is stored, so its steps have no replies, and the test ends {state}{why}; add `mock`"
                ));
            }
            return notes;
        };
        let row = &run.row;
        let id = row.id.0;
        match &row.state {
            RunState::Done | RunState::Skipped { .. } | RunState::Dead { .. } => {
                if row.state.as_str() != state {
                    let was = row.state.as_str();
                    notes.push(format!("run {id} is {was}, and the test ends {state}{why}"));
                }
            }
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Parked { .. }
            | RunState::Waiting { .. }
            | RunState::Awaiting { .. }
            | RunState::Shadow
            | RunState::Suppressed { .. }
            | RunState::Held { .. }
            | RunState::Cancelled => notes.push(format!(
                "run {id} is {}, and did not execute all steps; the test ends {state}{why}",
                row.state.as_str()
            )),
        }
        notes
    }

    /// The note for a run that acts on several events, of a test with one.
    fn gathered(&self) -> Option<String> {
        let run = self.run()?;
        let window = run.window.as_ref().filter(|window| window.events > 1)?;
        let events = usize::try_from(window.events).unwrap_or(usize::MAX);
        let (id, events) = (run.row.id.0, number(events, "event"));
        Some(format!("run {id} acts on {events}; the test has one"))
    }
}

/// Whether two simulations send the same, catch the same failures, and end the same.
pub(super) fn is_same(a: &Simulation, b: &Simulation) -> bool {
    a.calls == b.calls && a.state == b.state && caught(a).eq(caught(b))
}

/// The paths of the steps whose failures a run caught.
fn caught(run: &Simulation) -> impl Iterator<Item = &str> {
    run.log.iter().filter_map(|entry| match entry {
        LogEntry::Caught { step, .. } => Some(step.as_str()),
        LogEntry::Started { .. }
        | LogEntry::Waiting { .. }
        | LogEntry::Arrived { .. }
        | LogEntry::Answered { .. }
        | LogEntry::Expired { .. }
        | LogEntry::Attempt(_)
        | LogEntry::Claimed { .. }
        | LogEntry::Revived { .. } => None,
    })
}

/// The predicate that keeps the rule from matching: one that alone does, or the first that does not hold.
fn because(rule: &Rule, explanation: &Explanation) -> Option<String> {
    let lines = explanation.trace.lines.iter();
    let failing = lines.filter(|line| line.verdict != Verdict::Match);
    let failing: Vec<_> = failing.collect();
    let near = explanation
        .near_misses
        .iter()
        .map(|near| near.path.as_str());
    let mut alone = near.filter(|path| failing.iter().any(|line| line.path == *path));
    let must_hold = failing.iter().find(|line| line.group == "all");
    let path = alone
        .next()
        .or(must_hold.or(failing.first()).map(|line| line.path.as_str()))?;
    let is_of_rule = |path: &str| rule.when.predicates().iter().any(|p| p.path.text == path);
    is_of_rule(path).then(|| path.to_owned())
}
