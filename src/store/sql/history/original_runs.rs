//! Reads the texts of a page of stored events, and the runs that they caused, with one statement each.

use jiff::Timestamp;

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::RevisionId;
use crate::store::history::{
    ArchivedEvent, ArchivedText, EventRowId, HistoryError, OriginalRun, RevisionStart,
};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::{self, micros, time};
use flowtrigger_core::run::RunId;

const TEXTS: &str = "SELECT id, revision, body FROM events
    WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))";

/// Replays have a later generation, and notices have an `error`.
const RUNS: &str =
    "SELECT r.id, r.event, q.rule, r.state, r.why, r.gate, r.due, r.planned, r.changed,
        r.attempts
    FROM runs r JOIN queues q ON q.id = r.queue
    WHERE r.event IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))
        AND r.generation = 0 AND r.error IS NULL";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn read_texts(
        &self,
        page: &[ArchivedEvent],
    ) -> Result<Vec<ArchivedText>, HistoryError> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let rows = rows_of(page.iter());
        self.database.rows(TEXTS, params![rows], |row| {
            let revision = RevisionId(number(row.get(1)?));
            Ok(ArchivedText::new(
                EventRowId(row.get(0)?),
                revision,
                row.get(2)?,
            ))
        })
    }

    pub(super) fn find_original_runs(
        &self,
        page: &[ArchivedEvent],
    ) -> Result<Vec<OriginalRun>, HistoryError> {
        let matched: Vec<&ArchivedEvent> = page.iter().filter(|event| event.matched).collect();
        if matched.is_empty() {
            return Ok(Vec::new());
        }
        let rows = rows_of(matched.into_iter());
        let runs = self.database.rows(RUNS, params![rows], read)?;
        runs.into_iter().collect()
    }

    pub(super) fn find_activations(
        &self,
        until: Timestamp,
    ) -> Result<Vec<RevisionStart>, HistoryError> {
        let sql = "SELECT revision, at FROM activations WHERE at < ?1 ORDER BY at, id";
        self.database.rows(sql, params![micros(until)], |row| {
            Ok(RevisionStart {
                id: RevisionId(number(row.get(0)?)),
                at: time(row.get(1)?),
            })
        })
    }
}

/// The rows of events as a list in JSON.
fn rows_of<'e>(events: impl Iterator<Item = &'e ArchivedEvent>) -> String {
    let rows: Vec<i64> = events.map(|event| event.position.row.0).collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Result<OriginalRun, HistoryError>> {
    let word: String = row.get(3)?;
    let state = match codec::state(&word, row.get(4)?, row.get(5)?, row.get(6)?) {
        Ok(state) => state,
        Err(unreadable) => return Ok(Err(unreadable.into())),
    };
    Ok(Ok(OriginalRun {
        id: RunId(number(row.get(0)?)),
        event: EventRowId(row.get(1)?),
        rule: row.get(2)?,
        state,
        planned: time(row.get(7)?),
        changed: time(row.get(8)?),
        attempts: number(row.get(9)?),
    }))
}
