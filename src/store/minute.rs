//! The numbers of one minute, from which the page draws its charts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What happened in one minute, and how many runs were in each state at its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Minutes since 1970, in UTC.
    pub minute: i64,
    /// Events that a rule matched, that none matched, and that were known.
    pub matched: u64,
    pub unmatched: u64,
    pub redelivered: u64,
    /// Rejected requests.
    pub rejected: u64,
    /// Attempts of steps.
    pub succeeded: u64,
    pub failed: u64,
    /// How long attempts and commits took, in microseconds; `None` if there were none.
    pub attempts: Option<Percentiles>,
    pub commits: Option<Percentiles>,
    /// Runs that are not over, by state.
    pub runs: BTreeMap<String, u64>,
}

/// The median and the 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    pub p50: u64,
    pub p99: u64,
}
