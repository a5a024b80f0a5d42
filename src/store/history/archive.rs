//! Stored events in the order of their receipt: which ones, where a page begins, and one row of it.

use jiff::Timestamp;

use super::EventRowId;
use crate::store::sqlite::codec::event::{decode_event, raw_text};
use crate::store::{RevisionId, RowError};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::{RunId, RunState};

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

/// A stored event as its row holds it: nothing is decoded.
#[derive(Debug, Clone)]
pub struct ArchivedText {
    pub row: EventRowId,
    /// The revision that evaluated it.
    pub revision: RevisionId,
    text: String,
}

/// A run that the arrival of an event caused: no replay, and no notice about another run.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginalRun {
    pub id: RunId,
    pub event: EventRowId,
    pub rule: String,
    pub state: RunState,
    /// When it was planned, by the clock that its gates counted with.
    pub planned: Timestamp,
    /// When its state changed last.
    pub changed: Timestamp,
    pub attempts: u64,
}

/// When a revision came into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevisionStart {
    pub id: RevisionId,
    pub at: Timestamp,
}

impl ArchivedText {
    pub(in crate::store) fn new(row: EventRowId, revision: RevisionId, text: String) -> Self {
        Self {
            row,
            revision,
            text,
        }
    }

    /// The text as received, if the event was stored without being decoded.
    pub fn as_received(&self) -> Option<&str> {
        raw_text(&self.text)
    }

    /// Decodes the event.
    ///
    /// # Errors
    /// Another version wrote it, which this one cannot read.
    pub fn decode(&self) -> Result<Event, RowError> {
        decode_event(&self.text)
    }
}
