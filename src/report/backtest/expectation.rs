//! Compares the counts of a backtest with those that a file expects.

use serde_json::{Value, json};

use crate::report::backtest::comparison::RuleComparison;
use crate::report::backtest::execute::BacktestResult;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::rule::expected_runs::{CountedRuns, OtherRules, RunExpectations};

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetExpectation {
    pub rule: String,
    /// What is counted: `runs`, `new`.
    pub counted: &'static str,
    pub expected: String,
    pub found: u64,
    /// File, line and column; `None` for a rule that the file does not name.
    pub location: Option<String>,
}

impl UnmetExpectation {
    pub fn text(&self) -> String {
        let at = self.location.as_ref().map(|at| format!("  {at}"));
        format!(
            "{}: {} {}, expected {}{}",
            self.rule,
            self.counted.replace('_', " "),
            self.found,
            self.expected,
            at.unwrap_or_default()
        )
    }

    pub fn json(&self) -> Value {
        json!({
            "rule": self.rule,
            "counted": self.counted,
            "expected": self.expected,
            "found": self.found,
            "location": self.location,
        })
    }
}

/// The expectations that do not hold, in the order of the file.
pub fn unmet(
    expected: &RunExpectations,
    files: &Files,
    result: &BacktestResult,
) -> Vec<UnmetExpectation> {
    let nothing = RuleComparison::default();
    let mut unmet = Vec::new();
    let selected = &result.scope.rules;
    let is_selected = |name: &String| selected.is_empty() || selected.contains(name);
    // Rules that are not compared cannot be as expected.
    for rule in expected.rules.iter().filter(|rule| is_selected(&rule.name)) {
        let compared = result.rules.iter().find(|found| found.name == rule.name);
        let compared = compared.unwrap_or(&nothing);
        for count in &rule.counts {
            let found = counted(compared, count.counted);
            if !count.range.contains(found) {
                unmet.push(UnmetExpectation {
                    rule: rule.name.clone(),
                    counted: count.counted.as_str(),
                    expected: count.range.describe(),
                    found,
                    location: Some(files.location(count.at)),
                });
            }
        }
    }
    match expected.others {
        OtherRules::Any => {}
        OtherRules::Unchanged => {
            let is_named = |name: &str| expected.rules.iter().any(|rule| rule.name == name);
            let others = result.rules.iter().filter(|rule| !is_named(&rule.name));
            for rule in others {
                for counts in [CountedRuns::New, CountedRuns::Gone] {
                    let found = counted(rule, counts);
                    if found > 0 {
                        unmet.push(UnmetExpectation {
                            rule: rule.name.clone(),
                            counted: counts.as_str(),
                            expected: "0".into(),
                            found,
                            location: None,
                        });
                    }
                }
            }
        }
    }
    unmet
}

fn counted(rule: &RuleComparison, counts: CountedRuns) -> u64 {
    match counts {
        CountedRuns::Runs => rule.after,
        CountedRuns::New => rule.new,
        CountedRuns::Gone => rule.gone,
        CountedRuns::Same => rule.same,
        CountedRuns::KeptBack => rule.all_kept_back(),
    }
}
