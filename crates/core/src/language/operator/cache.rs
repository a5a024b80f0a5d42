//! Comparisons of fields that thousands of rules have in common: the same operator, beside the same field, with
//! the same values. It refuses to speak for operands that are read elsewhere, which may differ by rule.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::document::{Node, Yaml};
use crate::language::event_fields::EventTypesKey;
use crate::language::names::ErrorScope;
use crate::language::operator::{CaseSensitivity, Operator, OperatorSpec};
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// Beyond it tests are lowered one by one: they are hardly the same then.
const MOST: usize = 20_000;

#[derive(Default)]
pub struct OperatorCache {
    by_fields: HashMap<EventTypesKey, HashMap<String, Arc<Operator>>>,
    count: usize,
}

/// A test as it is written, and the fields that it was judged by.
pub struct OperatorKey {
    fields: EventTypesKey,
    words: String,
}

impl OperatorKey {
    /// None where more than the test itself says what it means.
    pub fn of(
        spec: &OperatorSpec,
        path: &Path,
        value: &Node,
        case: CaseSensitivity,
        names: &NameResolver<'_>,
    ) -> Option<Self> {
        let fields = match names.in_scope.error_scope {
            ErrorScope::None => names.fields.identity()?,
            ErrorScope::RunDied | ErrorScope::StepFailed => return None,
        };
        if path.local().is_some() {
            return None;
        }
        let mut words = format!("{} {case:?} {} ", spec.name, path.text);
        write_value(value, &mut words)?;
        Some(Self { fields, words })
    }
}

/// None for a mapping, which may be a path into anything.
fn write_value(value: &Node, words: &mut String) -> Option<()> {
    match &value.value {
        Yaml::Null => words.push_str("null"),
        Yaml::Bool(b) => write!(words, "{b}").ok()?,
        Yaml::Number(number) => write!(words, "{number}").ok()?,
        Yaml::Text(text) => write!(words, "{text:?}").ok()?,
        Yaml::List(items) => {
            words.push('[');
            for item in items {
                write_value(item, words)?;
                words.push(',');
            }
            words.push(']');
        }
        Yaml::Map(_) => return None,
    }
    Some(())
}

impl OperatorCache {
    pub fn get(&self, test: &OperatorKey) -> Option<Arc<Operator>> {
        let known = self.by_fields.get(&test.fields)?.get(&test.words)?;
        Some(Arc::clone(known))
    }

    pub fn keep(&mut self, test: OperatorKey, operator: &Arc<Operator>) {
        if self.count < MOST {
            self.count += 1;
            let of_fields = self.by_fields.entry(test.fields).or_default();
            of_fields.insert(test.words, Arc::clone(operator));
        }
    }
}
