//! Checks that a rule has the steps, the guards, the gates and the predicates that a test names.

use crate::report::rule_test::step_names::FlowSteps;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use flowtrigger_core::flow::simulate::Mock;
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::flow::wait_for::WaitFor;
use flowtrigger_core::gate::Gate;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::loop_guard;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test::entry::{Expected, TestEntry};
use flowtrigger_core::rule::test::mock::StepMock;
use flowtrigger_core::rule::test::{RuleTest, TestForm, TestName};

pub fn check(test: &RuleTest, rule: &Rule, diagnostics: &mut Diagnostics) {
    let mut report =
        |found: Option<Diagnostic>| found.into_iter().for_each(|found| diagnostics.push(found));
    for entry in &test.entries {
        let run = &entry.run;
        let steps = run.steps.iter().map(|step| &step.step);
        let attempts = run.attempts.iter().map(|attempts| &attempts.step);
        for step in steps.chain(attempts) {
            report(step_error(&step.text, step.at, rule));
        }
        report(
            entry
                .because
                .as_ref()
                .and_then(|because| predicate_error(because, rule)),
        );
        report(
            run.guard
                .as_ref()
                .and_then(|guard| guard_error(guard, rule)),
        );
        report(gate_error(entry, rule));
    }
    // The mocks of the test are in each of its entries.
    let mocks = test.entries.iter().flat_map(|entry| &entry.mocks);
    let mut seen: Vec<Span> = Vec::new();
    for mock in mocks {
        if !seen.contains(&mock.at) {
            seen.push(mock.at);
            report(match waiting_step(&mock.step, rule) {
                Some(wait) => awaited_error(mock, wait),
                None => step_error(&mock.step, mock.at, rule),
            });
        }
    }
    report(order_error(test));
}

/// A step that does not exist, or that sends nothing.
fn step_error(name: &str, at: Span, rule: &Rule) -> Option<Diagnostic> {
    let steps = FlowSteps::new(&rule.flow);
    let found = steps.named(name);
    let performs = |step: &Step| step.action.sends();
    let message = match found.first() {
        Some(_) if found.iter().any(|step| performs(step)) => return None,
        Some(step) => format!(
            "the step `{name}` is a `{}` and sends nothing",
            step.action.kind()
        ),
        None => format!("the rule `{}` has no step `{name}`", rule.name),
    };
    let help = match (
        steps.without_number(name),
        steps.listed(performs).join(", "),
    ) {
        (Some((path, step)), _) => {
            format!("write `{path}` for one item, or `{step}` for every one")
        }
        (None, none) if none.is_empty() => "none of its steps sends anything".to_owned(),
        (None, senders) => format!("the steps that send something are {senders}"),
    };
    Some(Diagnostic::error(Code::UndefinedName, at, message).help(help))
}

/// What a step of this name waits for; none if it makes a call.
fn waiting_step<'r>(name: &str, rule: &'r Rule) -> Option<&'r WaitFor> {
    let steps = FlowSteps::new(&rule.flow);
    let mut named = steps.named(name).into_iter();
    named.find_map(|step| step.action.wait_for())
}

/// A mock of a `wait_for` that it cannot have.
fn awaited_error(mock: &StepMock, wait: &WaitFor) -> Option<Diagnostic> {
    let name = &mock.step;
    let (message, help) = match (mock.results.as_slice(), wait.answer()) {
        ([Mock::Arrives { number, .. }], None) => {
            let count = wait.events().len();
            if usize::try_from(*number).is_ok_and(|number| number <= count) {
                return None;
            }
            (
                format!("the step `{name}` has no event {number}"),
                format!("its events are numbered from 1 to {count}"),
            )
        }
        ([Mock::Answers { answer, .. }], Some(choices)) => {
            if choices.answers.contains(answer) {
                return None;
            }
            (
                format!("the step `{name}` has no answer `{answer}`"),
                format!("its answers are {}", choices.answers.join(", ")),
            )
        }
        (_, Some(choices)) => (
            format!("the step `{name}` waits for an answer"),
            format!("write `{name}: {{ answer: {} }}`", choices.answers[0]),
        ),
        (_, None) => (
            format!("the step `{name}` waits for an event"),
            format!("write `{name}: {{ arrives: {{ … }} }}`"),
        ),
    };
    Some(Diagnostic::error(Code::InvalidValue, mock.at, message).help(help))
}

fn predicate_error(because: &TestName, rule: &Rule) -> Option<Diagnostic> {
    let path = &because.text;
    let predicates = rule.when.predicates();
    let mut paths: Vec<&str> = predicates.iter().map(|p| p.path.text.as_str()).collect();
    if paths.contains(&path.as_str()) {
        return None;
    }
    paths.dedup();
    let message = format!("the rule `{}` does not test `{path}`", rule.name);
    let help = match (guards_that_test(path, rule).as_slice(), paths.as_slice()) {
        ([], []) => "its `when` tests nothing; remove `because`".to_owned(),
        ([], paths) => format!("it tests {}", paths.join(", ")),
        (guards, _) => format!(
            "it is tested by the guard {}, and `because` names a predicate of the rule's `when`; write `expect: match` and `ends: skipped` instead",
            guards.join(", ")
        ),
    };
    Some(Diagnostic::error(Code::UndefinedName, because.at, message).help(help))
}

/// The guards of a rule that test a path, quoted.
fn guards_that_test(path: &str, rule: &Rule) -> Vec<String> {
    let tests = |step: &&Step| {
        let predicates = step.action.guard().map(Condition::predicates);
        let mut predicates = predicates.unwrap_or_default().into_iter();
        predicates.any(|predicate| predicate.path.text == path)
    };
    let guards = rule.flow.all_steps().into_iter().filter(tests);
    guards.map(|step| format!("`{}`", step.name)).collect()
}

fn guard_error(guard: &TestName, rule: &Rule) -> Option<Diagnostic> {
    let steps = FlowSteps::new(&rule.flow);
    let is_guard = |step: &Step| step.action.guard().is_some();
    let name = &guard.text;
    let message = match steps.named(name).as_slice() {
        found if found.iter().any(|step| is_guard(step)) => return None,
        [step, ..] => format!(
            "the step `{name}` is a `{}` and no guard",
            step.action.kind()
        ),
        [] => format!("the rule `{}` has no guard `{name}`", rule.name),
    };
    let help = match steps.listed(is_guard).join(", ") {
        none if none.is_empty() => "its flow has no `when` step; remove `guard`".to_owned(),
        guards => format!("its guards are {guards}"),
    };
    Some(Diagnostic::error(Code::UndefinedName, guard.at, message).help(help))
}

/// An expected suppression that no gate of the rule can cause.
fn gate_error(entry: &TestEntry, rule: &Rule) -> Option<Diagnostic> {
    let gates = rule.gates.iter().map(|gate: &Gate| gate.kind.as_str());
    let guard = rule.guard.iter().map(|_| loop_guard::GATE);
    let gates: Vec<&str> = guard.chain(gates).collect();
    let (message, at) = match (&entry.gate, entry.expect) {
        (Some(gate), _) if !gates.contains(&gate.text.as_str()) => (
            format!("the rule `{}` has no gate `{}`", rule.name, gate.text),
            gate.at,
        ),
        (None, Expected::Suppressed | Expected::Held) if gates.is_empty() => (
            format!("no gate of the rule `{}` stops a run", rule.name),
            entry.expect_at,
        ),
        (_, Expected::Match | Expected::NoMatch | Expected::Suppressed | Expected::Held) => {
            return None;
        }
    };
    let help = match gates.join(", ") {
        none if none.is_empty() => "it has no gate".to_owned(),
        gates => format!("its gates are {gates}"),
    };
    Some(Diagnostic::error(Code::UndefinedName, at, message).help(help))
}

/// An order that names an event that the test does not have.
fn order_error(test: &RuleTest) -> Option<Diagnostic> {
    let TestForm::Timeline {
        order: Some(order), ..
    } = &test.form
    else {
        return None;
    };
    let count = test.entries.len() as u64;
    let unknown = order.events.iter().find(|number| **number > count)?;
    let message = format!("the test has no event {unknown}");
    let help = format!("its events are numbered from 1 to {count}");
    Some(Diagnostic::error(Code::UndefinedName, order.at, message).help(help))
}
