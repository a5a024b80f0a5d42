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
    /// Dead and retrying runs whose last attempt sent to it. Only the newest 10,000 of each state are looked at.
    pub dead: u64,
    pub retrying: u64,
}

/// The attempts of 5 minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiverColumn {
    pub succeeded: u64,
    pub failed: u64,
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
