//! Events by id or key, one event whole, and the range of time that is kept.

use std::sync::Arc;

use jiff::Timestamp;

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::RevisionId;
use crate::store::history::{
    EventNames, EventQuery, EventRecord, EventRow, EventRowId, EventSelector, HistoryError,
    RecentEvent, RetainedRange,
};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::event::{decode_event, raw_text};
use crate::store::sqlite::codec::{micros, time};

const HEAD: &str = "e.id, e.source, e.type, e.event_id, e.key, e.received, e.revision, e.matched,
    e.redelivered, e.last_received, e.differed";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn find_events(&self, query: &EventQuery) -> Result<Vec<EventRow>, HistoryError> {
        let (column, text) = match &query.subject {
            EventSelector::Id(id) => ("event_id", id),
            EventSelector::Key(key) => ("key", key),
        };
        let order = match query.at {
            Some(at) => format!("abs(e.received - {})", micros(at)),
            None => "e.received DESC".to_owned(),
        };
        let sql = format!(
            "SELECT {HEAD} FROM events e
             WHERE e.{column} = ?1 AND (?3 IS NULL OR e.endpoint = ?3)
             ORDER BY {order}, e.id DESC LIMIT ?2"
        );
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        self.database.rows(
            &sql,
            params![text.as_str(), limit, query.endpoint.as_deref()],
            head,
        )
    }

    pub(super) fn find_event(
        &self,
        EventRowId(row): EventRowId,
    ) -> Result<Option<EventRecord>, HistoryError> {
        let sql = format!("SELECT {HEAD}, e.body FROM events e WHERE e.id = ?1");
        let found = self
            .database
            .first(&sql, params![row], |row| Ok((head(row)?, row.get(11)?)))?;
        let read = |(head, body): (EventRow, String)| {
            Ok(EventRecord {
                head,
                event: Arc::new(decode_event(&body)?),
                raw_text: raw_text(&body).map(Into::into),
            })
        };
        found.map(read).transpose()
    }

    pub(super) fn newest_events(
        &self,
        limit: usize,
        since: Timestamp,
    ) -> Result<Vec<RecentEvent>, HistoryError> {
        // Only columns that are stored before the body, which may take several pages.
        let sql = "SELECT id, source, type, received, event_id FROM
                (SELECT id, source, type, received, event_id FROM events ORDER BY id DESC LIMIT ?1) newest
            WHERE received >= ?2 ORDER BY id DESC";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database
            .rows(sql, params![limit, micros(since)], |row| {
                Ok(RecentEvent {
                    row: EventRowId(row.get(0)?),
                    source: row.get(1)?,
                    event_type: row.get(2)?,
                    received: time(row.get(3)?),
                    id: row.get(4)?,
                })
            })
    }

    pub(super) fn newest_names(&self, limit: usize) -> Result<Vec<EventNames>, HistoryError> {
        let sql = "SELECT event_id, key FROM events ORDER BY id DESC LIMIT ?1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database.rows(sql, params![limit], |row| {
            Ok(EventNames {
                id: row.get(0)?,
                key: row.get(1)?,
            })
        })
    }

    pub(super) fn retained_range(&self) -> Result<RetainedRange, HistoryError> {
        let count = self
            .database
            .first("SELECT count(*) FROM events", &[], |row| row.get(0))?;
        Ok(RetainedRange {
            matched: self.ends(MATCHED_ENDS)?,
            unmatched: self.ends(UNMATCHED_ENDS)?,
            events: number(count.expect("a count is one row")),
        })
    }

    fn ends(
        &self,
        [first, last]: [&str; 2],
    ) -> Result<Option<(Timestamp, Timestamp)>, HistoryError> {
        let end = |sql: &str| {
            let found = self
                .database
                .first(sql, &[], |row| row.get::<Option<i64>>(0))?;
            Ok::<_, HistoryError>(found.flatten().map(time))
        };
        Ok(end(first)?.zip(end(last)?))
    }
}

/// The first and the last event with a run. Events are not indexed by whether they have one, but runs are by event.
/// One aggregate per statement, so that each is one index look-up.
pub const MATCHED_ENDS: [&str; 2] = [
    "SELECT received FROM events WHERE id = (SELECT min(event) FROM runs)",
    "SELECT received FROM events WHERE id = (SELECT max(event) FROM runs)",
];
pub const UNMATCHED_ENDS: [&str; 2] = [
    "SELECT min(received) FROM events WHERE matched = 0",
    "SELECT max(received) FROM events WHERE matched = 0",
];

fn head(row: &SqlRow<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        row: EventRowId(row.get(0)?),
        source: row.get(1)?,
        event_type: row.get(2)?,
        id: row.get(3)?,
        key: row.get(4)?,
        received: time(row.get(5)?),
        revision: RevisionId(number(row.get(6)?)),
        matched: row.get(7)?,
        redelivered: number(row.get(8)?),
        differed: number(row.get(10)?),
        last_came: row.get::<Option<i64>>(9)?.map(time),
    })
}
