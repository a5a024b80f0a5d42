//! Stored events: how they are selected, a row of a list, the whole event, and names that are nearly right.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::store::RevisionId;
use flowtrigger_core::event::Event;

/// How a person names an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSelector {
    Id(String),
    /// What it is about: the ticket.
    Key(String),
}

/// Which events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventQuery {
    pub subject: EventSelector,
    /// Only those that this entry under `sources` received.
    pub endpoint: Option<String>,
    /// The nearest to this time first. Default: the newest first.
    pub at: Option<Timestamp>,
    pub limit: usize,
}

/// Names one stored event; only its store knows what the number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventRowId(pub i64);

/// One event of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    pub row: EventRowId,
    pub source: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    pub received: Timestamp,
    pub revision: RevisionId,
    /// Whether it led to runs.
    pub matched: bool,
    /// How often it was redelivered, and when last.
    pub redelivered: u64,
    /// How many of those had another body.
    pub differed: u64,
    pub last_came: Option<Timestamp>,
}

/// A stored event, whole.
#[derive(Debug, Clone)]
pub struct EventRecord {
    pub head: EventRow,
    pub event: Arc<Event>,
    /// The text as received. Only events that matched no rule are stored with it.
    pub raw_text: Option<Box<str>>,
}

/// One of the newest events, without what takes long to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentEvent {
    pub row: EventRowId,
    pub id: String,
    pub source: String,
    pub event_type: String,
    pub received: Timestamp,
}

/// The names of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventNames {
    pub id: String,
    pub key: Option<String>,
}

/// A name that resembles the requested one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NearestEvent {
    Id(String),
    Key(String),
}

/// How far back events are kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RetainedRange {
    /// First and last of the events that led to runs.
    pub matched: Option<(Timestamp, Timestamp)>,
    /// First and last of those that led to none.
    pub unmatched: Option<(Timestamp, Timestamp)>,
    pub events: u64,
}

/// How similar two names must be, of 1.
const MIN_SIMILARITY: f64 = 0.6;
const MAX_NEAREST: usize = 5;

impl NearestEvent {
    pub fn text(&self) -> &str {
        match self {
            NearestEvent::Id(text) | NearestEvent::Key(text) => text,
        }
    }

    /// The most similar first.
    pub(super) fn among(events: Vec<EventNames>, text: &str) -> Vec<Self> {
        let mut names = BTreeSet::new();
        for EventNames { id, key } in events {
            names.insert(NearestEvent::Id(id));
            names.extend(key.map(NearestEvent::Key));
        }
        let mut similar: Vec<(f64, NearestEvent)> = names
            .into_iter()
            .map(|name| (similarity(text, name.text()), name))
            .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
            .collect();
        similar.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let names = similar.into_iter().map(|(_, name)| name);
        names.take(MAX_NEAREST).collect()
    }
}

/// People copy a part of an id, or mistype letters.
fn similarity(requested: &str, name: &str) -> f64 {
    let (requested, name) = (requested.to_lowercase(), name.to_lowercase());
    match requested.len() >= 3 && name.contains(&requested) {
        true => 1.0,
        false => strsim::normalized_damerau_levenshtein(&requested, &name),
    }
}
