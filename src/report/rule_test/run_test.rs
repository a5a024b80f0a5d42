//! Runs one rule test and compares the result with what it expects.
//! The evaluation and the flow are those of the daemon. Only the files of the events are read.

use jiff::Timestamp;
use serde_json::Value;

use crate::action::jq;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::input::InputEvent;
use crate::report::render::escape::plain;
use crate::report::rule_test::coverage::observed::{GateResult, Observed};
use crate::report::rule_test::expectation::EntryComparison;
use crate::report::rule_test::not_reached::SimulatedRun;
use crate::report::rule_test::suite::TestCase;
use crate::report::rule_test::test_event;
use crate::report::rule_test::timeline::Timeline;
use crate::report::rule_test::timeline_event::after;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::SimulatedSettings;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::simulate::{Mocks, Simulation, simulate};
use flowtrigger_core::gate::GateDecision;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::explain;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::set::set_described;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test::TestForm;
use flowtrigger_core::rule::test::entry::{Expected, TestEntry};
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::answer_link::AnswerLinks;

/// Runs tests of one rulebook.
pub struct TestRunner<'r> {
    pub book: &'r Rulebook,
    pub files: &'r Files,
    /// Drives the stores of tests with several events.
    pub runtime: tokio::runtime::Runtime,
}

/// What a test showed: the lines that describe its failure, and what it exercised.
#[derive(Default)]
pub struct TestOutcome {
    pub failure: Vec<String>,
    pub observed: Observed,
}

/// An event of a test with the explanation of its rule; `None` if the rule does not listen to it.
pub struct TestedEvent {
    pub event: Event,
    pub explanation: Option<Explanation>,
}

impl<'r> TestRunner<'r> {
    pub fn new(book: &'r Rulebook, files: &'r Files) -> Result<Self, CommandError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
        Ok(Self {
            book,
            files,
            runtime,
        })
    }

    pub fn run(&self, case: &TestCase) -> Result<TestOutcome, CommandError> {
        match self.events(case)? {
            Ok(events) => self.play(case, &events),
            Err(line) => Ok(TestOutcome::failed(line)),
        }
    }

    /// Runs a test of a rule that is not in the rulebook, such as a mutant: its condition is evaluated without the index.
    pub fn run_alone(&self, case: &TestCase) -> Result<TestOutcome, CommandError> {
        match self.read_events(case) {
            Ok(events) => {
                let events = events.into_iter();
                let events: Vec<_> = events
                    .map(|event| TestedEvent::alone(&case.rule, event))
                    .collect();
                self.play(case, &events)
            }
            Err(line) => Ok(TestOutcome::failed(line)),
        }
    }

    /// Compares what happens to evaluated events with what the test expects.
    pub fn play(
        &self,
        case: &TestCase,
        events: &[TestedEvent],
    ) -> Result<TestOutcome, CommandError> {
        let mut outcome = TestOutcome::default();
        for evaluated in events {
            outcome.observed.evaluated(evaluated.explanation.as_ref());
        }
        match &case.test.form {
            TestForm::Single => {
                for (entry, evaluated) in case.test.entries.iter().zip(events) {
                    self.single(case, entry, evaluated, &mut outcome);
                }
            }
            TestForm::Timeline { .. } => {
                self.timeline(case, events)?.compare(events, &mut outcome);
            }
        }
        Ok(outcome)
    }

    /// Plays the events of a test in virtual time.
    pub fn timeline<'t>(
        &'t self,
        case: &'t TestCase,
        events: &[TestedEvent],
    ) -> Result<Timeline<'t>, CommandError> {
        let mut timeline = Timeline::new(case, self)?;
        self.runtime.block_on(timeline.play(events))?;
        Ok(timeline)
    }

    /// The evaluated events of a test; a line that describes the failure if one cannot be read.
    fn events(&self, case: &TestCase) -> Result<Result<Vec<TestedEvent>, String>, CommandError> {
        let mut events = Vec::with_capacity(case.test.entries.len());
        let mut scratch = MatchScratch::default();
        let mut first = None;
        for entry in &case.test.entries {
            let input = match self.input(case, entry, &mut first) {
                Ok(input) => input,
                Err(line) => return Ok(Err(line)),
            };
            let evaluation = self.book.rules.evaluate(input.as_input(), &mut scratch);
            let evaluation = evaluation.expect("the input was read as an event before");
            let event = evaluation.event();
            let explanation = match case.rule.listens_to(&event.source, &event.event_type) {
                true => Some(evaluation.explain(&case.rule)?),
                false => None,
            };
            events.push(TestedEvent {
                event: event.clone(),
                explanation,
            });
        }
        Ok(Ok(events))
    }

    /// The events of a test, not evaluated.
    pub fn read_events(&self, case: &TestCase) -> Result<Vec<Event>, String> {
        let mut first = None;
        let entries = case.test.entries.iter();
        let events = entries.map(|entry| {
            let input = self.input(case, entry, &mut first)?;
            Ok(input.into_event(&self.book.config.catalogue))
        });
        events.collect()
    }

    /// One event of a test. `first` is the time of the first one of a timeline.
    fn input<'c>(
        &'c self,
        case: &'c TestCase,
        entry: &'c TestEntry,
        first: &mut Option<Option<Timestamp>>,
    ) -> Result<InputEvent<'c>, String> {
        let input = test_event::read(case, entry, &self.book.config)?;
        Ok(match &case.test.form {
            TestForm::Single => input,
            TestForm::Timeline { .. } => {
                let mut event = input.into_event(&self.book.config.catalogue);
                let first = first.get_or_insert(event.time);
                self.set_time(case, entry, *first, &mut event);
                InputEvent::Event(Box::new(event))
            }
        })
    }

    /// An event happens when it is received, unless its time differs from that of the first event.
    fn set_time(
        &self,
        case: &TestCase,
        entry: &TestEntry,
        first: Option<Timestamp>,
        event: &mut Event,
    ) {
        let start = case.test.now.or(first);
        let Some(start) = start.filter(|_| event.time.is_none() || event.time == first) else {
            return;
        };
        let time = after(start, entry.offset);
        if event.time == Some(time) {
            return;
        }
        let description = self.book.config.description_of(&event.source);
        let value = Value::String(time.to_string());
        // A format without a time has none here either: then the time of its receipt counts.
        if let Ok(path) = Path::parse("event.time") {
            drop(set_described(event, &path, value, description));
        }
    }

    fn single(
        &self,
        case: &TestCase,
        entry: &TestEntry,
        evaluated: &TestedEvent,
        outcome: &mut TestOutcome,
    ) {
        let comparison = EntryComparison {
            entry,
            files: self.files,
            config: &self.book.config,
        };
        let lines = evaluated.compare(&comparison);
        let is_as_expected = lines.is_empty();
        outcome.failure.extend(lines);
        let matches = evaluated.matches();
        if !matches {
            outcome.observed.without_run(&case.rule);
        }
        if !(matches && is_as_expected) {
            return;
        }
        let event = &evaluated.event;
        let closed = closed_schedule(case, event);
        let happened = match &closed {
            Some(_) => Expected::Suppressed,
            None => Expected::Match,
        };
        let lines = comparison.outcome(happened, closed.as_ref());
        let is_as_expected = lines.is_empty();
        outcome.failure.extend(lines);
        if let Some(gate) = closed.as_ref().and_then(RunState::gate) {
            let result = GateResult::Suppressed(gate);
            outcome.observed.gates(&case.rule, event, result);
            outcome.observed.without_run(&case.rule);
        } else if is_as_expected {
            let lines = self.simulate(case, &comparison, event, &mut outcome.observed);
            outcome.failure.extend(lines);
        }
    }

    /// Simulates a run, and returns how it differs from what is expected.
    fn simulate(
        &self,
        case: &TestCase,
        comparison: &EntryComparison<'_>,
        event: &Event,
        observed: &mut Observed,
    ) -> Vec<String> {
        let rule = &case.rule;
        let now = case.test.now.or(event.time);
        let now = now.unwrap_or(Timestamp::UNIX_EPOCH);
        let locals = rule.locals_of(event);
        let subject = subject(rule, event, &locals);
        let mocks = comparison.entry.mocks();
        let run = simulated(rule, &subject, &mocks, now, &self.book.config);
        observed.gates(rule, event, GateResult::Admitted);
        observed.run(rule, &subject, &run.log, now);
        comparison.run(&SimulatedRun {
            rule,
            subject,
            run: &run,
            now,
        })
    }
}

impl TestOutcome {
    fn failed(line: String) -> Self {
        Self {
            failure: vec![line],
            ..Self::default()
        }
    }
}

impl TestedEvent {
    /// An event with the verdicts of a rule that is not in the rulebook.
    pub fn alone(rule: &Rule, event: Event) -> Self {
        let listens = rule.listens_to(&event.source, &event.event_type);
        let explanation = listens.then(|| explain::verdicts(rule, &event));
        Self { event, explanation }
    }

    pub fn matches(&self) -> bool {
        let explanation = self.explanation.as_ref();
        explanation.is_some_and(|explanation| explanation.truth == Truth::True)
    }

    /// Compares whether the rule matches.
    pub fn compare(&self, comparison: &EntryComparison<'_>) -> Vec<String> {
        let entry = comparison.entry;
        match &self.explanation {
            Some(explanation) => comparison.matching(explanation),
            // An event of another type can only be expected not to match.
            None if entry.expect == Expected::NoMatch && entry.because.is_none() => Vec::new(),
            None => vec![format!(
                "the rule does not listen to {}/{}: no predicate was evaluated",
                plain(&self.event.source),
                plain(&self.event.event_type)
            )],
        }
    }
}

/// What the run of a test reads.
pub fn subject<'r>(rule: &'r Rule, event: &'r Event, locals: &'r Value) -> RunInput<'r> {
    RunInput {
        event,
        vars: &rule.vars,
        error: &Value::Null,
        locals,
        seed: "",
        links: AnswerLinks::Test,
    }
}

/// Simulates the flow of a rule with mocked replies.
pub fn simulated(
    rule: &Rule,
    subject: &RunInput<'_>,
    mocks: &Mocks,
    now: Timestamp,
    config: &Config,
) -> Simulation {
    let mut settings = SimulatedSettings::new(config);
    simulate(&rule.flow, subject, mocks, now, &mut |call| {
        jq::outcome(call).or_else(|| settings.outcome(call))
    })
}

/// The state of a run that the gate `during` suppresses. Other gates depend on earlier events.
fn closed_schedule(case: &TestCase, event: &Event) -> Option<RunState> {
    let received = case
        .test
        .now
        .or(event.time)
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let checks = case.rule.asks_of(event);
    checks
        .iter()
        .find_map(|check| match check.decide_during(received)? {
            GateDecision::Admit => None,
            GateDecision::Suppress { why } => Some(RunState::Suppressed {
                gate: check.kind.as_str().to_owned(),
                why,
            }),
        })
}

#[cfg(test)]
mod tests {
    use crate::report::rule_test::run_test::*;
    use crate::report::rule_test::suite::{MissingRulePolicy, gather};
    use flowtrigger_core::matching::rule_set::RuleSet;

    fn rules(current: &str) -> RuleSet {
        flowtrigger_testing::rules::from_text(&format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {{ current: {current} }}\nflow: [{{ succeed: ok }}]\n\
             tests:\n  - name: t\n    event: {{ input: {{ ticket_event: {{ type: Priority Changed, current: high, ticket: {{ id: 7 }} }} }} }}\n    expect: match\n"
        ))
    }

    fn result_of(rules: RuleSet) -> Result<Vec<String>, CommandError> {
        let files = std::sync::Arc::clone(&rules.files);
        let book = Rulebook {
            files,
            rules,
            ..Rulebook::default()
        };
        let suite = gather(&book, MissingRulePolicy::Reported);
        assert!(!suite.diagnostics.has_errors(), "{:?}", suite.diagnostics);
        let runner = TestRunner::new(&book, &suite.files)?;
        Ok(runner.run(&suite.cases[0])?.failure)
    }

    #[test]
    fn a_wrong_index_stops_the_tests_with_an_internal_error() {
        assert_eq!(
            result_of(rules("high")).expect("agreement"),
            Vec::<String>::new()
        );
        let mut planted = rules("low");
        planted.rules = rules("high").rules;
        let failure = result_of(planted).expect_err("a disagreement");
        assert!(matches!(failure, CommandError::Runtime(_)), "{failure}");
    }
}
