//! Runs the tests of rules for pages, and keeps the results until the rules change. One request runs tests at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::page_error::PageError;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::rule_test::of_rules::{RuleTests, WaitingTests, within};
use flowtrigger_core::rule::Rule;

/// Rules whose results are kept.
const MAX_KEPT: usize = 10_000;

/// The results of rules by their names.
pub type TestsByRule = HashMap<String, Arc<RuleTests>>;

/// The results that are known.
#[derive(Default)]
pub struct RuleTestCache {
    kept: Arc<Mutex<KeptTests>>,
    turn: tokio::sync::Mutex<()>,
}

/// Results of one rulebook.
#[derive(Default)]
struct KeptTests {
    book: Weak<Rulebook>,
    tests: TestsByRule,
}

impl KeptTests {
    /// The results of these rules; those of other rulebooks are forgotten.
    fn of(&mut self, rules: &[Arc<Rule>], book: &Arc<Rulebook>) -> TestsByRule {
        if !std::ptr::eq(self.book.as_ptr(), Arc::as_ptr(book)) {
            self.book = Arc::downgrade(book);
            self.tests.clear();
        }
        let known = rules.iter().filter_map(|rule| {
            let tests = self.tests.get(&rule.name)?;
            Some((rule.name.clone(), Arc::clone(tests)))
        });
        known.collect()
    }

    fn add(&mut self, rule: &Rule, tests: RuleTests, book: &Arc<Rulebook>) {
        if !std::ptr::eq(self.book.as_ptr(), Arc::as_ptr(book)) {
            return;
        }
        if self.tests.len() >= MAX_KEPT {
            self.tests.clear();
        }
        self.tests.insert(rule.name.clone(), Arc::new(tests));
    }
}

impl RuleTestCache {
    /// The results of these rules. Tests that are not known are run for some time; rules whose tests did not come to
    /// an end are missing, or say how many were not run.
    pub async fn results(
        &self,
        rules: Vec<Arc<Rule>>,
        book: &Arc<Rulebook>,
        time: Duration,
    ) -> Result<TestsByRule, PageError> {
        let Ok(turn) = tokio::time::timeout(time, self.turn.lock()).await else {
            return Ok(self.known(&rules, book));
        };
        let known = self.known(&rules, book);
        let missing = rules.iter().filter(|rule| {
            let tests = known.get(&rule.name);
            tests.is_none_or(|tests| tests.not_run > 0)
        });
        let missing: Vec<Arc<Rule>> = missing.cloned().collect();
        if !missing.is_empty() {
            let (kept, book) = (Arc::clone(&self.kept), Arc::clone(book));
            let run = tokio::task::spawn_blocking(move || run(&missing, &book, time, &kept));
            run.await.map_err(|_| {
                PageError::from(CommandError::runtime(
                    "the tests ended early; this is a bug, please report it",
                ))
            })??;
        }
        drop(turn);
        Ok(self.known(&rules, book))
    }

    fn known(&self, rules: &[Arc<Rule>], book: &Arc<Rulebook>) -> TestsByRule {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.of(rules, book)
    }
}

fn run(
    rules: &[Arc<Rule>],
    book: &Arc<Rulebook>,
    time: Duration,
    kept: &Mutex<KeptTests>,
) -> Result<(), CommandError> {
    let until = within(time);
    let waiting = WaitingTests::find(rules, book);
    for rule in rules {
        let tests = waiting.run(rule, book, until)?;
        let is_cut = tests.not_run > 0;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.add(rule, tests, book);
        if is_cut {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "name: a\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow: [{ succeed: ok }]\n---\nname: b\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: { current: high }\nflow: [{ succeed: ok }]\n\
        tests:\n  - name: t\n    event: { input: { ticket_event: { type: Priority Changed, current: high, ticket: { id: 7 } } } }\n    expect: match\n";

    fn book() -> Arc<Rulebook> {
        let rules = flowtrigger_testing::rules::from_text(RULES);
        Arc::new(Rulebook {
            files: Arc::clone(&rules.files),
            rules,
            ..Rulebook::default()
        })
    }

    #[tokio::test]
    async fn results_are_kept_until_the_rules_change() {
        let (cache, book) = (RuleTestCache::default(), book());
        let time = Duration::from_secs(60);
        let rules = || book.rules.rules.clone();
        let first = cache.results(rules(), &book, time).await.unwrap();
        assert_eq!(first["a"].results.len(), 0);
        assert_eq!(first["b"].passed(), 1);
        let again = cache.results(rules(), &book, time).await.unwrap();
        assert!(Arc::ptr_eq(&first["b"], &again["b"]));
        let other = self::book();
        let after = cache
            .results(other.rules.rules.clone(), &other, time)
            .await
            .unwrap();
        assert!(!Arc::ptr_eq(&first["b"], &after["b"]));
    }

    #[tokio::test]
    async fn without_time_nothing_is_run() {
        let (cache, book) = (RuleTestCache::default(), book());
        let rules = book.rules.rules.clone();
        let cut = cache.results(rules.clone(), &book, Duration::ZERO).await;
        let cut = cut.unwrap();
        assert!(cut.get("b").is_none_or(|tests| tests.not_run == 1));
        let later = cache.results(rules, &book, Duration::from_secs(60)).await;
        assert_eq!(later.unwrap()["b"].passed(), 1);
    }
}
