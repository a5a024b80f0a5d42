//! Lowers one event of a test, with what it must lead to.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::flow::simulate::Mocks;
use crate::language::resolver::NameResolver;
use crate::path::Path;
use crate::rule::test::expected::ExpectedValue;
use crate::rule::test::mock::StepMock;
use crate::rule::test::vocabulary::TEST_EVENT;
use crate::rule::test::{
    ENDS, GATES, MAX_ATTEMPTS, TestName, lower_event, mock, optional, section, without_event,
};

/// One event of a test.
#[derive(Debug, Clone)]
pub struct TestEntry {
    pub at: Span,
    /// When it is received, counted from the start of the test.
    pub offset: Duration,
    pub event: TestEvent,
    pub set: Vec<(Path, Value)>,
    pub expect: Expected,
    pub expect_at: Span,
    /// The path of the predicate that must prevent the match.
    pub because: Option<TestName>,
    /// The gate that must suppress the run.
    pub gate: Option<TestName>,
    pub mocks: Vec<StepMock>,
    pub run: ExpectedRun,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Match,
    NoMatch,
    /// The rule matches, and a gate suppresses the run.
    Suppressed,
    /// The rule matches, and the loop guard holds the run.
    Held,
}

#[derive(Debug, Clone)]
pub enum TestEvent {
    /// A path relative to the test's file.
    File(String, Span),
    Inline(Value, Span),
    /// The tick of the rule at a time. Default: the first one of the test.
    Tick(Option<Timestamp>, Span),
}

/// What a run must do.
#[derive(Debug, Clone, Default)]
pub struct ExpectedRun {
    pub steps: Vec<ExpectedStep>,
    pub attempts: Vec<ExpectedAttempts>,
    /// The state in which it must end.
    pub ends: Option<TestName>,
    /// The guard that must end it.
    pub guard: Option<TestName>,
    pub starts: Option<ExpectedStart>,
}

#[derive(Debug, Clone)]
pub struct ExpectedStep {
    pub step: TestName,
    pub sent: ExpectedSent,
}

#[derive(Debug, Clone)]
pub enum ExpectedSent {
    NotSent,
    /// Part of the call.
    Call(ExpectedValue),
}

#[derive(Debug, Clone)]
pub struct ExpectedAttempts {
    pub step: TestName,
    pub count: u64,
}

/// When a run must start, counted from the start of the test.
#[derive(Debug, Clone)]
pub struct ExpectedStart {
    pub offset: Duration,
    pub at: Span,
}

/// What holds for every event of a test with several.
pub(super) struct TestDefaults {
    event: Option<TestEvent>,
    set: Vec<(Path, Value)>,
    mocks: Vec<StepMock>,
}

impl Expected {
    pub fn as_str(self) -> &'static str {
        match self {
            Expected::Match => "match",
            Expected::NoMatch => "no match",
            Expected::Suppressed => "suppressed",
            Expected::Held => "held",
        }
    }
}

impl TestEntry {
    /// The results of steps. The last entry of a step counts.
    pub fn mocks(&self) -> Mocks {
        let mocks = self.mocks.iter();
        mocks
            .map(|mock| (mock.step.clone(), mock.results.clone()))
            .collect()
    }
}

impl TestDefaults {
    pub(super) fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Self> {
        let event = node
            .get("event")
            .map(|event| lower_event(event, names.diagnostics));
        let (set, mocks) = (lower_set(node, names), mock::lower(node, names.diagnostics));
        Some(Self {
            event: optional(event)?,
            set: set?,
            mocks: mocks?,
        })
    }
}

/// Lowers the event of a test that has only one.
pub(super) fn single(node: &Node, names: &mut NameResolver<'_>) -> Option<TestEntry> {
    let allowed = [Expected::Match, Expected::NoMatch, Expected::Suppressed];
    let inputs = TestDefaults::lower(node, names);
    if inputs.is_none() && node.get("event").is_none() {
        without_event::<()>(node.at, names.diagnostics);
    }
    lower(node, &allowed, inputs, names)
}

/// Lowers one of several events. The last values that are set for a path, and the last mocks of a step, count.
pub(super) fn of_several(
    node: &Node,
    defaults: Option<&TestDefaults>,
    names: &mut NameResolver<'_>,
) -> Option<TestEntry> {
    names.entries(node, &TEST_EVENT)?;
    let own = TestDefaults::lower(node, names).map(|own| match defaults {
        None => own,
        Some(defaults) => TestDefaults {
            event: own.event.or_else(|| defaults.event.clone()),
            set: [defaults.set.clone(), own.set].concat(),
            mocks: [defaults.mocks.clone(), own.mocks].concat(),
        },
    });
    let allowed = [
        Expected::Match,
        Expected::NoMatch,
        Expected::Suppressed,
        Expected::Held,
    ];
    let offset = match node.get("at") {
        Some(at) => names.duration(at, "at"),
        None => {
            let help = "add `at: 0s`, counted from the start of the test";
            names.reject(Code::MissingKey, node.at, "this event has no `at`", help)
        }
    };
    let entry = lower(node, &allowed, own, names);
    Some(TestEntry {
        offset: offset?,
        ..entry?
    })
}

fn lower(
    node: &Node,
    allowed: &[Expected],
    inputs: Option<TestDefaults>,
    names: &mut NameResolver<'_>,
) -> Option<TestEntry> {
    let has_event = inputs.as_ref().is_none_or(|inputs| inputs.event.is_some());
    if !has_event {
        without_event::<()>(node.at, names.diagnostics);
    }
    let expect = lower_expect(node, allowed, names.diagnostics);
    let because = lower_name(node, "because", names);
    let gate = node.get("gate").map(|gate| lower_gate(gate, names));
    if let Some(expect) = expect {
        check_keys(node, expect, names.diagnostics);
    }
    let run = lower_run(node, names);
    let inputs = inputs?;
    Some(TestEntry {
        at: node.at,
        offset: Duration::ZERO,
        event: inputs.event?,
        set: inputs.set,
        expect: expect?,
        expect_at: node.get("expect").map_or(node.at, |expect| expect.at),
        because: because?,
        gate: optional(gate)?,
        mocks: inputs.mocks,
        run: run?,
    })
}

/// Reports keys that test nothing with an expectation.
fn check_keys(node: &Node, expect: Expected, diagnostics: &mut Diagnostics) {
    let word = expect.as_str();
    for Entry { key, key_at, value } in node.as_map().unwrap_or_default() {
        let of_run = [
            "steps", "attempts", "mock", "ends", "guard", "starts", "now",
        ];
        match key.as_str() {
            "because" if expect != Expected::NoMatch => {
                let help = "`because` names the predicate that prevents the match; use it with `expect: no match`";
                diagnostics.invalid(value.at, format!("`because` beside `expect: {word}`"), help);
            }
            "gate" if expect != Expected::Suppressed => {
                let help = "`gate` names the gate that suppresses the run; use it with `expect: suppressed`";
                diagnostics.invalid(value.at, format!("`gate` beside `expect: {word}`"), help);
            }
            key if of_run.contains(&key) && expect != Expected::Match => {
                let message = format!("`{key}` beside `expect: {word}` tests nothing");
                let help = match expect {
                    Expected::NoMatch | Expected::Match => {
                        "a rule that does not match runs no step; remove it, or expect a match"
                    }
                    Expected::Suppressed | Expected::Held => {
                        "such a run starts no step; remove it, or expect a match"
                    }
                };
                diagnostics.invalid(*key_at, message, help);
            }
            _ => {}
        }
    }
}

fn lower_set(node: &Node, names: &mut NameResolver<'_>) -> Option<Vec<(Path, Value)>> {
    let set = section(node, "set", names.diagnostics)
        .iter()
        .map(|entry| Some((names.path(&entry.key, entry.key_at)?, entry.value.to_json())))
        .collect::<Vec<_>>();
    set.into_iter().collect()
}

fn lower_name(node: &Node, key: &str, names: &mut NameResolver<'_>) -> Option<Option<TestName>> {
    let name = node.get(key).map(|name| {
        let text = names.text(name, key)?;
        Some(TestName { text, at: name.at })
    });
    optional(name)
}

fn lower_expect(
    node: &Node,
    allowed: &[Expected],
    diagnostics: &mut Diagnostics,
) -> Option<Expected> {
    let Some(expect) = node.get("expect") else {
        let help = "add `expect: match` or `expect: no match`";
        return diagnostics.reject(Code::MissingKey, node.at, "this test has no `expect`", help);
    };
    let word = expect.as_text().unwrap_or_default();
    let found = allowed.iter().find(|allowed| allowed.as_str() == word);
    if let Some(found) = found {
        return Some(*found);
    }
    if word == Expected::Held.as_str() {
        let message = format!("`expect: {word}` needs an earlier event");
        let help = "write `events: [{ at: 0s, expect: match }, { at: 5m, expect: held }]`";
        return diagnostics.reject_value(expect.at, message, help);
    }
    let words: Vec<&str> = allowed.iter().map(|allowed| allowed.as_str()).collect();
    let message = format!("`expect` takes one of {}", words.join(", "));
    diagnostics.reject_value(
        expect.at,
        message,
        "write `expect: match` or `expect: no match`",
    )
}

fn lower_gate(gate: &Node, names: &mut NameResolver<'_>) -> Option<TestName> {
    match gate.as_text() {
        Some(text) if GATES.contains(&text) => Some(TestName {
            text: text.to_owned(),
            at: gate.at,
        }),
        _ => {
            let message = format!("`gate` takes one of {}", GATES.join(", "));
            names.reject_value(gate.at, message, "these can suppress a run")
        }
    }
}

fn lower_run(node: &Node, names: &mut NameResolver<'_>) -> Option<ExpectedRun> {
    let steps = section(node, "steps", names.diagnostics);
    let steps: Vec<_> = steps.iter().map(|step| lower_step(step, names)).collect();
    let attempts = section(node, "attempts", names.diagnostics).iter();
    let attempts = attempts.map(|entry| {
        Some(ExpectedAttempts {
            step: key_of(entry),
            count: names.whole_number(&entry.value, &entry.key, 0..=MAX_ATTEMPTS)?,
        })
    });
    let attempts: Vec<_> = attempts.collect();
    let ends = lower_ends(node, names.diagnostics);
    let guard = lower_name(node, "guard", names);
    let starts = node.get("starts").map(|starts| {
        Some(ExpectedStart {
            offset: names.duration(starts, "starts")?,
            at: starts.at,
        })
    });
    let (ends, guard) = (ends?, guard?);
    if let (Some(ends), Some(guard)) = (&ends, &guard)
        && ends.text != "skipped"
    {
        let message = format!("`guard` beside `ends: {}`", ends.text);
        names.invalid(guard.at, message, "a guard ends a run as `skipped`");
    }
    Some(ExpectedRun {
        steps: steps.into_iter().collect::<Option<_>>()?,
        attempts: attempts.into_iter().collect::<Option<_>>()?,
        ends,
        guard,
        starts: optional(starts)?,
    })
}

fn key_of(entry: &Entry) -> TestName {
    TestName {
        text: entry.key.clone(),
        at: entry.key_at,
    }
}

fn lower_step(entry: &Entry, names: &mut NameResolver<'_>) -> Option<ExpectedStep> {
    let sent = match &entry.value.value {
        Yaml::Text(text) if text == "not sent" => ExpectedSent::NotSent,
        Yaml::Map(_) => ExpectedSent::Call(ExpectedValue::lower(&entry.value, names)?),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            let wanted = "what the step sends, such as { json: { … } }, or `not sent`";
            return names.reject_type(&entry.value, &entry.key, wanted);
        }
    };
    Some(ExpectedStep {
        step: key_of(entry),
        sent,
    })
}

fn lower_ends(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<TestName>> {
    let Some(ends) = node.get("ends") else {
        return Some(None);
    };
    match ends.as_text() {
        Some(state) if ENDS.contains(&state) => Some(Some(TestName {
            text: state.to_owned(),
            at: ends.at,
        })),
        _ => {
            let message = "`ends` takes done, skipped or dead";
            diagnostics.reject_value(ends.at, message, "these are the final states of a run")
        }
    }
}
