//! Lowers rule tests: one event or several, the expected match, and what the steps must send.
//! Reports tests that could never fail.

pub mod entry;
pub mod expected;
pub mod mock;
pub mod vocabulary;

use std::time::Duration;

use jiff::Timestamp;

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::language::resolver::NameResolver;
use crate::loop_guard;
use crate::rule::test::entry::{TestDefaults, TestEntry};

pub use crate::rule::test::vocabulary::{TEST, TEST_EVENT};

/// The final states that a test can expect.
pub const ENDS: [&str; 3] = ["done", "skipped", "dead"];
/// The most attempts of a step that a test can expect.
pub const MAX_ATTEMPTS: u64 = 1_000;
/// The gates that can suppress a run.
pub const GATES: [&str; 7] = [
    "during",
    "dedupe",
    "debounce",
    "throttle",
    "count",
    "sequence",
    loop_guard::GATE,
];

/// The keys of a test of one event that belong to an entry of `events` if there are several.
const OF_ONE_EVENT: [&str; 6] = ["expect", "because", "steps", "attempts", "ends", "guard"];
/// The keys that need several events.
const OF_SEVERAL: [&str; 2] = ["runs", "order"];

#[derive(Debug, Clone)]
pub struct RuleTest {
    pub name: String,
    pub at: Span,
    /// The rule under test. `None` is the only rule of the file.
    pub rule: Option<String>,
    /// When the test starts. `None` is the time of its first event.
    pub now: Option<Timestamp>,
    pub form: TestForm,
    /// In the order of time; exactly one for [`TestForm::Single`].
    pub entries: Vec<TestEntry>,
}

#[derive(Debug, Clone)]
pub enum TestForm {
    /// One event: no gate but `during` suppresses it, and all waits end at once.
    Single,
    /// Several events in virtual time, with gates, lanes and the loop guard.
    Timeline {
        runs: Option<ExpectedRuns>,
        order: Option<ExpectedOrder>,
    },
}

/// How many runs must start.
#[derive(Debug, Clone)]
pub struct ExpectedRuns {
    pub count: u64,
    pub at: Span,
}

/// The numbers of the events, from 1, in the order in which their runs must end.
#[derive(Debug, Clone)]
pub struct ExpectedOrder {
    pub events: Vec<u64>,
    pub at: Span,
}

/// A name or keyword in a test and where it is written.
#[derive(Debug, Clone)]
pub struct TestName {
    pub text: String,
    pub at: Span,
}

/// Lowers one test. Returns None after reporting its mistakes.
pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<RuleTest> {
    names.entries(node, &TEST)?;
    let name = node.get("name").and_then(|name| names.text(name, "name"));
    let now = lower_now(node, names.diagnostics);
    let rule = node.get("rule").and_then(|rule| names.text(rule, "rule"));
    let (form, entries) = match node.get("events") {
        None => {
            reject_keys(node, &OF_SEVERAL, names.diagnostics, |key| {
                format!("`{key}` needs several events")
            });
            let entry = entry::single(node, names);
            (Some(TestForm::Single), entry.map(|entry| vec![entry]))
        }
        Some(events) => (timeline(node, names), lower_events(node, events, names)),
    };
    Some(RuleTest {
        name: name.unwrap_or_else(|| format!("line {}", node.at.line)),
        at: node.at,
        rule,
        now: now?,
        form: form?,
        entries: entries?,
    })
}

fn timeline(node: &Node, names: &mut NameResolver<'_>) -> Option<TestForm> {
    reject_keys(node, &OF_ONE_EVENT, names.diagnostics, |key| {
        format!("`{key}` beside `events` belongs to one of them")
    });
    let runs = node.get("runs").map(|runs| {
        let count = names.whole_number(runs, "runs", 0..=MAX_EVENTS)?;
        Some(ExpectedRuns { count, at: runs.at })
    });
    let order = node.get("order").map(|order| lower_order(order, names));
    Some(TestForm::Timeline {
        runs: optional(runs)?,
        order: optional(order)?,
    })
}

/// The most events of a test.
pub const MAX_EVENTS: u64 = 1_000;

fn lower_order(order: &Node, names: &mut NameResolver<'_>) -> Option<ExpectedOrder> {
    let Some(items) = order.as_list() else {
        return names.reject_type(order, "order", "a list of numbers of events such as [2, 1]");
    };
    if items.len() < 2 {
        let message = "`order` takes the numbers of at least two events";
        let help = "write it as [2, 1]; one run alone has no order, and `runs` counts them";
        return names.reject_value(order.at, message, help);
    }
    let numbers = items
        .iter()
        .map(|item| names.whole_number(item, "order", 1..=MAX_EVENTS));
    let numbers: Vec<_> = numbers.collect();
    let events = numbers.into_iter().collect::<Option<Vec<_>>>()?;
    let mut repeats = events.iter().enumerate();
    if let Some((_, twice)) = repeats.find(|(index, number)| events[..*index].contains(number)) {
        let message = format!("`order` names the event {twice} twice, and an event has one run");
        return names.reject_value(order.at, message, "write each number once");
    }
    Some(ExpectedOrder {
        events,
        at: order.at,
    })
}

fn lower_events(
    node: &Node,
    events: &Node,
    names: &mut NameResolver<'_>,
) -> Option<Vec<TestEntry>> {
    let Some(items) = events.as_list().filter(|items| !items.is_empty()) else {
        return names.reject_type(events, "events", "a list of events");
    };
    if items.len() as u64 > MAX_EVENTS {
        let message = format!(
            "`events` has {} entries, the limit is {MAX_EVENTS}",
            items.len()
        );
        return names.reject_value(events.at, message, "write several tests");
    }
    let defaults = TestDefaults::lower(node, names);
    let mut before = Duration::ZERO;
    let mut entries = Vec::with_capacity(items.len());
    for item in items {
        let entry = entry::of_several(item, defaults.as_ref(), names);
        if let Some(entry) = &entry {
            if entry.offset < before {
                let message = "`at` is earlier than that of the event before";
                names.invalid(item.at, message, "write the events in the order of time");
            }
            before = entry.offset;
        }
        entries.push(entry);
    }
    defaults?;
    entries.into_iter().collect()
}

/// Reports keys that the form of a test does not have.
fn reject_keys(
    node: &Node,
    keys: &[&str],
    diagnostics: &mut Diagnostics,
    message: impl Fn(&str) -> String,
) {
    for entry in node.as_map().unwrap_or_default() {
        if keys.contains(&entry.key.as_str()) {
            let help =
                "write `events: [{ at: 0s, expect: match }, { at: 5m, expect: suppressed }]`";
            diagnostics.invalid(entry.key_at, message(&entry.key), help);
        }
    }
}

/// The entries of a mapping under a key; none if it is absent.
fn section<'n>(node: &'n Node, key: &str, diagnostics: &mut Diagnostics) -> &'n [Entry] {
    let Some(found) = node.get(key) else {
        return &[];
    };
    found.as_map().unwrap_or_else(|| {
        diagnostics.wrong_type(found, key, "a mapping");
        &[]
    })
}

/// A value that may be absent, but not invalid.
fn optional<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => value.map(Some),
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

/// The event of a test or of one of its entries. `None` if it has none or an invalid one, which is reported.
fn lower_event(event: &Node, diagnostics: &mut Diagnostics) -> Option<entry::TestEvent> {
    match &event.value {
        Yaml::Text(word) if word == "tick" => Some(entry::TestEvent::Tick(None, event.at)),
        Yaml::Map(entries) if entries.len() == 1 && entries[0].key == "tick" => {
            let at = entries[0].value.as_text();
            let at = at.and_then(|text| text.parse().ok());
            if at.is_none() {
                let help =
                    "write `{ tick: 2026-03-01T09:00:00Z }`, or `event: tick` for the next one";
                diagnostics.invalid(entries[0].value.at, "`tick` takes a time", help);
            }
            at.map(|at| entry::TestEvent::Tick(Some(at), event.at))
        }
        Yaml::Text(file) => Some(entry::TestEvent::File(file.clone(), event.at)),
        Yaml::Map(_) => Some(entry::TestEvent::Inline(event.to_json(), event.at)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
            diagnostics.reject_type(event, "event", "a file name or an event")
        }
    }
}

fn without_event<T>(at: Span, diagnostics: &mut Diagnostics) -> Option<T> {
    let help = "add `event: ../examples/events/zis/priority-changed.json`, or the event itself";
    diagnostics.reject(Code::MissingKey, at, "this test has no `event`", help)
}

#[cfg(test)]
mod tests;
