//! The unfinished runs of each rule.

use std::collections::BTreeMap;

/// The unfinished runs of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleQueue {
    pub rule: String,
    /// By the name of their state. States without runs are left out.
    pub runs: BTreeMap<String, u64>,
}

impl RuleQueue {
    pub fn total(&self) -> u64 {
        self.runs.values().sum()
    }
}
