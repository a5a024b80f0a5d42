//! The result of one rule test: the lines that describe its failure, and its JSON.

use serde_json::{Value, json};

use crate::report::render::escape::plain;
use crate::report::rule_test::suite::TestCase;
use flowtrigger_core::diagnostic::Files;

/// One test and the lines that describe its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    pub rule: String,
    pub name: String,
    pub place: String,
    pub failure: Vec<String>,
}

impl TestResult {
    pub fn new(case: &TestCase, failure: &[String], files: &Files) -> Self {
        // A line holds values of the event.
        let failure = failure.iter().map(|line| plain(line).into_owned());
        Self {
            rule: case.rule.name.clone(),
            name: plain(&case.test.name).into_owned(),
            place: files.location(case.test.at),
            failure: failure.collect(),
        }
    }

    pub fn passed(&self) -> bool {
        self.failure.is_empty()
    }
}

pub fn json(results: &[TestResult]) -> Value {
    let line = |test: &TestResult| {
        json!({
            "rule": test.rule,
            "name": test.name,
            "at": test.place,
            "passed": test.passed(),
            "failure": test.failure,
        })
    };
    results.iter().map(line).collect()
}
