//! Caches lowered operators, so that thousands of rules with the same comparison share one.
//! Comparisons with a path as operand are not cached, because its meaning may differ by rule.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::document::{Node, Yaml};
use crate::language::event_fields::EventTypesKey;
use crate::language::names::ErrorScope;
use crate::language::operator::{CaseSensitivity, Operator, OperatorSpec};
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// The number of cached operators. Later comparisons are lowered without the cache.
const CACHE_CAPACITY: usize = 20_000;

/// The cached operators, by the fields against which they were checked.
#[derive(Default)]
pub struct OperatorCache {
    by_fields: HashMap<EventTypesKey, HashMap<String, Arc<Operator>>>,
    count: usize,
}

/// Identifies a comparison: its text, and the fields against which it was checked.
pub struct OperatorKey {
    fields: EventTypesKey,
    text: String,
}

impl OperatorKey {
    /// Returns `None` if the comparison depends on more than its text and the event types.
    pub fn new(
        spec: &OperatorSpec,
        path: &Path,
        value: &Node,
        case: CaseSensitivity,
        names: &NameResolver<'_>,
    ) -> Option<Self> {
        let fields = match names.in_scope.error_scope {
            ErrorScope::None => names.fields.identity()?,
            ErrorScope::RunDied | ErrorScope::Outage | ErrorScope::StepFailed => return None,
        };
        if path.is_local() {
            return None;
        }
        let mut text = format!("{} {case:?} {} ", spec.name, path.text);
        write_value(value, &mut text)?;
        Some(Self { fields, text })
    }
}

/// Returns `None` for a mapping, which may be a path.
fn write_value(value: &Node, out: &mut String) -> Option<()> {
    match &value.value {
        Yaml::Null => out.push_str("null"),
        Yaml::Bool(b) => write!(out, "{b}").ok()?,
        Yaml::Number(number) => write!(out, "{number}").ok()?,
        Yaml::Text(text) => write!(out, "{text:?}").ok()?,
        Yaml::List(items) => {
            out.push('[');
            for item in items {
                write_value(item, out)?;
                out.push(',');
            }
            out.push(']');
        }
        Yaml::Map(_) => return None,
    }
    Some(())
}

impl OperatorCache {
    pub fn get(&self, key: &OperatorKey) -> Option<Arc<Operator>> {
        let known = self.by_fields.get(&key.fields)?.get(&key.text)?;
        Some(Arc::clone(known))
    }

    /// Adds an operator, unless the cache is full.
    pub fn insert(&mut self, key: OperatorKey, operator: &Arc<Operator>) {
        if self.count < CACHE_CAPACITY {
            self.count += 1;
            let operators = self.by_fields.entry(key.fields).or_default();
            operators.insert(key.text, Arc::clone(operator));
        }
    }
}
