//! Runs one rule test and compares the result with what it expects.
//! The evaluation and the flow are those of the daemon. Only the file of the event is read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::action::jq;
use crate::cli::exit::CommandError;
use crate::cli::input;
use crate::cli::input::InputEvent;
use crate::cli::render::escape::plain;
use crate::cli::test::suite::{TestCase, differences};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::SimulatedSettings;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::decide::{RunInput, StepCall};
use flowtrigger_core::flow::simulate::Mock;
use flowtrigger_core::flow::simulate::{Simulation, simulate};
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::TraceLine;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::set::set_described;
use flowtrigger_core::rule::test::{Expected, TestEvent};

/// Runs a test. Returns the lines that describe the failure, or none if it passed.
pub fn run(
    case: &TestCase,
    rules: &RuleSet,
    config: &Config,
    files: &Files,
) -> Result<Vec<String>, CommandError> {
    let input = match event(case, config) {
        Ok(input) => input,
        Err(line) => return Ok(vec![line]),
    };
    let mut scratch = MatchScratch::default();
    let evaluation = rules.evaluate(input.as_input(), &mut scratch);
    let evaluation = evaluation.expect("the input was read as an event before");
    let event = evaluation.event();
    if !case.rule.listens_to(&event.source, &event.event_type) {
        return Ok(not_listening(case, event));
    }
    let explanation = evaluation.explain(&case.rule)?;
    let mut lines = compare_expectation(case, &explanation, files);
    if lines.is_empty() && explanation.truth == Truth::True {
        lines.extend(run_flow(case, event, config));
    }
    Ok(lines)
}

fn event<'c>(case: &'c TestCase, config: &'c Config) -> Result<InputEvent<'c>, String> {
    let listening = case.rule.event_source.as_str();
    let (event, name) = match &case.test.event {
        TestEvent::File(file, _) => {
            let path = case.folder.join(file);
            let shown = path.display().to_string();
            let help = "`event` is a path from the folder of the test";
            let bytes = std::fs::read(&path)
                .map_err(|e| format!("failed to read `{shown}`: {e}; {help}"))?;
            (input::single(bytes, listening, config), shown)
        }
        TestEvent::Inline(value, _) => (
            input::from_value(value.clone(), listening, config)
                .map(|event| InputEvent::Event(Box::new(event))),
            "the inline event".into(),
        ),
    };
    let input = event.map_err(|error| format!("{name} is not an event: {}", error.message))?;
    if case.test.set.is_empty() {
        return Ok(input);
    }
    let mut event = input.into_event(&config.catalogue);
    for (path, value) in &case.test.set {
        let description = config.description_of(&event.source);
        set_described(&mut event, path, value.clone(), description)
            .map_err(|e| format!("failed to set a field: {e}"))?;
    }
    Ok(InputEvent::Event(Box::new(event)))
}

/// An event of a type that the rule does not listen to can only be expected not to match.
fn not_listening(case: &TestCase, event: &Event) -> Vec<String> {
    match case.test.expect {
        Expected::NoMatch if case.test.because.is_none() => Vec::new(),
        Expected::NoMatch | Expected::Match => vec![format!(
            "the rule does not listen to {}/{}: no predicate was evaluated",
            plain(&event.source),
            plain(&event.event_type)
        )],
    }
}

fn compare_expectation(case: &TestCase, explanation: &Explanation, files: &Files) -> Vec<String> {
    let truth = explanation.truth;
    let expected = match case.test.expect {
        Expected::Match => truth == Truth::True,
        Expected::NoMatch => truth != Truth::True,
    };
    let failing = explanation
        .trace
        .lines
        .iter()
        .filter(|line| line.verdict != Verdict::Match);
    if !expected {
        let wanted = match case.test.expect {
            Expected::Match => "match",
            Expected::NoMatch => "no match",
        };
        let mut lines = vec![
            format!("- expect: {wanted}"),
            format!("+ expect: {}", truth.label()),
        ];
        if case.test.expect == Expected::Match {
            lines.extend(failing.map(|line| failing_predicate(line, files)));
        }
        return lines;
    }
    let Some((because, _)) = &case.test.because else {
        return Vec::new();
    };
    let failing: Vec<&TraceLine> = failing.collect();
    if failing.iter().any(|line| line.path == *because) {
        return Vec::new();
    }
    let mut lines = vec![format!("- because: {because}, which holds")];
    lines.extend(
        failing
            .into_iter()
            .map(|line| failing_predicate(line, files)),
    );
    lines
}

fn failing_predicate(line: &TraceLine, files: &Files) -> String {
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
        files.location(line.at)
    )
}

fn run_flow(case: &TestCase, event: &Event, config: &Config) -> Vec<String> {
    let test = &case.test;
    let subject = RunInput {
        event,
        vars: &case.rule.vars,
        error: &Value::Null,
        locals: &case.rule.locals_of(event),
        seed: "",
    };
    let now = test.now.or(event.time).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut settings = SimulatedSettings::new(config);
    let run = simulate(&case.rule.flow, &subject, &test.mocks, now, &mut |call| {
        jq::outcome(call).or_else(|| settings.outcome(call))
    });
    let mut lines: Vec<String> = test
        .steps
        .iter()
        .flat_map(|(step, _, wanted)| sent(step, wanted, &run))
        .collect();
    let word = run.state.as_str();
    let why = run
        .state
        .why()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    match &test.ends {
        Some((ends, _)) if ends != word => {
            lines.push(format!("- ends: {ends}"));
            lines.push(format!("+ ends: {word}{why}"));
            lines.extend(unmocked(&run, &test.mocks));
        }
        // A test passes only with a dead run that it expects.
        None if word == "dead" => {
            lines.push(format!("+ ends: dead{why}"));
            lines.extend(unmocked(&run, &test.mocks));
        }
        Some(_) | None => {}
    }
    lines
}

/// The hint at a step without a mock whose empty reply made the run fail.
fn unmocked(run: &Simulation, mocks: &BTreeMap<String, Vec<Mock>>) -> Option<String> {
    let why = run.state.why()?;
    let unmocked = |task: &&StepCall| !mocks.keys().any(|name| task.is_called(name));
    let mut tasks = run.calls.iter().filter(unmocked);
    let task = tasks.find(|task| why.contains(&format!("`steps.{}.", task.name)))?;
    let name = &task.name;
    Some(format!(
        "  `{name}` has no mock, so its reply is empty; add `mock: {{ {name}: {{ body: … }} }}`"
    ))
}

fn sent(step: &str, wanted: &Value, run: &Simulation) -> Vec<String> {
    let Some(task) = run.calls.iter().find(|task| task.is_called(step)) else {
        let why = run
            .state
            .why()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        return vec![format!(
            "- step `{step}` was expected to send something; the run ended {} before{why}",
            run.state.as_str()
        )];
    };
    let got = task.call.to_json();
    let mut lines = Vec::new();
    for difference in differences(wanted, &got) {
        lines.push(format!(
            "- {step}.{}: {}",
            difference.path, difference.wanted
        ));
        lines.push(match difference.got {
            Some(got) => format!("+ {step}.{}: {got}", difference.path),
            None => format!("+ {step} sends no `{}`", difference.path),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use crate::cli::exit::Exit;
    use crate::cli::test::run_test::*;
    use crate::cli::test::{MissingRulePolicy, gather};
    use crate::engine::Rulebook;

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
        run(&suite.cases[0], &book.rules, &book.config, &suite.files)
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
        assert_eq!(failure.exit(), Exit::Runtime);
    }
}
