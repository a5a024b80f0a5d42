//! Stores what conditions and templates of a rule set share: paths, words, patterns, operators, texts.
//! It exists while rules are lowered; a rule keeps references to the values that it needs later.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::language::event_fields::EventTypesKey;
use crate::language::operator::cache::OperatorCache;
use crate::language::operator::pattern::PatternCache;
use crate::language::template::cache::TemplateCache;
use crate::language::template::read_set::ReadSet;
use crate::path::Path;

/// The values that conditions and templates share.
#[derive(Default)]
pub struct Interner {
    /// Paths into an event, by their text.
    pub paths: HashMap<String, Arc<Path>>,
    pub words: InternPool<str>,
    /// The keys of JSON templates: one list for each mapping.
    pub keys: InternPool<[Arc<str>]>,
    pub reads: InternPool<ReadSet>,
    pub texts: TemplateCache,
    pub patterns: PatternCache,
    pub comparisons: OperatorCache,
    /// Help texts that name the event types with a field, for types that lack it.
    pub event_types_with_field: HashMap<(EventTypesKey, String), Option<String>>,
}

/// Stores each distinct value once.
pub struct InternPool<T: ?Sized>(HashSet<Arc<T>>);

impl<T: ?Sized> Default for InternPool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: ?Sized + Eq + Hash> InternPool<T> {
    /// Returns the stored value that equals `value`; stores `value` if there is none.
    pub fn share(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        if let Some(known) = self.0.get(value.borrow()) {
            return Arc::clone(known);
        }
        let new: Arc<T> = value.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_stored_once() {
        let mut pool: InternPool<str> = InternPool::default();
        let (a, b, c) = (pool.share("a"), pool.share("a"), pool.share("c"));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!((&*a, &*c), ("a", "c"));
    }
}
