//! What the conditions and templates of a rule set have in common, built once while they are lowered:
//! paths, words, patterns, texts. A rule holds what it needs later; the interner ends with the lowering.


use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::language::event_fields::Identity;
use crate::path::Path;
use crate::language::operator::pattern::Patterns;
use crate::language::operator::cache::Comparisons;
use crate::language::template::cache::Sound;
use crate::language::template::read_set::Reads;

/// What conditions and templates have in common.
#[derive(Default)]
pub struct Interner {
    /// Paths by their spelling, as they lead into an event.
    pub paths: HashMap<String, Arc<Path>>,
    pub words: Pool<str>,
    /// The keys of mappings that texts are put into.
    pub keys: Pool<[Arc<str>]>,
    pub reads: Pool<Reads>,
    pub texts: Sound,
    pub patterns: Patterns,
    pub comparisons: Comparisons,
    /// Which types have a field that others of their source lack.
    pub elsewhere: HashMap<(Identity, String), Option<String>>,
}

/// Equal values, each kept once.
pub struct Pool<T: ?Sized>(HashSet<Arc<T>>);

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
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
        let mut pool: Pool<str> = Pool::default();
        let (a, b, c) = (pool.share("a"), pool.share("a"), pool.share("c"));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!((&*a, &*c), ("a", "c"));
    }
}
