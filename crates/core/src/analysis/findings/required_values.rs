//! The values that a condition requires of fields, by which rules that cannot match one event are told apart quickly.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::{CaseSensitivity, Operator};
use crate::rule::Rule;

/// The values that each field must have one of, by the path as written.
#[derive(Debug, Default)]
pub struct RequiredValues(FxHashMap<String, Vec<Value>>);

impl RequiredValues {
    pub fn of(rule: &Rule) -> Self {
        let mut required = Self::default();
        required.add(&rule.when);
        required
    }

    fn add(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) => parts.iter().for_each(|part| self.add(part)),
            Condition::Any(_) => {}
            Condition::Predicate(predicate) => self.add_predicate(predicate),
        }
    }

    fn add_predicate(&mut self, predicate: &Predicate) {
        let Operator::Is(is) = &*predicate.operator else {
            return;
        };
        let is_plain = predicate.polarity == Polarity::Positive
            && is.case == CaseSensitivity::Exact
            && is.operands.0.iter().all(|operand| !operand.is_path());
        let values: Vec<Value> = is.operands.literals().cloned().collect();
        // Numbers can be equal in several notations.
        if is_plain
            && !values
                .iter()
                .any(|value| value.is_number() || value.is_array())
        {
            self.0.entry(predicate.path.text.clone()).or_insert(values);
        }
    }

    /// Whether a field must have different values.
    pub fn exclude(&self, other: &Self) -> bool {
        self.0.iter().any(|(path, values)| {
            let others = other.0.get(path);
            others.is_some_and(|others| !values.iter().any(|value| others.contains(value)))
        })
    }

    /// The values of one field.
    pub fn of_path(&self, path: &str) -> Option<&[Value]> {
        self.0.get(path).map(Vec::as_slice)
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
