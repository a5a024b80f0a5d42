//! Runs as a list. The rows of a page are selected before anything is joined to them, so that a page costs
//! the same however many runs there are.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Row, params_from_iter};

use super::SqliteHistory;
use super::exchanges::sent_to;
use crate::store::ReplayId;
use crate::store::history::{EventRowId, HistoryError, Page, RunFilter, RunRow, RunTotals};
use crate::store::sqlite::codec::{self, micros, time};
use flowtrigger_core::run::RunId;

/// The terms of a filter with their parameters.
fn conditions(filter: &RunFilter) -> (Vec<String>, Vec<Sql>) {
    let (mut terms, mut values) = (Vec::new(), Vec::new());
    let mut term = |sql: &str, value: Sql| {
        values.push(value);
        terms.push(sql.replace('?', &format!("?{}", values.len())));
    };
    if let Some(rule) = &filter.rule {
        term(
            "r.queue IN (SELECT id FROM queues WHERE rule = ?)",
            rule.clone().into(),
        );
    }
    if let Some(key) = &filter.key {
        term(
            "r.event IN (SELECT id FROM events WHERE key = ?)",
            key.clone().into(),
        );
    }
    if let Some(event) = &filter.event {
        term(
            "r.event IN (SELECT id FROM events WHERE event_id = ?)",
            event.clone().into(),
        );
    }
    if let Some(endpoint) = &filter.endpoint {
        term(
            "(SELECT endpoint FROM events WHERE id = r.event) = ?",
            endpoint.clone().into(),
        );
    }
    if let Some(EventRowId(row)) = filter.row {
        term("r.event = ?", row.into());
    }
    if let Some(ReplayId(replay)) = filter.replay {
        term("r.replay = ?", (replay as i64).into());
    }
    if let Some(since) = filter.since {
        term("r.planned >= ?", micros(since).into());
    }
    if let Some(until) = filter.until {
        term("r.planned < ?", micros(until).into());
    }
    if let Some(error) = &filter.error {
        term(ERROR, error.clone().into());
    }
    if !filter.states.is_empty() {
        let words = serde_json::to_string(&filter.states).unwrap_or_default();
        term("r.state IN (SELECT value FROM json_each(?))", words.into());
    }
    if !filter.ids.is_empty() {
        let ids: Vec<u64> = filter.ids.iter().map(|id| id.0).collect();
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        term("r.id IN (SELECT value FROM json_each(?))", ids.into());
    }
    if let Some(text) = &filter.sent_to {
        let (term, parameters) = sent_to(text);
        let mut numbered = String::new();
        for (index, part) in term.split('?').enumerate() {
            if index > 0 {
                numbered.push_str(&format!("?{}", values.len() + index));
            }
            numbered.push_str(part);
        }
        values.extend(parameters);
        terms.push(numbered);
    }
    (terms, values)
}
const ERROR: &str = "(instr(lower(r.why), lower(?)) > 0 OR EXISTS (
    SELECT 1 FROM log_entries WHERE run = r.id AND outcome = 'failed'
        AND instr(lower(json_extract(detail, '$.message')), lower(?)) > 0))";

const COLUMNS: &str = "r.id, q.rule, r.state, r.why, r.gate, r.due, r.planned, r.changed,
    e.source, e.type, e.event_id, e.key,
    r.attempts, r.failed, json_extract(r.error, '$.run'), r.depth, r.cause, e.endpoint, r.replay, r.event";

impl SqliteHistory {
    pub(super) fn list_runs(
        &self,
        filter: &RunFilter,
        page: Page,
    ) -> Result<Vec<RunRow>, HistoryError> {
        let (mut terms, mut values) = conditions(filter);
        if let Some(before) = page.before {
            values.push(row(before).into());
            terms.push(format!("r.id < ?{}", values.len()));
        }
        values.push(i64::try_from(page.limit).unwrap_or(i64::MAX).into());
        let limit = values.len();
        let terms = match terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", terms.join(" AND ")),
        };
        let sql = format!(
            "WITH page AS MATERIALIZED
                (SELECT r.id FROM runs r {terms} ORDER BY r.id DESC LIMIT ?{limit})
             SELECT {COLUMNS} FROM page JOIN runs r ON r.id = page.id
                JOIN queues q ON q.id = r.queue JOIN events e ON e.id = r.event
             ORDER BY r.id DESC"
        );
        let rows = self.rows(&sql, params_from_iter(values), read)?;
        rows.into_iter().collect()
    }

    pub(super) fn count_runs(&self) -> Result<Vec<(String, u64)>, HistoryError> {
        self.rows(
            "SELECT state, count(*) FROM runs GROUP BY state",
            [],
            |row| Ok((row.get(0)?, number(row.get(1)?))),
        )
    }
}

impl SqliteHistory {
    pub(super) fn count_filtered_runs(
        &self,
        filter: &RunFilter,
        cap: usize,
    ) -> Result<RunTotals, HistoryError> {
        let (terms, mut values) = conditions(filter);
        values.push(i64::try_from(cap).unwrap_or(i64::MAX).into());
        let terms = match terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", terms.join(" AND ")),
        };
        let sql = format!(
            "SELECT state, count(*) FROM
                (SELECT r.state AS state FROM runs r {terms} ORDER BY r.id DESC LIMIT ?{})
             GROUP BY state",
            values.len()
        );
        let counts = self.rows(&sql, params_from_iter(values), |row| {
            Ok((row.get(0)?, number(row.get(1)?)))
        })?;
        let totals = RunTotals {
            by_state: counts.into_iter().collect(),
            is_capped: false,
        };
        Ok(RunTotals {
            is_capped: totals.all() >= cap as u64,
            ..totals
        })
    }

    pub(super) fn count_runs_of(
        &self,
        rule: &str,
        since: Timestamp,
    ) -> Result<Vec<(String, u64)>, HistoryError> {
        let sql = "SELECT state, count(*) FROM runs
            WHERE queue = (SELECT id FROM queues WHERE rule = ?1) AND planned >= ?2
            GROUP BY state ORDER BY state";
        self.rows(sql, (rule, micros(since)), |row| {
            Ok((row.get(0)?, number(row.get(1)?)))
        })
    }
}

/// The number of a row.
pub(super) fn row(run: RunId) -> i64 {
    i64::try_from(run.0).unwrap_or(i64::MAX)
}

pub(super) fn number(row: i64) -> u64 {
    row.unsigned_abs()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<RunRow, HistoryError>> {
    let word: String = row.get(2)?;
    let state = match codec::state(&word, row.get(3)?, row.get(4)?, row.get(5)?) {
        Ok(state) => state,
        Err(unreadable) => return Ok(Err(unreadable.into())),
    };
    Ok(Ok(RunRow {
        id: RunId(number(row.get(0)?)),
        rule: row.get(1)?,
        state,
        planned: time(row.get(6)?),
        changed: time(row.get(7)?),
        source: row.get(8)?,
        endpoint: row.get(17)?,
        event_type: row.get(9)?,
        event: row.get(10)?,
        event_row: EventRowId(row.get(19)?),
        key: row.get(11)?,
        attempts: number(row.get(12)?),
        error: row.get(13)?,
        tells_of: row.get::<_, Option<i64>>(14)?.map(|run| RunId(number(run))),
        replay: row
            .get::<_, Option<i64>>(18)?
            .map(|replay| ReplayId(number(replay))),
        lineage: codec::lineage(row.get(15)?, row.get(16)?),
    }))
}
