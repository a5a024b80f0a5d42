//! Stored events in the order of their receipt: which ones, where a page begins, and one row of it.

use jiff::Timestamp;

use super::EventRowId;

/// Which stored events. A field that is not set takes any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArchiveFilter {
    /// When they were received: from this time on, and before that one.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// The ticket.
    pub key: Option<String>,
    pub source: Option<String>,
    /// The entry that received them.
    pub endpoint: Option<String>,
    pub scope: ArchivedEvents,
}

/// Whether events that led to runs are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArchivedEvents {
    #[default]
    All,
    /// Only those that matched no rule when they were received, whatever replays have started since.
    Unmatched,
}

/// A place in the order of receipt: just after this event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchivePosition {
    pub received: Timestamp,
    pub row: EventRowId,
}

/// One stored event of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedEvent {
    pub position: ArchivePosition,
    pub source: String,
    pub endpoint: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    /// Whether it has runs.
    pub matched: bool,
    /// Whether retention deleted runs of it.
    pub had_runs: bool,
}
