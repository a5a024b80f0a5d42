//! The newest dead and held runs with the last request of each.

use std::cmp::Reverse;

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{FailedRun, FailedRuns, FailedState, HistoryError};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::time;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::SentTo;

/// The newest runs of a state. The exchange that was written last belongs to the last attempt; the reason names its
/// step, unless something else ended the run, such as a `fail` step.
pub const FAILED: &str = "WITH page AS MATERIALIZED
        (SELECT id FROM runs WHERE state = ?1 ORDER BY id DESC LIMIT ?2)
    SELECT r.id, q.rule, r.why, r.failed, r.changed, x.method, u.url
    FROM page CROSS JOIN runs r CROSS JOIN queues q
        LEFT JOIN exchanges x ON x.id = (SELECT max(id) FROM exchanges WHERE run = page.id)
            AND instr(r.why, 'step `' || x.step || '`') > 0
        LEFT JOIN request_urls u ON u.id = x.url
    WHERE r.id = page.id AND q.id = r.queue";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_failed_runs(&self, limit: usize) -> Result<FailedRuns, HistoryError> {
        let mut runs = Vec::new();
        let rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        for state in FailedState::ALL {
            let found = self
                .database
                .rows(FAILED, params![state.as_str(), rows], |row| {
                    read(row, state)
                })?;
            runs.extend(found);
        }
        runs.sort_by_key(|run| Reverse(run.id));
        let is_cut = runs.len() > limit;
        runs.truncate(limit);
        Ok(FailedRuns { runs, is_cut })
    }
}

fn read(row: &SqlRow<'_>, state: FailedState) -> rusqlite::Result<FailedRun> {
    let (method, url): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
    Ok(FailedRun {
        id: RunId(number(row.get(0)?)),
        rule: row.get(1)?,
        state,
        why: row.get::<Option<String>>(2)?.unwrap_or_default(),
        error: row.get(3)?,
        since: time(row.get(4)?),
        sent_to: method.zip(url).map(|(method, url)| SentTo { method, url }),
    })
}
