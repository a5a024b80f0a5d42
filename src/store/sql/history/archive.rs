//! Stored events in the order of their receipt, page by page. Events with runs and events without have an index each;
//! a page is merged from both.

use super::terms::FilterTerms;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{
    ArchiveFilter, ArchivePosition, ArchivedEvent, ArchivedEvents, EventRowId, HistoryError,
};
use crate::store::sql::{SqlRow, SqlValue};
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::redelivery::find_original;

const COLUMNS: &str = "id, received, source, endpoint, type, event_id, key, matched, had_runs";

/// Events that matched no rule when they were received: those without runs, and those with runs of replays.
pub const UNMATCHED: [&str; 2] = [
    "matched = 0 AND (had_runs = 0 OR received_unmatched = 1)",
    "matched = 1 AND received_unmatched = 1",
];

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_archive(
        &self,
        filter: &ArchiveFilter,
        after: Option<ArchivePosition>,
        limit: usize,
    ) -> Result<Vec<ArchivedEvent>, HistoryError> {
        let parts = match filter.scope {
            ArchivedEvents::All => ["matched = 0", "matched = 1"],
            ArchivedEvents::Unmatched => UNMATCHED,
        };
        let mut events = self.page(filter, parts[0], after, limit)?;
        events.extend(self.page(filter, parts[1], after, limit)?);
        events.sort_by_key(|event| event.position);
        events.truncate(limit);
        Ok(events)
    }

    fn page(
        &self,
        filter: &ArchiveFilter,
        part: &str,
        after: Option<ArchivePosition>,
        limit: usize,
    ) -> Result<Vec<ArchivedEvent>, HistoryError> {
        let (sql, values) = page_query(filter, part, after, limit);
        self.database.rows(&sql, &values, read)
    }

    pub(super) fn find_original_of(
        &self,
        event: &ArchivedEvent,
    ) -> Result<Option<EventRowId>, HistoryError> {
        if event.matched {
            return Ok(Some(event.position.row));
        }
        let received = micros(event.position.received);
        let original = find_original(&self.database, (&event.endpoint, &event.id), Some(received))?;
        Ok(original.map(EventRowId))
    }
}

/// The statement of a page and its parameters.
pub fn page_query<'f>(
    filter: &'f ArchiveFilter,
    part: &str,
    after: Option<ArchivePosition>,
    limit: usize,
) -> (String, Vec<SqlValue<'f>>) {
    let mut terms = FilterTerms::default();
    terms.add_plain(part);
    // Not needed if the page begins later: with both, SQLite would search from the earlier one for each page.
    let since = filter
        .since
        .filter(|since| after.is_none_or(|after| after.received < *since));
    terms.add_some("received >= ?", since.map(micros));
    terms.add_some("received < ?", filter.until.map(micros));
    terms.add_some("key = ?", filter.key.as_deref());
    terms.add_some("source = ?", filter.source.as_deref());
    terms.add_some("endpoint = ?", filter.endpoint.as_deref());
    if let Some(ArchivePosition { received, row }) = after {
        let (at, id) = (terms.parameter(micros(received)), terms.parameter(row.0));
        terms.add_plain(format!("(received, id) > ({at}, {id})"));
    }
    let limit = terms.parameter(i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT {COLUMNS} FROM events {} ORDER BY received, id LIMIT {limit}",
        terms.clause()
    );
    (sql, terms.values())
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<ArchivedEvent> {
    Ok(ArchivedEvent {
        position: ArchivePosition {
            received: time(row.get(1)?),
            row: EventRowId(row.get(0)?),
        },
        source: row.get(2)?,
        endpoint: row.get(3)?,
        event_type: row.get(4)?,
        id: row.get(5)?,
        key: row.get(6)?,
        matched: row.get(7)?,
        had_runs: row.get(8)?,
    })
}
