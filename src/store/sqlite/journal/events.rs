//! Events that came: found by id or by ticket, near a time, and what comes nearest where none is found.
//! It judges none; which rules listened is asked of the edition that an event was judged by.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::runs::number;
use super::{Filter, Journal, Page, ReadError, RunRow};
use crate::core::event::Event;
use crate::store::EditionId;
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::kept_event;

/// How a person names an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Id(String),
    /// What it is about: the ticket.
    Key(String),
}

/// Which events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventQuery {
    pub subject: Subject,
    /// The nearest to this moment first; else the newest.
    pub at: Option<Timestamp>,
    pub limit: usize,
}

/// An event in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct EventHead {
    /// Its row, by which the rest is asked for.
    pub row: i64,
    pub source: String,
    pub event_type: String,
    pub id: String,
    pub key: Option<String>,
    pub received: Timestamp,
    pub edition: EditionId,
    /// Whether it led to runs.
    pub matched: bool,
    /// How often it came again, and when last.
    pub redelivered: u64,
    pub last_came: Option<Timestamp>,
}

/// An event as it came.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub head: EventHead,
    pub event: Arc<Event>,
    /// The text as received. Only an event that matched no rule was stored so.
    pub raw_text: Option<Box<str>>,
}

/// Something that was asked for in vain, nearly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Near {
    Id(String),
    Key(String),
}

/// How far back events are kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    /// First and last of the events that led to runs.
    pub matched: Option<(Timestamp, Timestamp)>,
    /// First and last of those that led to none.
    pub unmatched: Option<(Timestamp, Timestamp)>,
    pub events: u64,
}

const HEAD: &str = "e.id, e.source, e.type, e.event_id, e.key, e.received, e.edition, e.matched,
    e.redelivered, e.last_came";
/// Events among which the nearest names are looked for: the newest.
const LOOKED_AT: i64 = 5_000;
/// How alike two names must be, of 1.
const LIKENESS: f64 = 0.6;

impl Journal {
    pub fn events(&self, query: &EventQuery) -> Result<Vec<EventHead>, ReadError> {
        let (column, text) = match &query.subject {
            Subject::Id(id) => ("event_id", id),
            Subject::Key(key) => ("key", key),
        };
        let order = match query.at {
            Some(at) => format!("abs(e.received - {})", micros(at)),
            None => "e.received DESC".to_owned(),
        };
        let sql = format!(
            "SELECT {HEAD} FROM events e WHERE e.{column} = ?1 ORDER BY {order}, e.id DESC LIMIT ?2"
        );
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        self.rows(&sql, params![text, limit], head)
    }

    /// The event of a row; None where it was deleted meanwhile.
    pub fn event(&self, row: i64) -> Result<Option<Arrived>, ReadError> {
        let sql = format!("SELECT {HEAD}, e.body FROM events e WHERE e.id = ?1");
        let found = self.first(&sql, [row], |row| Ok((head(row)?, row.get(10)?)))?;
        let read = |(head, body): (EventHead, String)| {
            Ok(Arrived {
                head,
                event: Arc::new(kept_event::event(&body)?),
                raw_text: kept_event::raw_text(&body).map(Into::into),
            })
        };
        found.map(read).transpose()
    }

    /// The runs that the event of a row led to, the oldest first.
    pub fn runs_of(&self, row: i64) -> Result<Vec<RunRow>, ReadError> {
        let filter = Filter {
            row: Some(row),
            ..Filter::default()
        };
        let page = Page {
            limit: 1_000,
            before: None,
        };
        let mut runs = self.runs(&filter, page)?;
        runs.reverse();
        Ok(runs)
    }

    /// Ids and tickets that look like a text, the likest first.
    pub fn nearest(&self, text: &str) -> Result<Vec<Near>, ReadError> {
        let sql = "SELECT event_id, key FROM events ORDER BY id DESC LIMIT ?1";
        let recent = self.rows(sql, [LOOKED_AT], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut names = BTreeSet::new();
        for (id, key) in recent {
            names.insert(Near::Id(id));
            names.extend(Option::map(key, Near::Key));
        }
        let mut alike: Vec<(f64, Near)> = names
            .into_iter()
            .map(|near| (likeness(text, near.text()), near))
            .filter(|(alike, _)| *alike >= LIKENESS)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        Ok(alike.into_iter().map(|(_, near)| near).take(5).collect())
    }

    /// What time the kept events cover.
    pub fn span(&self) -> Result<Span, ReadError> {
        let count = self.first("SELECT count(*) FROM events", [], |row| row.get(0))?;
        Ok(Span {
            matched: self.ends(1)?,
            unmatched: self.ends(0)?,
            events: number(count.expect("a count is one row")),
        })
    }

    fn ends(&self, matched: i64) -> Result<Option<(Timestamp, Timestamp)>, ReadError> {
        // One aggregate a question, so that each is one look into an index.
        let end = |which: &str| {
            let sql = format!("SELECT {which}(received) FROM events WHERE matched = {matched}");
            let found = self.first(&sql, [], |row| row.get::<_, Option<i64>>(0))?;
            Ok::<_, ReadError>(found.flatten().map(time))
        };
        Ok(end("min")?.zip(end("max")?))
    }
}

impl Near {
    pub fn text(&self) -> &str {
        match self {
            Near::Id(text) | Near::Key(text) => text,
        }
    }
}

/// The beginning of an id is what people copy; else the letters that they mistype.
fn likeness(wanted: &str, name: &str) -> f64 {
    let (wanted, name) = (wanted.to_lowercase(), name.to_lowercase());
    match wanted.len() >= 3 && name.contains(&wanted) {
        true => 1.0,
        false => strsim::normalized_damerau_levenshtein(&wanted, &name),
    }
}

pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<EventHead> {
    Ok(EventHead {
        row: row.get(0)?,
        source: row.get(1)?,
        event_type: row.get(2)?,
        id: row.get(3)?,
        key: row.get(4)?,
        received: time(row.get(5)?),
        edition: EditionId(number(row.get(6)?)),
        matched: row.get(7)?,
        redelivered: number(row.get(8)?),
        last_came: row.get::<_, Option<i64>>(9)?.map(time),
    })
}
