//! What a rule did in the last days: its runs by day and state, and its last one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// Days of an activity: today and those before it, in UTC.
pub const ACTIVITY_DAYS: usize = 7;

/// The runs of one rule, those of `on_dead` steps and of replays included.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleActivity {
    pub rule: String,
    /// The last [`ACTIVITY_DAYS`] days, the oldest first.
    pub days: Vec<RuleDay>,
    /// When its last run was planned, however long ago; `None` if it has no stored run.
    pub last_planned: Option<Timestamp>,
}

/// The runs of a rule that were planned on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDay {
    pub start: Timestamp,
    /// By the name of their state now. States without runs are left out.
    pub runs: BTreeMap<String, u64>,
}

impl RuleActivity {
    /// A rule without runs.
    pub fn none(rule: &str, now: Timestamp) -> Self {
        Self {
            rule: rule.to_owned(),
            days: Self::starts(now)
                .map(|start| RuleDay {
                    start,
                    runs: BTreeMap::new(),
                })
                .collect(),
            last_planned: None,
        }
    }

    /// The runs of all days.
    pub fn total(&self) -> u64 {
        self.days.iter().map(RuleDay::total).sum()
    }

    /// The beginnings of the days.
    pub fn starts(now: Timestamp) -> impl Iterator<Item = Timestamp> {
        const DAY: i64 = 86_400;
        let today = now.as_second().div_euclid(DAY) * DAY;
        let today = Timestamp::from_second(today).unwrap_or(Timestamp::UNIX_EPOCH);
        (0..ACTIVITY_DAYS as i64).rev().map(move |before| {
            let before = SignedDuration::from_secs(before * DAY);
            today.checked_sub(before).unwrap_or(Timestamp::UNIX_EPOCH)
        })
    }
}

impl RuleDay {
    pub fn total(&self) -> u64 {
        self.runs.values().sum()
    }
}
