//! What is known of an event that was not found: similar names, how far back events are kept, and the requests that were
//! rejected. An event that is not stored may still have been received.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::daemon_state::ArchiveState;
use crate::report::entry_argument::MissedEntry;
use crate::report::error::CommandError;
use crate::report::render::escape::plain;
use crate::report::time_argument::seconds;
use crate::report::why::rejected::RejectedRequests;
use crate::report::why::rule::facts;
use crate::store::History;
use crate::store::history::{NearestEvent, RetainedRange};
use flowtrigger_core::config::archive::ArchiveScope;

/// What this program cannot know.
pub const UNKNOWN: &str =
    "older events may have been deleted, and whether a sender sent anything is not known here";

/// What was asked for and not found.
pub struct MissedEvent {
    pub subject: String,
    /// The entry that was asked for.
    pub entry: Option<MissedEntry>,
    /// Events with similar ids and tickets.
    pub near: Vec<NearestEvent>,
    pub near_rules: Vec<String>,
    pub rejected: RejectedRequests,
    range: RetainedRange,
    /// Which events are stored now; `None` if no configuration is.
    scope: Option<ArchiveScope>,
}

impl MissedEvent {
    pub fn read(
        subject: &str,
        at: Option<Timestamp>,
        entry: Option<MissedEntry>,
        history: &dyn History,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            near: history.nearest(subject)?,
            range: history.retained()?,
            near_rules: facts::nearest(subject, history)?,
            rejected: RejectedRequests::read(history, None, at)?,
            scope: history.latest_config()?.map(|config| config.archive.events),
            subject: subject.to_owned(),
            entry,
        })
    }

    pub fn sentence(&self) -> String {
        let subject = plain(&self.subject);
        match &self.entry {
            None => format!(
                "no event with the id or the ticket `{subject}` is stored here, and no rule has this name"
            ),
            Some(entry) => format!(
                "no event with the id or the ticket `{subject}` that `{}` received is stored here",
                entry.name()
            ),
        }
    }

    /// How far back events with runs are kept.
    pub fn kept_matched(&self) -> String {
        match self.range.matched {
            Some((first, last)) => format!(
                "events with runs, from {} to {}",
                seconds(first),
                seconds(last)
            ),
            None => "no event with runs".into(),
        }
    }

    /// How far back events without runs are kept.
    pub fn kept_unmatched(&self) -> String {
        let stored = match self.range.unmatched {
            Some((first, last)) => format!(
                "events without runs, from {} to {}",
                seconds(first),
                seconds(last)
            ),
            None => "no event without runs".into(),
        };
        match self.scope {
            Some(ArchiveScope::Off) => {
                format!("{stored}; `archive: off`: events without runs are not stored")
            }
            Some(ArchiveScope::Full | ArchiveScope::Unmatched) | None => {
                format!("{stored}; a crash or a flood can lose some of these")
            }
        }
    }

    pub fn json(&self, archive: &ArchiveState) -> Value {
        let near: Vec<&str> = self.near.iter().map(NearestEvent::text).collect();
        let ends = |ends: Option<(Timestamp, Timestamp)>| {
            ends.map(|(first, last)| [first.to_string(), last.to_string()])
        };
        json!({
            "event": null,
            "asked": self.subject,
            "endpoint": self.entry.as_ref().map(MissedEntry::json),
            "nearest": near,
            "nearest_rules": self.near_rules,
            "kept": {
                "events": self.range.events,
                "matched": ends(self.range.matched),
                "unmatched": ends(self.range.unmatched),
            },
            "rejected": self.rejected.json(),
            "archive_behind": archive.behind(),
        })
    }
}
