//! The `quamina` crate: one automaton for all rules, or one for each event type, which is found first.
//! Predicates that it evaluates wrongly (numeric ranges) or does not support are checked afterwards.

use std::collections::HashMap;

use quamina::{Quamina, QuaminaBuilder};
use serde_json::{Map, Value, json};

use super::{Afterwards, Engine, Input, body};
use crate::rule::{Predicate, Rule, Test};

/// Where numeric ranges are evaluated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    Own,
    Afterwards,
}

/// One instance for all rules; the event type is a field like any other.
pub struct Whole<'a> {
    patterns: Quamina<u32>,
    afterwards: Afterwards<'a>,
}

impl<'a> Whole<'a> {
    pub fn build(input: &Input<'a>, ranges: Ranges) -> Result<Self, String> {
        let mut patterns = empty()?;
        for (number, rule) in (0..).zip(input.rules) {
            if number % 64 == 0 {
                input.deadline.check()?;
            }
            add(&mut patterns, number, rule, ranges)?;
        }
        Ok(Self {
            patterns,
            afterwards: Afterwards::new(input.rules, |test| takes(test, ranges)),
        })
    }
}

impl Engine for Whole<'_> {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        ask(&self.patterns, &self.afterwards, event, out);
    }
}

/// One instance for each event type.
pub struct ByType<'a> {
    patterns: HashMap<&'static str, Quamina<u32>>,
    afterwards: Afterwards<'a>,
}

impl<'a> ByType<'a> {
    pub fn build(input: &Input<'a>) -> Result<Self, String> {
        let mut patterns: HashMap<_, Quamina<u32>> = HashMap::new();
        for (number, rule) in (0..).zip(input.rules) {
            if number % 64 == 0 {
                input.deadline.check()?;
            }
            let name = rule.event_type.display;
            if !patterns.contains_key(name) {
                patterns.insert(name, empty()?);
            }
            let instance = patterns.get_mut(name).expect("it was just made");
            add(instance, number, rule, Ranges::Afterwards)?;
        }
        Ok(Self {
            patterns,
            afterwards: Afterwards::new(input.rules, |test| takes(test, Ranges::Afterwards)),
        })
    }
}

impl Engine for ByType<'_> {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        let patterns = type_name(event).and_then(|name| self.patterns.get(name));
        if let Some(patterns) = patterns {
            ask(patterns, &self.afterwards, event, out);
        }
    }
}

/// Finds the event type with a fast text search. Correct only for the samples, where no other text of this
/// form comes before it.
pub fn type_name(event: &[u8]) -> Option<&str> {
    const BEFORE: &str = "}},\"type\":\"";
    let text = std::str::from_utf8(event).ok()?;
    let rest = &text[text.find(BEFORE)? + BEFORE.len()..];
    rest.split('"').next()
}

fn empty() -> Result<Quamina<u32>, String> {
    let builder = QuaminaBuilder::new().with_arena_byte_budget(usize::MAX);
    builder.build().map_err(|error| error.to_string())
}

fn ask(patterns: &Quamina<u32>, afterwards: &Afterwards<'_>, event: &[u8], out: &mut Vec<u32>) {
    let found = patterns
        .matches_for_event(event)
        .expect("the samples are JSON");
    // The event is parsed a second time only if predicates must be checked afterwards.
    let mut parsed: Option<Value> = None;
    out.extend(found.into_iter().filter(|&number| {
        if !afterwards.is_open(number) {
            return true;
        }
        let event = parsed
            .get_or_insert_with(|| serde_json::from_slice(event).expect("the samples are JSON"));
        afterwards.confirms(number, body(event))
    }));
}

fn takes(test: &Test, ranges: Ranges) -> bool {
    match test {
        Test::Below(_) | Test::AtLeast(_) | Test::Between(..) => ranges == Ranges::Own,
        Test::Is(_) | Test::OneOf(_) | Test::Has(_) | Test::StartsWith(_) => true,
        Test::Matches(_) | Test::Exists => true,
        Test::Contains(_) | Test::Not(_) => false,
    }
}

fn add(
    patterns: &mut Quamina<u32>,
    number: u32,
    rule: &Rule,
    ranges: Ranges,
) -> Result<(), String> {
    let pattern = pattern(rule, ranges).to_string();
    patterns
        .add_pattern(number, &pattern)
        .map_err(|error| format!("{error}: {pattern}"))
}

fn pattern(rule: &Rule, ranges: Ranges) -> Value {
    let mut body = Map::new();
    body.insert("type".into(), json!([rule.event_type.display]));
    for predicate in rule
        .flat()
        .filter(|predicate| takes(&predicate.test, ranges))
    {
        insert(&mut body, predicate);
    }
    json!({ "input": { "ticket_event": body } })
}

fn insert(body: &mut Map<String, Value>, predicate: &Predicate) {
    let mut keys: Vec<&str> = predicate.path.split('.').collect();
    let last = keys.pop().expect("a path has a key");
    let mut target = body;
    for key in keys {
        let inner = target.entry(key).or_insert_with(|| json!({}));
        target = inner.as_object_mut().expect("only objects have keys");
    }
    target.insert(last.into(), alternatives(&predicate.test));
}

fn alternatives(test: &Test) -> Value {
    match test {
        Test::Is(value) => json!([value]),
        Test::OneOf(values) => json!(values),
        Test::Has(tags) => json!(tags),
        Test::Below(end) => json!([{ "numeric": ["<", end] }]),
        Test::AtLeast(start) => json!([{ "numeric": [">=", start] }]),
        Test::Between(low, high) => json!([{ "numeric": [">=", low, "<=", high] }]),
        Test::StartsWith(start) => json!([{ "prefix": start }]),
        // Its patterns are anchored at both ends.
        Test::Matches(pattern) => {
            let inside = pattern.as_str().trim_start_matches('^');
            json!([{ "regexp": format!("{inside}.*") }])
        }
        Test::Exists => json!([{ "exists": true }]),
        Test::Contains(_) | Test::Not(_) => json!([]),
    }
}
