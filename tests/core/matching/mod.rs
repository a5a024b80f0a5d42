//! The index and the evaluator agree on random rules and events: on decoded values, on values of the tape and
//! on the bytes of events.

mod bytes;
mod readers;

use std::sync::Arc;

use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::custom::{CustomFormat, ValueLocations};
use flowtrigger_core::event::json::tape::{Tape, TapeDocument};
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::language::condition::evaluate::{Truth, evaluate};
use flowtrigger_core::language::condition::trace::NoTrace;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::index::scratch::IndexScratch;
use flowtrigger_core::matching::index::{RuleIndex, SlotValues};
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::{Path, Resolved};
use flowtrigger_core::rule::Rule;
use flowtrigger_testing::rules;
use flowtrigger_testing::strategy::{self, Parts, parts, tests};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A configuration with a source whose fields are unknown.
fn config() -> Config {
    let shop = CustomFormat {
        name: "shop".into(),
        source: "shop".into(),
        event_type: ValueLocations::constant("order"),
        id: ValueLocations::default(),
        key: ValueLocations::default(),
        time: ValueLocations::default(),
        time_zone: None,
    };
    let mut config = rules::config(strategy::SCHEDULES);
    config
        .sources
        .insert("shop".into(), EventSource::described(shop));
    config
}

/// The rules that load.
fn load(text: &str) -> Vec<Arc<Rule>> {
    rules::compile(&[("rules.yaml", text)], &config()).0.rules
}

fn event(parts: &Parts) -> Event {
    let time = parts.time.and_then(|time| time.parse().ok());
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.Anything".into(),
        id: "e1".into(),
        key: Some("7".into()),
        time,
        envelope: parts.envelope.clone(),
        body: parts.body.clone(),
        raw: parts.raw.clone().into(),
        about: json!({"source": "support", "endpoint": "support", "type": "ticket.Anything", "id": "e1", "key": "7", "time": time.map(|time: jiff::Timestamp| time.to_string())}),
        format: "zis",
        warnings: Vec::new(),
        trace: None,
    }
}

fn scope<'a>(event: &'a Event, vars: &'a Value) -> Scope<'a> {
    Scope::new(event, vars)
}

fn resolve<'e>(path: &Path, event: &'e Event) -> Option<&'e Value> {
    match path.resolve(&scope(event, &Value::Null)) {
        Resolved::Absent => None,
        Resolved::One(value) => Some(value),
        Resolved::Many(_) => panic!("`{}` is no plain path", path.text),
    }
}

/// Decoded values.
struct Built<'e>(Vec<Option<&'e Value>>);

impl SlotValues for Built<'_> {
    fn slot(&self, number: usize) -> Option<ValueRef<'_>> {
        self.0[number].map(ValueRef::Built)
    }
}

/// The same values on the tape of a list.
struct Taped<'t> {
    scanned: TapeDocument<'t>,
    there: Vec<bool>,
}

impl SlotValues for Taped<'_> {
    fn slot(&self, number: usize) -> Option<ValueRef<'_>> {
        let element = self.scanned.root().elements().nth(number)?;
        self.there[number].then_some(ValueRef::Taped(element))
    }
}

fn find(
    index: &RuleIndex,
    rules: &[Arc<Rule>],
    event: &Event,
    slots: &impl SlotValues,
    scratch: &mut IndexScratch,
) -> Vec<u32> {
    let mut matches = vec![u32::MAX];
    let mut whole = |rule: u32, predicate: &_| {
        let predicate: &flowtrigger_core::language::condition::Predicate = predicate;
        let vars = &rules[rule as usize].vars;
        predicate.evaluate(&scope(event, vars)) == Verdict::Match
    };
    index.find(slots, &mut whole, scratch, &mut matches);
    matches
}

fn agree(rules: &[Arc<Rule>], events: &[Event]) -> Result<usize, TestCaseError> {
    let numbered = rules
        .iter()
        .zip(0..)
        .map(|(rule, number)| (number, rule.as_ref()));
    let index = RuleIndex::new(&numbered.collect::<Vec<_>>());
    let (mut scratch, mut tape, mut matched) = (IndexScratch::default(), Tape::default(), 0);
    for event in events {
        let judged = |rule: &Rule| {
            evaluate(&rule.when, &scope(event, &rule.vars), &mut NoTrace) == Truth::True
        };
        let numbers = 0..u32::try_from(rules.len()).expect("few");
        let expected: Vec<u32> = numbers.filter(|&n| judged(&rules[n as usize])).collect();
        let values = index.paths().iter().map(|path| resolve(path, event));
        let built = Built(values.collect());
        prop_assert_eq!(&find(&index, rules, event, &built, &mut scratch), &expected);
        let text = json!(built.0).to_string();
        // The tape does not support some unusual values.
        if let Some(scanned) = tape.scan(text.as_bytes()) {
            let there = built.0.iter().map(Option::is_some).collect();
            let taped = Taped { scanned, there };
            prop_assert_eq!(&find(&index, rules, event, &taped, &mut scratch), &expected);
        }
        matched += expected.len();
    }
    Ok(matched)
}

/// Fewer cases with more events each, because loading the rules takes most of the time.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.div_ceil(4),
        max_shrink_iters: 500,
        ..default
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_index_agrees_with_the_evaluator(
        text in strategy::rules(1..9),
        parts in vec(parts(), 12),
    ) {
        let events: Vec<Event> = parts.iter().map(event).collect();
        agree(&load(&text), &events)?;
    }

    #[test]
    fn every_operator_is_found_by_its_index_condition(
        text in tests(8..20),
        parts in vec(parts(), 12),
    ) {
        let events: Vec<Event> = parts.iter().map(event).collect();
        agree(&load(&text), &events)?;
    }
}
