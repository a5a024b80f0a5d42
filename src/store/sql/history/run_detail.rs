//! One run with everything that belongs to it: its event, its rule, its log, its gates and the runs beside it.

use super::runs::{number, row};
use super::{HistoryDatabase, SqlHistory};
use crate::store::RowError;
use crate::store::history::{
    DeathNotice, EventRowId, GateAdmission, History, HistoryError, Page, RuleAtPlanning, RunDetail,
    RunFilter, RunRow,
};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::{self, time};
use crate::store::sqlite::transaction::config_source;
use flowtrigger_core::loop_guard::stopped;
use flowtrigger_core::run::{LogEntry, RunId};

/// Runs of a chain that are read.
const MAX_CHAIN_ROWS: usize = 12;

/// The columns of a run that its line does not have.
struct RunDetailRow {
    event: i64,
    rule: i64,
    lane: Option<String>,
    generation: u32,
    error: Option<String>,
    asks: Option<String>,
    ready: Option<i64>,
    suspect: bool,
    crashes: u32,
    queue: i64,
}

const REST: &str = "event, rule, lane, generation, error, asks, ready, suspect, crashes, queue";

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn run_detail(&self, run: RunId) -> Result<Option<RunDetail>, HistoryError> {
        let Some(line) = self.list_runs(&RunFilter::one(run), Page::first(1))?.pop() else {
            return Ok(None);
        };
        let sql = format!("SELECT {REST} FROM runs WHERE id = ?1");
        let Some(rest) = self.database.first(&sql, params![row(run)], rest)? else {
            return Ok(None);
        };
        let Some(arrived) = self.find_event(EventRowId(rest.event))? else {
            return Ok(None);
        };
        Ok(Some(RunDetail {
            rule: self.rule_at_planning(rest.rule)?,
            charges: self.admissions(run)?,
            window: self.window_of(run)?,
            log: self.log(run)?,
            chain: self.chain_of(&line)?,
            behind: self.blocked_by(&rest)?,
            commands: self.list_commands_of(run)?,
            waits: self.waiters_of_run(run)?,
            told_by: self.reported_by(&line, rest.event)?,
            asks: codec::gate_checks::decode_checks(rest.asks.as_deref())?,
            error: codec::error(rest.error.as_deref())?,
            row: line,
            arrived,
            lane: rest.lane,
            generation: rest.generation,
            suspect: rest.suspect,
            crashes: rest.crashes,
        }))
    }

    fn chain_of(&self, run: &RunRow) -> Result<Vec<RunRow>, HistoryError> {
        match stopped(&run.state) {
            Some(_) => self.causes(run.lineage, MAX_CHAIN_ROWS),
            None => Ok(Vec::new()),
        }
    }

    fn rule_at_planning(&self, rule: i64) -> Result<RuleAtPlanning, HistoryError> {
        let found = self
            .database
            .first(codec::STORED_RULE, params![rule], codec::stored_rule)?;
        let (kept, config) = found.ok_or(RowError("rule of a run"))?;
        let config = config_source(&self.database, config)??;
        Ok(RuleAtPlanning::compile(kept, config))
    }

    fn log(&self, run: RunId) -> Result<Vec<LogEntry>, HistoryError> {
        let sql = "SELECT kind, step, attempt, at, took, outcome, detail FROM log_entries
            WHERE run = ?1 ORDER BY number LIMIT 100000";
        self.database
            .rows(sql, params![row(run)], codec::log_entry::log_entry)
    }

    fn admissions(&self, run: RunId) -> Result<Vec<GateAdmission>, HistoryError> {
        let sql = "SELECT gate, value, at, until FROM gate_admissions
            WHERE run = ?1 AND gate NOT IN ('loop_update', 'loop_notice') ORDER BY gate LIMIT 100";
        self.database.rows(sql, params![row(run)], |row| {
            Ok(GateAdmission {
                gate: row.get(0)?,
                value: row.get(1)?,
                at: time(row.get(2)?),
                until: time(row.get(3)?),
            })
        })
    }

    fn blocked_by(&self, rest: &RunDetailRow) -> Result<Option<RunId>, HistoryError> {
        if rest.ready != Some(0) {
            return Ok(None);
        }
        let sql = "SELECT owner FROM lanes WHERE queue = ?1 AND value = ?2";
        let owner = self
            .database
            .first(sql, params![rest.queue, rest.lane.as_deref()], |row| {
                row.get(0)
            })?;
        Ok(owner.map(|run| RunId(number(run))))
    }

    fn reported_by(&self, run: &RunRow, event: i64) -> Result<Option<DeathNotice>, HistoryError> {
        if run.told_by.is_some() {
            return Ok(run.told_by);
        }
        // Earlier versions did not note it.
        let sql = "SELECT id FROM runs WHERE event = ?1 AND CAST(json_extract(error, '$.run') AS BIGINT) = ?2
                AND json_extract(error, '$.receiver') IS NULL
            ORDER BY id DESC LIMIT 1";
        let found: Option<i64> = self
            .database
            .first(sql, params![event, row(run.id)], |row| row.get(0))?;
        let notices = self.death_notices(&found.into_iter().collect())?;
        Ok(notices.into_values().next())
    }
}

fn rest(row: &SqlRow<'_>) -> rusqlite::Result<RunDetailRow> {
    Ok(RunDetailRow {
        event: row.get(0)?,
        rule: row.get(1)?,
        lane: row.get(2)?,
        generation: row.get(3)?,
        error: row.get(4)?,
        asks: row.get(5)?,
        ready: row.get(6)?,
        suspect: row.get(7)?,
        crashes: row.get(8)?,
        queue: row.get(9)?,
    })
}
