//! The numbers of one minute, from which the page draws its charts.

use std::collections::BTreeMap;

use jiff::Timestamp;
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
    /// Accepted events that were not archived, because too many came at the same time; `None` if they were not counted.
    #[serde(default)]
    pub lost: Option<u64>,
    /// Attempts of steps.
    pub succeeded: u64,
    pub failed: u64,
    /// How long attempts and commits took, in microseconds; `None` if there were none.
    pub attempts: Option<Percentiles>,
    pub commits: Option<Percentiles>,
    /// Runs that are not over or need a person, by state.
    pub runs: BTreeMap<String, u64>,
}

/// The median and the 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    pub p50: u64,
    pub p99: u64,
}

/// The states whose runs are counted: they are not over, or need a person.
const COUNTED: [&str; 7] = [
    "queued",
    "debouncing",
    "running",
    "retrying",
    "waiting",
    "dead",
    "held",
];

impl Minute {
    /// Whether runs in this state are counted.
    pub fn counts(state: &str) -> bool {
        COUNTED.contains(&state)
    }

    /// The number of the minute that a time is in.
    pub fn number_of(at: Timestamp) -> i64 {
        at.as_second().div_euclid(60)
    }

    /// Events that were accepted.
    pub fn events(&self) -> u64 {
        self.matched + self.unmatched + self.redelivered
    }

    /// One entry for each minute, from the rows of all daemons in the order of their minutes. Each daemon counts the runs
    /// of all: the highest number stays.
    pub fn merge(rows: impl IntoIterator<Item = Minute>) -> Vec<Minute> {
        let mut merged: Vec<Minute> = Vec::new();
        for row in rows {
            match merged.last_mut().filter(|last| last.minute == row.minute) {
                Some(last) => {
                    last.add_earlier(&row);
                    for (state, count) in row.runs {
                        let known = last.runs.entry(state).or_default();
                        *known = count.max(*known);
                    }
                }
                None => merged.push(row),
            }
        }
        merged
    }

    /// Adds what was counted before in the same minute: a daemon that is restarted counts the rest of it apart. The
    /// runs are those at its end. Of the percentiles the higher ones stay, because those of the whole are unknown.
    pub fn add_earlier(&mut self, earlier: &Minute) {
        self.matched += earlier.matched;
        self.unmatched += earlier.unmatched;
        self.redelivered += earlier.redelivered;
        self.rejected += earlier.rejected;
        self.lost = match (self.lost, earlier.lost) {
            (Some(lost), Some(earlier)) => Some(lost + earlier),
            (lost, earlier) => lost.or(earlier),
        };
        self.succeeded += earlier.succeeded;
        self.failed += earlier.failed;
        self.attempts = Percentiles::higher(self.attempts, earlier.attempts);
        self.commits = Percentiles::higher(self.commits, earlier.commits);
    }
}

impl Percentiles {
    fn higher(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(Self {
                p50: one.p50.max(other.p50),
                p99: one.p99.max(other.p99),
            }),
            (one, other) => one.or(other),
        }
    }
}
