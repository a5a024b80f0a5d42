//! Receivers of requests: what they answered in the last hour, and which runs wait for them.

use std::time::Duration;

use jiff::Timestamp;

/// The time that [`ReceiverActivity`] covers.
pub const RECEIVER_TIME: Duration = Duration::from_secs(3_600);
/// The columns of its chart: 5 minutes each.
pub const RECEIVER_COLUMNS: usize = 12;

/// The attempts that sent to one scheme, host and port in the last hour.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverActivity {
    /// Such as `https://pager.example` or `http://crm.internal:8080`.
    pub origin: String,
    pub attempts: u64,
    pub succeeded: u64,
    /// Whether there were more attempts, which are not counted.
    pub is_cut: bool,
    /// The median of their durations.
    pub median: Option<Duration>,
    /// The newest attempt.
    pub last: Option<LastAttempt>,
    /// Since when every attempt has failed; `None` if the newest one succeeded.
    pub failing_since: Option<Timestamp>,
    /// The oldest first.
    pub columns: [ReceiverColumn; RECEIVER_COLUMNS],
    /// Runs that died at a step that sent to it, and retrying ones whose last attempt did. Only the newest 10,000 of each state are looked at.
    pub dead: u64,
    pub retrying: u64,
}

/// The attempts of 5 minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiverColumn {
    pub succeeded: u64,
    pub failed: u64,
}

/// How it goes with a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverHealth {
    NoRequest,
    Well,
    /// The newest attempt succeeded, and more than a tenth of the last hour failed, or runs wait for it.
    PartlyFailing,
    Failing {
        since: Timestamp,
    },
}

/// How the newest attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    pub started: Timestamp,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// The message of its failure; `None` if it succeeded.
    pub error: Option<String>,
}

impl ReceiverActivity {
    /// Attempts of the last hour that failed.
    pub fn failed(&self) -> u64 {
        self.attempts.saturating_sub(self.succeeded)
    }

    pub fn health(&self) -> ReceiverHealth {
        let has_failures = self.failed() > 0;
        let waits = self.dead + self.retrying > 0;
        match self.failing_since {
            Some(since) => ReceiverHealth::Failing { since },
            None if self.attempts == 0 => ReceiverHealth::NoRequest,
            None if has_failures && (waits || self.failed() * 10 > self.attempts) => {
                ReceiverHealth::PartlyFailing
            }
            None => ReceiverHealth::Well,
        }
    }

    /// A receiver without attempts.
    pub fn none(origin: String) -> Self {
        Self {
            origin,
            attempts: 0,
            succeeded: 0,
            is_cut: false,
            median: None,
            last: None,
            failing_since: None,
            columns: Default::default(),
            dead: 0,
            retrying: 0,
        }
    }
}
