//! Runs as a list. The rows of a page are selected before anything is joined to them, so that a page costs
//! the same however many runs there are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::exchanges::sent_to;
use super::terms::FilterTerms;
use super::{HistoryDatabase, SqlHistory};
use crate::store::ReplayId;
use crate::store::history::{
    DeathNotice, EventRowId, HistoryError, Page, ReportedFailures, RunComparison, RunFilter,
    RunRow, RunTotals,
};
use crate::store::sql::dialect::{self, Dialect};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::{self, micros, time};
use flowtrigger_core::rule::shadow_version::SHADOW_SUFFIX;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::passed_gates::PASSING_GATES;
use flowtrigger_core::suspension::SuspensionTarget;

/// The terms of a filter.
fn conditions(filter: &RunFilter, dialect: Dialect) -> FilterTerms<'_> {
    let mut terms = FilterTerms::default();
    terms.add_some(
        "r.queue IN (SELECT id FROM queues WHERE rule = ?)",
        filter.rule.as_deref(),
    );
    terms.add_some(
        "r.event IN (SELECT id FROM events WHERE key = ?)",
        filter.key.as_deref(),
    );
    terms.add_some(
        "r.event IN (SELECT id FROM events WHERE event_id = ?)",
        filter.event.as_deref(),
    );
    terms.add_some(
        "(SELECT endpoint FROM events WHERE id = r.event) = ?",
        filter.endpoint.as_deref(),
    );
    terms.add_some("r.event = ?", filter.row.map(|EventRowId(row)| row));
    let replay = filter.replay.map(|ReplayId(replay)| replay as i64);
    terms.add_some("r.replay = ?", replay);
    terms.add_some("r.planned >= ?", filter.since.map(micros));
    terms.add_some("r.planned < ?", filter.until.map(micros));
    match &filter.waiting_for {
        // While everything is paused, queued runs stay so.
        Some(target @ SuspensionTarget::Everything) => terms.add(
            "(r.state = 'retrying' AND r.gate = ?
                OR r.state = 'queued' AND EXISTS (SELECT 1 FROM suspensions WHERE target = 'everything'))",
            target.key(),
        ),
        Some(target) => {
            terms.add_plain("r.state = 'retrying'".to_owned());
            terms.add("r.gate = ?", target.key());
        }
        None => {}
    }
    if let Some(comparison) = filter.comparison {
        terms.add_plain(passes_gates("r"));
        terms.add_plain(match comparison {
            RunComparison::Same => format!("r.counterpart = 1 AND NOT {}", other_is_suppressed()),
            RunComparison::Different => format!(
                "(r.counterpart = 0 OR r.counterpart = 1 AND {})",
                other_is_suppressed()
            ),
        });
    }
    terms.add_some(ERROR, filter.error.as_deref());
    if !filter.states.is_empty() {
        let states = filter.states.iter();
        let states: Vec<String> = states
            .map(|state| terms.parameter(state.as_str()))
            .collect();
        terms.add_plain(format!("r.state IN ({})", states.join(", ")));
    }
    if !filter.ids.is_empty() {
        let ids: Vec<u64> = filter.ids.iter().map(|id| id.0).collect();
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        terms.add(
            "r.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
            ids,
        );
    }
    if let Some(text) = &filter.sent_to {
        sent_to(text, dialect, &mut terms);
    }
    terms
}

/// Whether a run passes the gates of its rule, as `RunState::passes_gates`.
fn passes_gates(run: &str) -> String {
    let gates = PASSING_GATES.map(|gate| format!("'{gate}'")).join(", ");
    format!("({run}.state <> 'suppressed' OR {run}.gate IN ({gates}))")
}

/// Whether a gate of the rule that is compared with the one of run `r` suppressed its run.
fn other_is_suppressed() -> String {
    format!("EXISTS ({})", suppressed_other("1"))
}

/// Selects a value of the run `o` of the rule that is compared with the one of run `r`, if a gate suppressed it.
fn suppressed_other(value: &str) -> String {
    format!(
        "SELECT {value} FROM runs o JOIN queues oq ON oq.id = o.queue JOIN queues rq ON rq.id = r.queue
            WHERE o.event = r.event AND NOT {} AND oq.rule = CASE WHEN rq.rule LIKE '%{SHADOW_SUFFIX}'
                THEN substr(rq.rule, 1, length(rq.rule) - length('{SHADOW_SUFFIX}')) ELSE rq.rule || '{SHADOW_SUFFIX}' END",
        passes_gates("o")
    )
}

const RUNS_BY_STATE: &str = "SELECT state, count(*) FROM runs GROUP BY state";
const ERROR: &str = "(instr(lower(r.why), lower(?)) > 0 OR EXISTS (
    SELECT 1 FROM log_entries WHERE run = r.id AND outcome = 'failed'
        AND instr(lower(json_extract(detail, '$.message')), lower(?)) > 0))";

const COLUMNS: &str = "r.id, q.rule, r.state, r.why, r.gate, r.due, r.planned, r.changed,
    e.source, e.type, e.event_id, e.key,
    r.attempts, r.failed, CAST(json_extract(r.error, '$.run') AS BIGINT), r.depth, r.cause, e.endpoint, r.replay, r.event,
    CAST(json_extract(r.error, '$.count') AS BIGINT), json_extract(r.error, '$.receiver'), r.reported_by, r.counterpart";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_runs(
        &self,
        filter: &RunFilter,
        page: Page,
    ) -> Result<Vec<RunRow>, HistoryError> {
        let mut terms = conditions(filter, D::DIALECT);
        terms.add_some("r.id < ?", page.before.map(row));
        let limit = terms.parameter(i64::try_from(page.limit).unwrap_or(i64::MAX));
        let sql = format!(
            "WITH page AS MATERIALIZED
                (SELECT r.id FROM runs r {} ORDER BY r.id DESC LIMIT {limit})
             SELECT {COLUMNS}, CASE WHEN r.counterpart = 1 THEN ({} LIMIT 1) END FROM page JOIN runs r ON r.id = page.id
                JOIN queues q ON q.id = r.queue JOIN events e ON e.id = r.event",
            terms.clause(),
            suppressed_other("o.gate")
        );
        let rows = self.database.rows(&sql, &terms.values(), read)?;
        let mut rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
        // Ordered by the statement, Postgres would read and sort all runs.
        rows.sort_by_key(|run| Reverse(run.id));
        let reporting: BTreeSet<i64> = rows
            .iter()
            .filter_map(|run| Some(row(run.told_by?.run)))
            .collect();
        let notices = self.death_notices(&reporting)?;
        for run in &mut rows {
            if let Some(told_by) = &mut run.told_by {
                *told_by = notices.get(&told_by.run).copied().unwrap_or(*told_by);
            }
        }
        Ok(rows)
    }

    /// What runs that report dead ones say of them.
    pub(super) fn death_notices(
        &self,
        runs: &BTreeSet<i64>,
    ) -> Result<HashMap<RunId, DeathNotice>, HistoryError> {
        if runs.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = serde_json::to_string(runs).unwrap_or_default();
        let sql = "SELECT id, CAST(json_extract(error, '$.count') AS BIGINT), due FROM runs
            WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))";
        let notices = self.database.rows(sql, params![ids], |row| {
            let run = RunId(number(row.get(0)?));
            let count: Option<i64> = row.get(1)?;
            let due: Option<i64> = row.get(2)?;
            let notice = DeathNotice {
                run,
                others: number(count.unwrap_or(1)).saturating_sub(1),
                due: due.map(time),
            };
            Ok((run, notice))
        })?;
        Ok(notices.into_iter().collect())
    }

    pub(super) fn count_runs(&self) -> Result<Vec<(String, u64)>, HistoryError> {
        self.database.rows(
            D::DIALECT.choose(RUNS_BY_STATE, dialect::RUNS_BY_STATE),
            &[],
            |row| Ok((row.get(0)?, number(row.get(1)?))),
        )
    }
}

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn count_filtered_runs(
        &self,
        filter: &RunFilter,
        cap: usize,
    ) -> Result<RunTotals, HistoryError> {
        let mut terms = conditions(filter, D::DIALECT);
        let limit = terms.parameter(i64::try_from(cap).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT state, count(*) FROM
                (SELECT r.state AS state FROM runs r {} ORDER BY r.id DESC LIMIT {limit}) newest
             GROUP BY state",
            terms.clause()
        );
        let counts = self.database.rows(&sql, &terms.values(), |row| {
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
        self.database
            .rows(sql, params![rule, micros(since)], |row| {
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

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Result<RunRow, HistoryError>> {
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
        tells_of: row.get::<Option<i64>>(14)?.map(|run| RunId(number(run))),
        replay: row
            .get::<Option<i64>>(18)?
            .map(|replay| ReplayId(number(replay))),
        lineage: codec::lineage(row.get(15)?, row.get(16)?),
        reports: ReportedFailures {
            count: row.get::<Option<i64>>(20)?.map_or(0, number),
            receiver: row.get(21)?,
        },
        told_by: row.get::<Option<i64>>(22)?.map(|run| DeathNotice {
            run: RunId(number(run)),
            others: 0,
            due: None,
        }),
        counterpart: row.get::<Option<i64>>(23)?.map(|matched| matched != 0),
        counterpart_gate: row.get(24)?,
    }))
}
