//! Runs the tests of some rules within a time, for pages: results and coverage of each rule.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::rule_test::coverage::{self, Coverage, RuleCoverage};
use crate::report::rule_test::result::{self, TestResult};
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::suite::{Suite, gather_of};
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::rule::Rule;

/// The tests of one rule, and what they exercise.
#[derive(Debug)]
pub struct RuleTests {
    pub results: Vec<TestResult>,
    pub coverage: Coverage,
    /// Tests that were not run because the time was over.
    pub not_run: usize,
    /// Mistakes in the files of tests, which may hide tests.
    pub errors: usize,
}

impl RuleTests {
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|test| test.passed()).count()
    }

    /// The points of the rule.
    pub fn covered(&self) -> Option<&RuleCoverage> {
        self.coverage.rules.first()
    }

    /// The same keys as `flowtrigger test --coverage --format json`.
    pub fn json(&self) -> Value {
        json!({
            "tests": result::json(&self.results),
            "coverage": coverage::report::json(&self.coverage, ""),
            "not_run": self.not_run,
        })
    }
}

/// The tests of several rules that wait to be run.
pub struct WaitingTests {
    suite: Suite,
}

impl WaitingTests {
    pub fn find(rules: &[Arc<Rule>], book: &Rulebook) -> Self {
        Self {
            suite: gather_of(rules, book),
        }
    }

    /// Runs the tests of a rule until the time is over.
    pub fn run(
        &self,
        rule: &Rule,
        book: &Rulebook,
        until: Instant,
    ) -> Result<RuleTests, CommandError> {
        let Suite {
            cases,
            files,
            diagnostics,
            ..
        } = &self.suite;
        let runner = TestRunner::new(book, files)?;
        let mut tests = RuleTests::none(rule, files, diagnostics);
        for case in cases.iter().filter(|case| case.rule.name == rule.name) {
            if Instant::now() >= until {
                tests.not_run += 1;
                continue;
            }
            let outcome = runner.run(case)?;
            let result = TestResult::new(case, &outcome.failure, files);
            tests
                .coverage
                .add(&result.rule, &result.name, &outcome.observed);
            tests.results.push(result);
        }
        Ok(tests)
    }
}

impl RuleTests {
    fn none(rule: &Rule, files: &Files, diagnostics: &Diagnostics) -> Self {
        Self {
            results: Vec::new(),
            coverage: Coverage::new([rule], files),
            not_run: 0,
            errors: diagnostics.errors(),
        }
    }
}

/// The end of a time from now.
pub fn within(time: Duration) -> Instant {
    Instant::now() + time
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Rulebook {
        let rules = flowtrigger_testing::rules::from_text(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: { current: high }\nflow: [{ succeed: ok }]\n\
             tests:\n  - name: t\n    event: { input: { ticket_event: { type: Priority Changed, current: high, ticket: { id: 7 } } } }\n    expect: match\n\
             \x20 - name: u\n    event: { input: { ticket_event: { type: Priority Changed, current: low, ticket: { id: 7 } } } }\n    expect: match\n\
             ---\nname: other\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow: [{ succeed: ok }]\n",
        );
        Rulebook {
            files: Arc::clone(&rules.files),
            rules,
            ..Rulebook::default()
        }
    }

    #[test]
    fn tests_of_one_rule_are_run_with_their_coverage() {
        let book = book();
        let rule = &book.rules.rules[0];
        let waiting = WaitingTests::find(std::slice::from_ref(rule), &book);
        let tests = waiting
            .run(rule, &book, within(Duration::from_secs(60)))
            .expect("a run");
        assert_eq!((tests.results.len(), tests.passed()), (2, 1));
        let covered = tests.covered().expect("a rule");
        assert!(covered.points[0].is_covered());
        assert_eq!(tests.json()["tests"][0]["name"], "t");
    }

    #[test]
    fn tests_are_counted_that_no_time_is_left_for() {
        let book = book();
        let [rule, other] = &book.rules.rules[..] else {
            panic!("two rules");
        };
        let waiting = WaitingTests::find(&book.rules.rules, &book);
        let late = waiting.run(rule, &book, Instant::now()).expect("a run");
        assert_eq!((late.results.len(), late.not_run), (0, 2));
        let none = waiting.run(other, &book, Instant::now()).expect("a run");
        assert_eq!((none.results.len(), none.not_run), (0, 0));
    }
}
