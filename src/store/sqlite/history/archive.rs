//! Stored events in the order of their receipt, page by page. Events with runs and events without have an index each;
//! a page is merged from both.

use rusqlite::types::Value as Sql;
use rusqlite::{Row, params_from_iter};

use super::SqliteHistory;
use crate::store::history::{
    ArchiveFilter, ArchivePosition, ArchivedEvent, ArchivedEvents, EventRowId, HistoryError,
};
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::redelivery::find_original;

const COLUMNS: &str = "id, received, source, endpoint, type, event_id, key, matched, had_runs";

/// Events that matched no rule when they were received: those without runs, and those with runs of replays.
pub const UNMATCHED: [&str; 2] = [
    "matched = 0 AND (had_runs = 0 OR received_unmatched = 1)",
    "matched = 1 AND received_unmatched = 1",
];

impl SqliteHistory {
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
        self.rows(&sql, params_from_iter(values), read)
    }

    pub(super) fn find_original_of(
        &self,
        event: &ArchivedEvent,
    ) -> Result<Option<EventRowId>, HistoryError> {
        if event.matched {
            return Ok(Some(event.position.row));
        }
        let received = micros(event.position.received);
        let original = find_original(
            &self.connection,
            (&event.endpoint, &event.id),
            Some(received),
        )?;
        Ok(original.map(EventRowId))
    }
}

/// The statement of a page and its parameters.
pub fn page_query(
    filter: &ArchiveFilter,
    part: &str,
    after: Option<ArchivePosition>,
    limit: usize,
) -> (String, Vec<Sql>) {
    let (mut terms, mut values) = (vec![part.to_owned()], Vec::new());
    let mut term = |sql: &str, value: Sql| {
        values.push(value);
        terms.push(sql.replace('?', &format!("?{}", values.len())));
    };
    if let Some(since) = filter.since {
        term("received >= ?", micros(since).into());
    }
    if let Some(until) = filter.until {
        term("received < ?", micros(until).into());
    }
    for (column, text) in [
        ("key", &filter.key),
        ("source", &filter.source),
        ("endpoint", &filter.endpoint),
    ] {
        if let Some(text) = text {
            term(&format!("{column} = ?"), text.clone().into());
        }
    }
    if let Some(ArchivePosition { received, row }) = after {
        let received = micros(received);
        values.push(received.into());
        values.push(row.0.into());
        let (at, id) = (values.len() - 1, values.len());
        terms.push(format!("(received, id) > (?{at}, ?{id})"));
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE {} ORDER BY received, id LIMIT ?{}",
        terms.join(" AND "),
        values.len()
    );
    (sql, values)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ArchivedEvent> {
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
