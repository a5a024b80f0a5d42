//! Runs as their traces need them: many with one statement for all runs, one for all logs and one for all requests.
//! Results of steps are not read.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::runs::{number, row};
use super::{HistoryDatabase, SqlHistory};
use crate::store::RowError;
use crate::store::history::{
    HistoryError, TracedAttempt, TracedEntry, TracedFailure, TracedRequest, TracedRun, TracedRuns,
};
use crate::store::sql::dialect::Dialect;
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::event::{TRACE_PREFIX, trace_of};
use crate::store::sqlite::codec::{json, micros, time};
use flowtrigger_core::run::RunId;

/// Entries of logs, and requests, that one question reads.
const MAX_ROWS: usize = 100_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

const OF_RUNS: &str = "IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))";

/// A run with the number of its attempts.
type RunWithAttempts = (TracedRun, usize);
type RunParts<T> = HashMap<RunId, Vec<T>>;

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn find_traced_runs(
        &self,
        runs: &[RunId],
        most_attempts: usize,
    ) -> Result<TracedRuns, HistoryError> {
        let mut found: HashMap<RunId, RunWithAttempts> = HashMap::new();
        for (run, attempts) in self.runs_without_logs(runs)? {
            found.insert(run.id, (run, attempts));
        }
        let mut traced = TracedRuns::default();
        let mut attempts = 0;
        for id in runs {
            let Some((run, own)) = found.remove(id) else {
                continue;
            };
            attempts += own;
            match traced.runs.is_empty() || attempts <= most_attempts {
                true => traced.runs.push(run),
                false => traced.left.push(*id),
            }
        }
        let mut logs = self.logs_of(&traced.runs)?;
        let mut requests = self.requests_of(&traced.runs)?;
        for run in &mut traced.runs {
            run.log = logs.remove(&run.id).unwrap_or_default();
            run.requests = requests.remove(&run.id).unwrap_or_default();
        }
        Ok(traced)
    }

    fn runs_without_logs(&self, runs: &[RunId]) -> Result<Vec<RunWithAttempts>, HistoryError> {
        let same_day = match D::DIALECT {
            Dialect::Sqlite => "",
            Dialect::Postgres => "AND e.day = r.event_day",
        };
        let sql = format!(
            "SELECT r.id, q.rule, r.state, r.planned, r.changed, r.generation,
                 CAST(json_extract(r.error, '$.run') AS BIGINT), e.source, e.endpoint, e.type, e.event_id, e.received,
                 substr(e.body, 1, {TRACE_PREFIX}), r.attempts
             FROM runs r JOIN queues q ON q.id = r.queue JOIN events e ON e.id = r.event {same_day}
             WHERE r.id {OF_RUNS}"
        );
        self.database
            .rows(&sql, params![ids(runs.iter().copied())], read_run)
    }

    fn logs_of(&self, runs: &[TracedRun]) -> Result<RunParts<TracedEntry>, HistoryError> {
        let days: BTreeSet<i64> = runs.iter().map(|run| day(micros(run.planned))).collect();
        let of_days = match D::DIALECT {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => format!("AND day IN ({})", list(&days)),
        };
        let sql = format!(
            "SELECT run, kind, step, attempt, at, took, outcome,
                 CASE WHEN outcome = 'failed' OR kind = 'waiting' THEN detail END
             FROM log_entries WHERE run {OF_RUNS} {of_days} ORDER BY run, number LIMIT {MAX_ROWS}"
        );
        self.parts_of(&sql, runs, read_entry)
    }

    fn requests_of(&self, runs: &[TracedRun]) -> Result<RunParts<TracedRequest>, HistoryError> {
        let first = runs.iter().map(|run| run.planned).min();
        let last = runs.iter().map(|run| run.changed).max();
        let of_days = match (D::DIALECT, first, last) {
            // They are recorded after the attempt, perhaps on the next day.
            (Dialect::Postgres, Some(first), Some(last)) => {
                let (first, last) = (day(micros(first)), day(micros(last)));
                format!("AND x.day BETWEEN {} AND {}", first - 1, last + 1)
            }
            (Dialect::Sqlite | Dialect::Postgres, _, _) => String::new(),
        };
        let sql = format!(
            "SELECT x.run, x.step, x.attempt, x.started, x.method, u.url, x.status
             FROM exchanges x LEFT JOIN request_urls u ON u.id = x.url
             WHERE x.run {OF_RUNS} {of_days} ORDER BY x.run, x.id LIMIT {MAX_ROWS}"
        );
        self.parts_of(&sql, runs, |row| Ok(Some(read_request(row)?)))
    }

    /// The parts of runs whose number is the first column. What another version wrote and this one does not know is
    /// left out.
    fn parts_of<T>(
        &self,
        sql: &str,
        runs: &[TracedRun],
        read: impl Fn(&SqlRow<'_>) -> rusqlite::Result<Option<T>>,
    ) -> Result<RunParts<T>, HistoryError> {
        let mut parts: RunParts<T> = HashMap::new();
        if runs.is_empty() {
            return Ok(parts);
        }
        let ids = ids(runs.iter().map(|run| run.id));
        let rows = self.database.rows(sql, params![ids], |row| {
            Ok((RunId(number(row.get(0)?)), read(row)?))
        })?;
        for (run, part) in rows {
            parts.entry(run).or_default().extend(part);
        }
        Ok(parts)
    }
}

/// A JSON list of ids.
fn ids(runs: impl Iterator<Item = RunId>) -> String {
    let ids: BTreeSet<i64> = runs.map(row).collect();
    format!("[{}]", list(&ids))
}

fn list(numbers: &BTreeSet<i64>) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    numbers.join(", ")
}

fn day(micros: i64) -> i64 {
    micros.div_euclid(MICROS_PER_DAY)
}

fn read_run(row: &SqlRow<'_>) -> rusqlite::Result<RunWithAttempts> {
    let prefix: String = row.get(12)?;
    let tells_of: Option<i64> = row.get(6)?;
    let run = TracedRun {
        id: RunId(number(row.get(0)?)),
        rule: row.get(1)?,
        state: row.get(2)?,
        planned: time(row.get(3)?),
        changed: time(row.get(4)?),
        generation: row.get(5)?,
        tells_of: tells_of.map(|run| RunId(number(run))),
        source: row.get(7)?,
        endpoint: row.get(8)?,
        event_type: row.get(9)?,
        event: row.get(10)?,
        received: time(row.get(11)?),
        trace: trace_of(&prefix),
        log: Vec::new(),
        requests: Vec::new(),
    };
    let attempts: i64 = row.get(13)?;
    Ok((run, usize::try_from(attempts).unwrap_or_default()))
}

fn read_entry(row: &SqlRow<'_>) -> rusqlite::Result<Option<TracedEntry>> {
    let kind: String = row.get(1)?;
    let at = time(row.get(4)?);
    Ok(Some(match kind.as_str() {
        "retried" => TracedEntry::Retried { at },
        "waiting" => {
            let until: Option<String> = row.get(7)?;
            let until = until.and_then(|until| until.parse().ok());
            TracedEntry::Waiting {
                step: row.get(2)?,
                at,
                until: until.map_or(at, time),
            }
        }
        "started" => TracedEntry::Started {
            step: row.get(2)?,
            number: row.get(3)?,
            at,
        },
        "attempt" => TracedEntry::Attempt(TracedAttempt {
            step: row.get(2)?,
            number: row.get(3)?,
            started: at,
            took: Duration::from_micros(number(row.get(5)?)),
            failure: failure(row)?,
        }),
        _ => return Ok(None),
    }))
}

fn failure(row: &SqlRow<'_>) -> rusqlite::Result<Option<TracedFailure>> {
    let detail: Option<String> = row.get(7)?;
    let Some(detail) = detail else {
        return Ok(None);
    };
    let detail = json(&detail, "log of a run");
    let detail = detail.map_err(|_: RowError| rusqlite::Error::InvalidQuery)?;
    let status = detail["status"].as_u64();
    Ok(Some(TracedFailure {
        message: detail["message"].as_str().unwrap_or_default().to_owned(),
        status: status.and_then(|status| u16::try_from(status).ok()),
    }))
}

fn read_request(row: &SqlRow<'_>) -> rusqlite::Result<TracedRequest> {
    Ok(TracedRequest {
        step: row.get(1)?,
        attempt: row.get(2)?,
        started: time(row.get(3)?),
        method: row.get(4)?,
        url: row.get(5)?,
        status: row.get(6)?,
    })
}
