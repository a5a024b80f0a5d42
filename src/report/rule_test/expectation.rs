//! Compares what happened to an event of a test with what the test expects, as lines with differences.

use crate::report::render::escape::plain;
use crate::report::rule_test::not_reached::SimulatedRun;
use crate::report::rule_test::sent_call::sent_json;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Files, Span};
use flowtrigger_core::flow::decide::StepCall;
use flowtrigger_core::flow::simulate::{Mocks, Simulation};
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::TraceLine;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::rule::test::entry::{
    Expected, ExpectedAttempts, ExpectedSent, ExpectedStep, TestEntry,
};
use flowtrigger_core::run::RunState;

/// One event of a test, which is compared.
#[derive(Clone, Copy)]
pub struct EntryComparison<'c> {
    pub entry: &'c TestEntry,
    pub files: &'c Files,
    pub config: &'c Config,
}

impl EntryComparison<'_> {
    /// A line about something expected, with its place.
    pub fn wanted(&self, text: &str, at: Span) -> String {
        format!("- {text}  {}", self.files.location(at))
    }

    /// Compares the verdict of the rule. Only a match is compared further.
    pub fn matching(&self, explanation: &Explanation) -> Vec<String> {
        let (truth, expect) = (explanation.truth, self.entry.expect);
        let expected = match expect {
            Expected::Match | Expected::Suppressed | Expected::Held => truth == Truth::True,
            Expected::NoMatch => truth != Truth::True,
        };
        let failing = explanation
            .trace
            .lines
            .iter()
            .filter(|line| line.verdict != Verdict::Match);
        if !expected {
            let mut lines = vec![
                self.wanted(
                    &format!("expect: {}", expect.as_str()),
                    self.entry.expect_at,
                ),
                format!("+ expect: {}", truth.label()),
            ];
            if truth != Truth::True {
                lines.extend(failing.map(|line| self.failing_predicate(line)));
            }
            return lines;
        }
        let Some(because) = &self.entry.because else {
            return Vec::new();
        };
        let failing: Vec<&TraceLine> = failing.collect();
        if failing.iter().any(|line| line.path == because.text) {
            return Vec::new();
        }
        let text = format!("because: {}, which holds", because.text);
        let mut lines = vec![self.wanted(&text, because.at)];
        lines.extend(failing.into_iter().map(|line| self.failing_predicate(line)));
        lines
    }

    fn failing_predicate(&self, line: &TraceLine) -> String {
        let not = match line.polarity {
            Polarity::Positive => "",
            Polarity::Negated => "not ",
        };
        let got = match &line.got {
            Some(got) => got.to_string(),
            None => "nothing".into(),
        };
        let hint = line
            .hint
            .as_ref()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        format!(
            "+ {}: {} {not}{} {}, got {got}{hint}  {}",
            line.verdict.describe(),
            line.path,
            line.operator,
            line.want,
            self.files.location(line.at)
        )
    }

    /// Compares what became of a matching event, with the state of its run.
    pub fn outcome(&self, happened: Expected, state: Option<&RunState>) -> Vec<String> {
        let entry = self.entry;
        let by = state.and_then(RunState::gate);
        let because = state.map(why).unwrap_or_default();
        let because = plain(&because);
        if happened != entry.expect {
            let text = format!("expect: {}", entry.expect.as_str());
            let by = by.map(|gate| format!(" by {gate}")).unwrap_or_default();
            let got = format!("+ expect: {}{by}{because}", happened.as_str());
            return vec![self.wanted(&text, entry.expect_at), got];
        }
        match (&entry.gate, by) {
            (Some(gate), Some(found)) if gate.text != found => {
                let text = format!("gate: {}", gate.text);
                let got = format!("+ gate: {found}{because}");
                vec![self.wanted(&text, gate.at), got]
            }
            (Some(_) | None, Some(_) | None) => Vec::new(),
        }
    }

    /// Compares a run that started.
    pub fn run(&self, simulated: &SimulatedRun<'_>) -> Vec<String> {
        let (run, expected) = (simulated.run, &self.entry.run);
        let mut lines: Vec<String> = expected
            .steps
            .iter()
            .flat_map(|step| self.sent(step, simulated))
            .collect();
        lines.extend(
            expected
                .attempts
                .iter()
                .flat_map(|attempts| self.attempts(attempts, run)),
        );
        lines.extend(self.end(run));
        lines
    }

    fn sent(&self, expected: &ExpectedStep, simulated: &SimulatedRun<'_>) -> Vec<String> {
        let step = &expected.step.text;
        let call = simulated.run.calls.iter().find(|call| call.is_called(step));
        match (&expected.sent, call) {
            (ExpectedSent::NotSent, None) => Vec::new(),
            (ExpectedSent::NotSent, Some(call)) => vec![
                self.wanted(&format!("{step}: not sent"), expected.step.at),
                format!("+ {step} sends {}", call.call.to_json()),
            ],
            (ExpectedSent::Call(wanted), None) => {
                let text = format!(
                    "step `{step}` was expected to send something; {}",
                    simulated.why_without(step)
                );
                vec![self.wanted(&text, wanted.at)]
            }
            (ExpectedSent::Call(wanted), Some(call)) => {
                let found = wanted
                    .differences(&sent_json(&call.call, self.config))
                    .into_iter();
                let lines = found.flat_map(|found| {
                    let text = format!("{step}.{}: {}", found.path, found.wanted);
                    let got = match found.got {
                        Some(got) => format!("+ {step}.{}: {got}", found.path),
                        None => format!("+ {step} sends no `{}`", found.path),
                    };
                    [self.wanted(&text, found.at), got]
                });
                lines.collect()
            }
        }
    }

    fn attempts(&self, expected: &ExpectedAttempts, run: &Simulation) -> Vec<String> {
        let step = &expected.step.text;
        let made = run.calls.iter().filter(|call| call.is_called(step)).count();
        if made as u64 == expected.count {
            return Vec::new();
        }
        let text = format!("attempts of {step}: {}", expected.count);
        vec![
            self.wanted(&text, expected.step.at),
            format!("+ attempts of {step}: {made}"),
        ]
    }

    fn end(&self, run: &Simulation) -> Vec<String> {
        let expected = &self.entry.run;
        let word = run.state.as_str();
        let why = why(&run.state);
        let mut lines = Vec::new();
        match (&expected.ends, &expected.guard) {
            (Some(ends), _) if ends.text != word => {
                lines.push(self.wanted(&format!("ends: {}", ends.text), ends.at));
            }
            (_, Some(guard)) if word != "skipped" => {
                lines.push(self.wanted(&format!("guard: {}", guard.text), guard.at));
                lines.push(format!("+ guard: none, the run ended {word}{why}"));
                lines.extend(unmocked(run, &self.entry.mocks()));
                return lines;
            }
            // A test passes only with a dead run that it expects.
            (None, None) if word == "dead" => {}
            (Some(_) | None, Some(guard)) => {
                let ended = run.guard.as_deref().unwrap_or_default();
                if ended != guard.text && name_of(ended) != guard.text {
                    lines.push(self.wanted(&format!("guard: {}", guard.text), guard.at));
                    lines.push(format!("+ guard: {ended}"));
                }
                return lines;
            }
            (Some(_) | None, None) => return lines,
        }
        lines.push(format!("+ ends: {word}{why}"));
        lines.extend(unmocked(run, &self.entry.mocks()));
        lines
    }
}

/// The name of the step at a path.
fn name_of(path: &str) -> &str {
    flowtrigger_core::flow::simulate::name(path)
}

/// The reason of a state, after a colon.
pub fn why(state: &RunState) -> String {
    let why = state.why().map(|why| format!(": {why}"));
    why.unwrap_or_default()
}

/// The hint at a step without a mock whose empty reply made the run fail.
fn unmocked(run: &Simulation, mocks: &Mocks) -> Option<String> {
    let why = run.state.why()?;
    let unmocked = |task: &&StepCall| !mocks.keys().any(|name| task.is_called(name));
    let mut tasks = run.calls.iter().filter(unmocked);
    let task = tasks.find(|task| why.contains(&format!("`steps.{}.", task.name)))?;
    let name = &task.name;
    Some(format!(
        "  `{name}` has no mock, so its reply is empty; add `mock: {{ {name}: {{ body: … }} }}`"
    ))
}
