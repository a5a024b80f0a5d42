//! Stored events as a list, newest first: which ones, where a page begins, and one row with its runs in short.

use jiff::Timestamp;

use super::ArchivePosition;
use flowtrigger_core::run::RunId;

/// Which events of a list; a field that is not set takes any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilter {
    /// The ticket.
    pub key: Option<String>,
    pub id: Option<String>,
    /// The name of a type, or a family such as `ticket.*`.
    pub event_type: Option<String>,
    /// The entry under `sources` that received it.
    pub endpoint: Option<String>,
    /// A rule that has a run for it.
    pub rule: Option<String>,
    pub outcome: Option<ListedOutcome>,
    /// When it was received: from this time on, and before that one.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedOutcome {
    /// It has runs.
    Matched,
    /// It matched no rule.
    Unmatched,
    /// It was received again.
    Redelivered,
}

/// Which part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    pub limit: usize,
    /// Only events before this place in the order of receipt.
    pub before: Option<ArchivePosition>,
}

/// One event of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedEvent {
    pub position: ArchivePosition,
    pub id: String,
    pub key: Option<String>,
    pub event_type: String,
    pub source: String,
    pub endpoint: String,
    /// How often it was redelivered, and when last.
    pub redelivered: u64,
    pub last_received: Option<Timestamp>,
    /// Whether it has runs.
    pub matched: bool,
    /// Whether retention deleted runs of it.
    pub had_runs: bool,
    /// Its oldest runs, at most [`MAX_LISTED_RUNS`].
    pub runs: Vec<EventRun>,
    /// Whether it has more runs than that.
    pub has_more_runs: bool,
}

/// A run of a listed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRun {
    pub id: RunId,
    pub rule: String,
    /// The name of its state.
    pub state: String,
}

/// Runs of an event that a list names.
pub const MAX_LISTED_RUNS: usize = 20;

/// How many rows a filter takes, up to a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CappedCount {
    pub count: u64,
    /// Whether there may be more.
    pub is_capped: bool,
}

impl ListedOutcome {
    pub const ALL: [Self; 3] = [Self::Matched, Self::Unmatched, Self::Redelivered];

    pub fn as_str(self) -> &'static str {
        match self {
            ListedOutcome::Matched => "matched",
            ListedOutcome::Unmatched => "unmatched",
            ListedOutcome::Redelivered => "redelivered",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

impl EventPage {
    /// The newest events, at most `limit`.
    pub fn first(limit: usize) -> Self {
        Self {
            limit,
            before: None,
        }
    }
}

impl CappedCount {
    pub fn new(count: u64, cap: usize) -> Self {
        let cap = cap as u64;
        Self {
            count: count.min(cap),
            is_capped: count > cap,
        }
    }
}
