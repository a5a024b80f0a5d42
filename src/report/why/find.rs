//! Finds the stored events that a person asks about, by id or by ticket, and selects the one that is explained: the newest
//! or the nearest to a time, of those that a rule listened to.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::report::entry_argument::MissedEntry;
use crate::report::error::CommandError;
use crate::report::time_argument::seconds;
use crate::report::why::evaluated::{RevisionCache, has_listener};
use crate::store::History;
use crate::store::history::{EventQuery, EventRow, EventSelector};
use flowtrigger_core::gate::format_duration;

/// The maximum number of events of a ticket that are read.
pub const MAX_EVENTS: usize = 500;

/// The event that is explained.
pub struct Choice<'a> {
    pub event: &'a EventRow,
    /// Whether one of the rules that were asked about listened to it.
    pub listened: bool,
}

/// The first event that one of the rules listened to, or the first one of all.
pub fn choose<'a>(
    found: &'a [EventRow],
    rules: &[String],
    revisions: &mut RevisionCache,
    history: &dyn History,
) -> Result<Choice<'a>, CommandError> {
    if !rules.is_empty() {
        for head in found {
            if has_listener(head, rules, revisions, history)? {
                return Ok(Choice {
                    event: head,
                    listened: true,
                });
            }
        }
    }
    Ok(Choice {
        event: &found[0],
        listened: false,
    })
}

/// How far the nearest event is from the time that was asked for.
pub struct Distance {
    at: Timestamp,
    received: Timestamp,
}

/// Farther than this, the event is probably not the one that was meant.
const MAX_DISTANCE: SignedDuration = SignedDuration::from_hours(1);

impl Distance {
    pub fn new(at: Timestamp, received: Timestamp) -> Self {
        Self { at, received }
    }

    fn between(&self) -> SignedDuration {
        self.received.duration_since(self.at)
    }

    /// Negative for an event before the time.
    pub fn seconds(&self) -> i64 {
        self.between().as_secs()
    }

    pub fn is_near(&self) -> bool {
        self.between().abs() <= MAX_DISTANCE
    }

    pub fn describe(&self) -> String {
        let at = seconds(self.at);
        let between = self.between();
        let side = if between.is_negative() {
            "before"
        } else {
            "after"
        };
        let length = format_duration(between.unsigned_abs());
        match (self.is_near(), between.as_secs()) {
            (true, 0) => format!("the nearest stored event was received at {at}"),
            (true, _) => format!("the nearest stored event was received {length} {side} {at}"),
            (false, _) => format!(
                "no stored event was received within an hour of {at}; the nearest is {length} {side} it"
            ),
        }
    }
}

/// Finds events by id, or by ticket if no event has this id.
pub fn find(
    subject: &str,
    endpoint: Option<&str>,
    at: Option<Timestamp>,
    history: &dyn History,
) -> Result<Vec<EventRow>, CommandError> {
    let subject = subject.trim().trim_start_matches('#');
    for subject in [
        EventSelector::Id(subject.into()),
        EventSelector::Key(subject.into()),
    ] {
        let query = EventQuery {
            subject,
            endpoint: endpoint.map(str::to_owned),
            at,
            limit: MAX_EVENTS,
        };
        let found = history.events(&query)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The entry of `--endpoint` that received no such event, with those that did.
pub fn missed_entry(
    subject: &str,
    entry: &str,
    history: &dyn History,
) -> Result<MissedEntry, CommandError> {
    let elsewhere = find(subject, None, None, history)?;
    let mut stored_at = BTreeSet::new();
    for head in &elsewhere {
        if let Some(record) = history.event(head.row)? {
            stored_at.insert(record.event.endpoint.clone());
        }
    }
    MissedEntry::new(entry, stored_at.into_iter().collect(), history)
}
