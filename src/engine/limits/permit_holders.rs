//! Knows which rules hold the permits for runs, and since when: for people who ask why runs wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::concurrency::Permit;

/// The permits for runs that are held.
#[derive(Debug, Default)]
pub struct PermitHolders(Mutex<HeldByNumber>);

#[derive(Debug, Default)]
struct HeldByNumber {
    next: u64,
    held: HashMap<u64, Holder>,
}

#[derive(Debug)]
struct Holder {
    rule: Arc<str>,
    /// By the monotonic clock of the engine.
    since: Duration,
}

/// A permit for a run of a rule; released when dropped.
#[derive(Debug)]
pub struct RunPermit {
    holders: Arc<PermitHolders>,
    number: u64,
    _permit: Permit,
}

/// The permits of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePermits {
    pub rule: Arc<str>,
    pub permits: usize,
    /// Since when the oldest is held.
    pub since: Duration,
}

impl PermitHolders {
    pub fn hold(self: &Arc<Self>, permit: Permit, rule: &str, since: Duration) -> RunPermit {
        let mut held = self.lock();
        let number = held.next;
        held.next += 1;
        let rule = rule.into();
        held.held.insert(number, Holder { rule, since });
        RunPermit {
            holders: Arc::clone(self),
            number,
            _permit: permit,
        }
    }

    /// The rules with the most permits first.
    pub fn by_rule(&self) -> Vec<RulePermits> {
        let held = self.lock();
        let mut rules: BTreeMap<&Arc<str>, RulePermits> = BTreeMap::new();
        for holder in held.held.values() {
            let rule = rules.entry(&holder.rule).or_insert_with(|| RulePermits {
                rule: Arc::clone(&holder.rule),
                permits: 0,
                since: holder.since,
            });
            rule.permits += 1;
            rule.since = rule.since.min(holder.since);
        }
        let mut rules: Vec<RulePermits> = rules.into_values().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.permits));
        rules
    }

    fn lock(&self) -> MutexGuard<'_, HeldByNumber> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunPermit {
    fn drop(&mut self) {
        self.holders.lock().held.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn permits_are_counted_by_rule() {
        let semaphore = Arc::new(Semaphore::new(3));
        let holders = Arc::new(PermitHolders::default());
        let hold = |rule: &str, since: u64| {
            let permit = Arc::clone(&semaphore).try_acquire_owned().unwrap();
            holders.hold(permit, rule, Duration::from_secs(since))
        };
        let held = (hold("slow", 9), hold("a", 3), hold("slow", 5));
        let rules: Vec<(String, usize, u64)> = holders
            .by_rule()
            .into_iter()
            .map(|rule| (rule.rule.to_string(), rule.permits, rule.since.as_secs()))
            .collect();
        assert_eq!(rules, [("slow".into(), 2, 5), ("a".into(), 1, 3)]);
        drop(held);
        assert_eq!(
            (holders.by_rule(), semaphore.available_permits()),
            (vec![], 3)
        );
    }
}
