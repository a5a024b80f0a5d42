//! Lowers rule tests: an event, the expected match, and what the steps must send.
//! Reports tests that could never fail.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, mapping, text, words};
use crate::document::{Entry, Node, Yaml};
use crate::flow::simulate::Mock;
use crate::language::resolver::NameResolver;
use crate::path::Path;

#[derive(Debug, Clone)]
pub struct RuleTest {
    pub name: String,
    pub at: Span,
    /// The rule under test. `None` is the only rule of the file.
    pub rule: Option<String>,
    pub event: TestEvent,
    pub set: Vec<(Path, Value)>,
    pub expect: Expected,
    /// The path of the predicate that must prevent the match.
    pub because: Option<(String, Span)>,
    pub now: Option<Timestamp>,
    /// What each step must send: part of its call, by the step's name.
    pub steps: Vec<(String, Span, Value)>,
    /// The result of each attempt of a step, by the step's name.
    pub mocks: BTreeMap<String, Vec<Mock>>,
    /// The locations of the step names in `mocks`.
    pub mocked: Vec<(String, Span)>,
    /// The state in which the run must end.
    pub ends: Option<(String, Span)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Match,
    NoMatch,
}

#[derive(Debug, Clone)]
pub enum TestEvent {
    /// A path relative to the test's file.
    File(String, Span),
    Inline(Value, Span),
}

/// The keys of a rule test.
pub const TEST: Vocabulary = Vocabulary {
    name: "a test",
    words: words! {
        "name" text => "What the test shows, in one sentence.";
        "rule" text => "The rule under test, if the file has several.";
        "event" event => "The event: a path relative to this file, or the event itself.";
        "set" mapping => "Changes to the event, as path and value.";
        "expect" expect => "`match` or `no match`.";
        "because" text => "The path of the predicate that prevents the match.";
        "now" text => "The time at which the run starts. Default: the time of the event.";
        "mock" mapping =>
            "The result of each step, by step name: a reply, a failure, or a list with one entry per attempt.";
        "steps" mapping =>
            "What each step must send, by step name. Keys that are not listed may have any value.";
        "ends" ends => "How the run must end: `done`, `skipped` or `dead`.";
    },
};

fn event() -> Value {
    json!({"type": ["string", "object"]})
}

fn expect() -> Value {
    json!({"enum": ["match", "no match"]})
}

fn ends() -> Value {
    json!({"enum": ["done", "skipped", "dead"]})
}

/// Lowers one test. Returns None after reporting its mistakes.
pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<RuleTest> {
    names.entries(node, &TEST)?;
    let event = lower_event(node, names.diagnostics);
    let expect = lower_expect(node, names.diagnostics);
    let set = section(node, "set", names.diagnostics)
        .iter()
        .map(|entry| Some((names.path(&entry.key, entry.key_at)?, entry.value.to_json())))
        .collect::<Vec<_>>();
    let now = lower_now(node, names.diagnostics);
    let because = node
        .get("because")
        .and_then(|because| Some((names.text(because, "because")?, because.at)));
    if let (Some(Expected::Match), Some((_, at))) = (expect, &because) {
        let help =
            "`because` names the predicate that prevents the match; use it with `expect: no match`";
        names.invalid(*at, "`because` beside `expect: match`", help);
    }
    if expect == Some(Expected::NoMatch) {
        reject_run_keys(node, names.diagnostics);
    }
    let steps = section(node, "steps", names.diagnostics)
        .iter()
        .map(|entry| (entry.key.clone(), entry.key_at, entry.value.to_json()))
        .collect();
    let mocks: Vec<_> = section(node, "mock", names.diagnostics)
        .iter()
        .map(|entry| {
            Some((
                entry.key.clone(),
                lower_mocks(&entry.value, names.diagnostics)?,
            ))
        })
        .collect();
    let ends = lower_ends(node, names.diagnostics);
    let name = node.get("name").and_then(|name| names.text(name, "name"));
    Some(RuleTest {
        name: name.unwrap_or_else(|| format!("line {}", node.at.line)),
        at: node.at,
        rule: node.get("rule").and_then(|rule| names.text(rule, "rule")),
        event: event?,
        set: set.into_iter().collect::<Option<_>>()?,
        expect: expect?,
        because,
        now: now?,
        steps,
        mocked: section(node, "mock", names.diagnostics)
            .iter()
            .map(|entry| (entry.key.clone(), entry.key_at))
            .collect(),
        mocks: mocks.into_iter().collect::<Option<_>>()?,
        ends: ends?,
    })
}

/// Reports keys about a run in a test that expects no match.
fn reject_run_keys(node: &Node, diagnostics: &mut Diagnostics) {
    for entry in node.as_map().unwrap_or_default() {
        if matches!(entry.key.as_str(), "steps" | "mock" | "ends" | "now") {
            let message = format!("`{}` beside `expect: no match` tests nothing", entry.key);
            let help = "a rule that does not match runs no step; remove it, or expect a match";
            diagnostics.invalid(entry.key_at, message, help);
        }
    }
}

fn section<'n>(node: &'n Node, key: &str, diagnostics: &mut Diagnostics) -> &'n [Entry] {
    let Some(found) = node.get(key) else {
        return &[];
    };
    found.as_map().unwrap_or_else(|| {
        diagnostics.wrong_type(found, key, "a mapping");
        &[]
    })
}

fn lower_event(node: &Node, diagnostics: &mut Diagnostics) -> Option<TestEvent> {
    let Some(event) = node.get("event") else {
        let help = "add `event: ../examples/events/zis/priority-changed.json`, or the event itself";
        return diagnostics.reject(Code::MissingKey, node.at, "this test has no `event`", help);
    };
    match &event.value {
        Yaml::Text(file) => Some(TestEvent::File(file.clone(), event.at)),
        Yaml::Map(_) => Some(TestEvent::Inline(event.to_json(), event.at)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
            diagnostics.reject_type(event, "event", "a file name or an event")
        }
    }
}

fn lower_expect(node: &Node, diagnostics: &mut Diagnostics) -> Option<Expected> {
    let Some(expect) = node.get("expect") else {
        let help = "add `expect: match` or `expect: no match`";
        return diagnostics.reject(Code::MissingKey, node.at, "this test has no `expect`", help);
    };
    match expect.as_text() {
        Some("match") => Some(Expected::Match),
        Some("no match") => Some(Expected::NoMatch),
        _ => {
            let help = "write `expect: match` or `expect: no match`";
            diagnostics.reject_value(expect.at, "`expect` takes match or no match", help)
        }
    }
}

fn lower_now(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<Timestamp>> {
    let Some(now) = node.get("now") else {
        return Some(None);
    };
    let parsed = now.as_text().and_then(|text| text.parse().ok());
    if parsed.is_none() {
        let help = "write it as 2026-03-01T09:00:00Z";
        diagnostics.invalid(now.at, "`now` takes a time", help);
    }
    parsed.map(Some)
}

fn lower_ends(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<(String, Span)>> {
    let Some(ends) = node.get("ends") else {
        return Some(None);
    };
    match ends.as_text() {
        Some(state @ ("done" | "skipped" | "dead")) => Some(Some((state.to_owned(), ends.at))),
        _ => {
            let message = "`ends` takes done, skipped or dead";
            diagnostics.reject_value(ends.at, message, "these are the final states of a run")
        }
    }
}

fn lower_mocks(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<Mock>> {
    match &node.value {
        Yaml::List(items) if !items.is_empty() => {
            let mocks: Vec<_> = items
                .iter()
                .map(|item| lower_mock(item, diagnostics))
                .collect();
            mocks.into_iter().collect()
        }
        _ => Some(vec![lower_mock(node, diagnostics)?]),
    }
}

fn lower_mock(node: &Node, diagnostics: &mut Diagnostics) -> Option<Mock> {
    let Yaml::Map(entries) = &node.value else {
        return diagnostics.reject_type(
            node,
            "mock",
            "a reply such as { status: 200, body: { … } }",
        );
    };
    if let [only] = entries.as_slice()
        && only.key == "fails"
    {
        return diagnostics.text(&only.value, "fails").map(Mock::Fails);
    }
    let known = ["status", "headers", "body", "stdout", "stderr"];
    let mut reply = Map::new();
    for entry in entries {
        if !known.contains(&entry.key.as_str()) {
            let message = format!("unknown key `{}` in a reply", entry.key);
            let help =
                "a reply has status, headers, body, stdout, stderr; a failure is { fails: REASON }";
            diagnostics.error(Code::UnknownKey, entry.key_at, message, help);
        }
        reply.insert(entry.key.clone(), entry.value.to_json());
    }
    Some(Mock::Reply(Value::Object(reply)))
}
