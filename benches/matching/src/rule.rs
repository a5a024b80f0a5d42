//! A rule as plain data, from which each engine builds its own form, and a simple evaluator for it.
//! It covers the part of the language that the samples use.

use regex::Regex;
use serde_json::Value;

use crate::draw::event_type::EventType;

pub struct Rule {
    pub event_type: &'static EventType,
    pub when: Condition,
}

pub enum Condition {
    Is(Predicate),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// None of the values; missing if the field is missing.
    None(Vec<Condition>),
}

pub struct Predicate {
    /// The path from the body, such as `ticket.organization_id`.
    pub path: &'static str,
    keys: Vec<&'static str>,
    pub test: Test,
}

pub enum Test {
    Is(Value),
    OneOf(Vec<Value>),
    Has(Vec<String>),
    Below(i64),
    AtLeast(i64),
    /// A range, inclusive.
    Between(i64, i64),
    StartsWith(String),
    /// The pattern, as text and compiled.
    Matches(Regex),
    Contains(String),
    Exists,
    Not(Box<Test>),
}

impl Test {
    pub fn matches(pattern: &str) -> Self {
        Self::Matches(Regex::new(pattern).expect("the samples' own patterns are sound"))
    }
}

impl Rule {
    /// Returns the predicates of a flat `all`, which other engines support.
    pub fn flat(&self) -> impl Iterator<Item = &Predicate> {
        let all = match &self.when {
            Condition::All(all) => all.as_slice(),
            Condition::Is(_) | Condition::Any(_) | Condition::None(_) => &[],
        };
        all.iter().filter_map(|condition| match condition {
            Condition::Is(predicate) => Some(predicate),
            Condition::All(_) | Condition::Any(_) | Condition::None(_) => None,
        })
    }
}

impl Condition {
    /// Evaluates the condition; `None` is missing, which is neither true nor false.
    pub fn holds(&self, body: &Value) -> Option<bool> {
        match self {
            Self::Is(predicate) => predicate.holds(body),
            Self::All(all) => worst(all, body),
            Self::Any(any) => best(any, body),
            Self::None(any) => best(any, body).map(|holds| !holds),
        }
    }
}

/// Combines with `all`: `None` if no condition is false and one is missing.
fn worst(all: &[Condition], body: &Value) -> Option<bool> {
    let mut missing = false;
    for condition in all {
        match condition.holds(body) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => missing = true,
        }
    }
    (!missing).then_some(true)
}

/// Combines with `any`: `None` if no condition is true and one is missing.
fn best(any: &[Condition], body: &Value) -> Option<bool> {
    let mut missing = false;
    for condition in any {
        match condition.holds(body) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => missing = true,
        }
    }
    (!missing).then_some(false)
}

impl Predicate {
    pub fn new(path: &'static str, test: Test) -> Self {
        let keys = path.split('.').collect();
        Self { path, keys, test }
    }

    pub fn holds(&self, body: &Value) -> Option<bool> {
        let mut keys = self.keys.iter();
        let value = keys.try_fold(body, |value, key| value.get(key));
        self.test.holds(value)
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> Option<bool> {
        if let Self::Exists = self {
            return Some(value.is_some());
        }
        let value = value?;
        match self {
            Self::Exists => Some(true),
            Self::Is(expected) => Some(value == expected),
            Self::OneOf(expected) => Some(expected.contains(value)),
            Self::Not(test) => test.holds(Some(value)).map(|holds| !holds),
            Self::Has(_)
            | Self::Below(_)
            | Self::AtLeast(_)
            | Self::Between(..)
            | Self::StartsWith(_)
            | Self::Matches(_)
            | Self::Contains(_)
                if value.is_null() =>
            {
                Some(false)
            }
            Self::Has(expected) => {
                let has = |tag: &Value| expected.iter().any(|w| tag.as_str() == Some(w));
                Some(value.as_array()?.iter().any(has))
            }
            Self::Below(end) => Some(value.as_i64()? < *end),
            Self::AtLeast(start) => Some(value.as_i64()? >= *start),
            Self::Between(low, high) => Some((*low..=*high).contains(&value.as_i64()?)),
            Self::StartsWith(start) => Some(value.as_str()?.starts_with(start)),
            Self::Matches(pattern) => Some(pattern.is_match(value.as_str()?)),
            Self::Contains(part) => Some(value.as_str()?.contains(part)),
        }
    }
}
