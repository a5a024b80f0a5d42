//! Runs the tests of rules for pages, and keeps the results until the rules change. One request runs tests at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::page_error::PageError;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::rule_test::of_rules::{RuleTests, WaitingTests, within};
use flowtrigger_core::rule::Rule;

/// How long the tests of one request run, also after the request has its answer.
const MAX_TIME: Duration = Duration::from_secs(3);
/// Rules whose results are kept.
const MAX_KEPT: usize = 10_000;

/// The results of rules by their names.
pub type TestsByRule = HashMap<String, Arc<RuleTests>>;

/// The results that are known.
#[derive(Default)]
pub struct RuleTestCache {
    kept: Arc<Mutex<KeptTests>>,
    turn: Arc<tokio::sync::Mutex<()>>,
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
    /// The results of these rules. Tests that are not known are run; rules whose tests do not come to an end within
    /// the time are missing, and run on for the next request.
    pub async fn results(
        &self,
        rules: Vec<Arc<Rule>>,
        book: &Arc<Rulebook>,
        time: Duration,
    ) -> Result<TestsByRule, PageError> {
        let until = tokio::time::Instant::now() + time;
        let turn = tokio::time::timeout_at(until, Arc::clone(&self.turn).lock_owned()).await;
        let Ok(turn) = turn else {
            return Ok(self.known(&rules, book));
        };
        let known = self.known(&rules, book);
        let missing = rules.iter().filter(|rule| {
            let tests = known.get(&rule.name);
            tests.is_none_or(|tests| tests.not_run > 0)
        });
        let missing: Vec<Arc<Rule>> = missing.cloned().collect();
        if missing.is_empty() {
            return Ok(known);
        }
        let (kept, of_book) = (Arc::clone(&self.kept), Arc::clone(book));
        let run = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            run(&missing, &of_book, within(MAX_TIME), &kept)
        });
        match tokio::time::timeout_at(until, run).await {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => {
                let error = "the tests ended early; this is a bug, please report it";
                return Err(CommandError::runtime(error).into());
            }
            Err(_) => {}
        }
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
    until: Instant,
    kept: &Mutex<KeptTests>,
) -> Result<(), CommandError> {
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

    #[test]
    fn tests_without_time_are_run_again() {
        let (cache, book) = (RuleTestCache::default(), book());
        let rules = book.rules.rules.clone();
        let known = || cache.known(&rules, &book);
        assert!(known().is_empty());
        run(&rules, &book, Instant::now(), &cache.kept).unwrap();
        assert_eq!(known()["b"].not_run, 1);
        run(&rules, &book, within(MAX_TIME), &cache.kept).unwrap();
        assert_eq!((known()["b"].not_run, known()["b"].passed()), (0, 1));
    }

    #[tokio::test]
    async fn a_request_does_not_wait_for_long_tests() {
        let (cache, book) = (RuleTestCache::default(), book());
        let rules = book.rules.rules.clone();
        let turn = cache.turn.lock().await;
        let early = cache.results(rules.clone(), &book, Duration::ZERO).await;
        assert!(early.unwrap().is_empty());
        drop(turn);
        let later = cache.results(rules, &book, Duration::from_secs(60)).await;
        assert_eq!(later.unwrap()["b"].passed(), 1);
    }
}
