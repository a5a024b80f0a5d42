//! Counts by a name of the rules or the configuration: at most so many names, and all others together. Counting takes no lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

/// The label value for everything without a name of its own.
pub const OTHER: &str = "other";

/// Counts of the names that are in use.
#[derive(Debug)]
pub struct NamedCounts<T> {
    limit: usize,
    current: ArcSwap<CountsByName<T>>,
}

#[derive(Debug, Default)]
struct CountsByName<T> {
    named: BTreeMap<Arc<str>, Arc<T>>,
    other: Arc<T>,
}

impl<T: Default> NamedCounts<T> {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            current: ArcSwap::default(),
        }
    }

    /// Names that were in use before keep their counts; the counts of names that are not in use any more are dropped. A
    /// name that has counts keeps them beyond the limit of newer names.
    pub fn set_names(&self, names: impl IntoIterator<Item = String>) {
        let before = self.current.load_full();
        let names: BTreeSet<String> = names.into_iter().filter(|name| name != OTHER).collect();
        let (known, new): (Vec<String>, Vec<String>) = names
            .into_iter()
            .partition(|name| before.named.contains_key(name.as_str()));
        let named = known.into_iter().chain(new).take(self.limit);
        let named = named.map(|name| {
            let counts = before.named.get(name.as_str()).cloned();
            (name.into(), counts.unwrap_or_default())
        });
        self.current.store(Arc::new(CountsByName {
            named: named.collect(),
            other: Arc::clone(&before.other),
        }));
    }

    /// Counts something of a name.
    pub fn count<R>(&self, name: &str, count: impl FnOnce(&T) -> R) -> R {
        let current = self.current.load();
        count(current.named.get(name).unwrap_or(&current.other))
    }

    /// The names with their counts, and [`OTHER`].
    pub fn read(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let current = self.current.load();
        let named = current.named.iter();
        let named = named.map(|(name, counts)| (Arc::clone(name), Arc::clone(counts)));
        named
            .chain([(OTHER.into(), Arc::clone(&current.other))])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn add(counts: &NamedCounts<AtomicU64>, name: &str) {
        counts.count(name, |count| count.fetch_add(1, Ordering::Relaxed));
    }

    fn read(counts: &NamedCounts<AtomicU64>) -> Vec<(String, u64)> {
        let read = counts.read().into_iter();
        read.map(|(name, count)| (name.to_string(), count.load(Ordering::Relaxed)))
            .collect()
    }

    fn expect(counts: &NamedCounts<AtomicU64>, expected: &[(&str, u64)]) {
        let expected = expected
            .iter()
            .map(|(name, count)| (name.to_string(), *count));
        assert_eq!(read(counts), expected.collect::<Vec<_>>());
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_in_use_keep_their_counts_and_others_lose_them() {
        let counts = NamedCounts::new(10);
        counts.set_names(names(&["a", "b"]));
        for name in ["a", "b", "b", "unknown"] {
            add(&counts, name);
        }
        expect(&counts, &[("a", 1), ("b", 2), ("other", 1)]);
        counts.set_names(names(&["b", "c"]));
        add(&counts, "a");
        expect(&counts, &[("b", 2), ("c", 0), ("other", 2)]);
        counts.set_names(names(&["a"]));
        expect(&counts, &[("a", 0), ("other", 2)]);
    }

    #[test]
    fn beyond_the_limit_names_are_counted_together() {
        let counts = NamedCounts::new(2);
        counts.set_names(names(&["m", "n", "o"]));
        for name in ["m", "n", "o"] {
            add(&counts, name);
        }
        expect(&counts, &[("m", 1), ("n", 1), ("other", 1)]);
        // A new name does not displace one that has counts.
        counts.set_names(names(&["a", "m", "n"]));
        expect(&counts, &[("m", 1), ("n", 1), ("other", 1)]);
    }

    #[test]
    fn a_thing_named_other_is_counted_with_the_others() {
        let counts = NamedCounts::new(2);
        counts.set_names(names(&["other"]));
        add(&counts, "other");
        expect(&counts, &[("other", 1)]);
    }
}
