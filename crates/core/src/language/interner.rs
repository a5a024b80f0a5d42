//! What the conditions and templates of a rule set have in common, built once while they are lowered:
//! paths, words, patterns, texts. A rule holds what it needs later; the interner ends with the lowering.

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

/// What conditions and templates have in common.
#[derive(Default)]
pub struct Interner {
    /// Paths by their spelling, as they lead into an event.
    pub paths: HashMap<String, Arc<Path>>,
    pub words: InternPool<str>,
    /// The keys of mappings that texts are put into.
    pub keys: InternPool<[Arc<str>]>,
    pub reads: InternPool<ReadSet>,
    pub texts: TemplateCache,
    pub patterns: PatternCache,
    pub comparisons: OperatorCache,
    /// Which types have a field that others of their source lack.
    pub elsewhere: HashMap<(EventTypesKey, String), Option<String>>,
}

/// Equal values, each kept once.
pub struct InternPool<T: ?Sized>(HashSet<Arc<T>>);

impl<T: ?Sized> Default for InternPool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: ?Sized + Eq + Hash> InternPool<T> {
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
    fn equal_values_are_kept_once() {
        let mut pool: InternPool<str> = InternPool::default();
        let (a, b, c) = (pool.share("a"), pool.share("a"), pool.share("c"));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!((&*a, &*c), ("a", "c"));
    }
}
