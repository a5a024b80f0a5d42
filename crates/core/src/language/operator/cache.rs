//! Comparisons of fields that thousands of rules have in common: the same operator, beside the same field, with
//! the same values. It refuses to speak for operands that are read elsewhere, which may differ by rule.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::document::{Node, Yaml};
use crate::language::names::Occasion;
use crate::language::event_fields::Identity;
use crate::language::resolver::NameResolver;
use crate::language::operator::{Case, Operator, Spec};
use crate::path::Path;

/// Beyond it tests are lowered one by one: they are hardly the same then.
const MOST: usize = 20_000;

#[derive(Default)]
pub struct Comparisons {
    by_fields: HashMap<Identity, HashMap<String, Arc<Operator>>>,
    count: usize,
}

/// A test as it is written, and the fields that it was judged by.
pub struct Comparison {
    fields: Identity,
    words: String,
}

impl Comparison {
    /// None where more than the test itself says what it means.
    pub fn of(
        spec: &Spec,
        path: &Path,
        value: &Node,
        case: Case,
        names: &NameResolver<'_>,
    ) -> Option<Self> {
        let fields = match names.in_scope.error_scope {
            Occasion::Event => names.fields.identity()?,
            Occasion::Death | Occasion::Failure => return None,
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

impl Comparisons {
    pub fn get(&self, test: &Comparison) -> Option<Arc<Operator>> {
        let known = self.by_fields.get(&test.fields)?.get(&test.words)?;
        Some(Arc::clone(known))
    }

    pub fn keep(&mut self, test: Comparison, operator: &Arc<Operator>) {
        if self.count < MOST {
            self.count += 1;
            let of_fields = self.by_fields.entry(test.fields).or_default();
            of_fields.insert(test.words, Arc::clone(operator));
        }
    }
}
