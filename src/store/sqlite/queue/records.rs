//! Reads runs as they are now, for the engine and for commands to a running daemon.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::store::sqlite::codec::{self, micros};
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{RevisionId, RunRecord, RunStatus, StoreError};
use flowtrigger_core::run::{RunId, RunState, STATES};

impl WriteTransaction<'_> {
    pub fn run_state(&self, run: RunId) -> Result<RunState, StoreError> {
        let columns = self
            .connection
            .prepare_cached("SELECT state, why, gate, due FROM runs WHERE id = ?1")?
            .query_row([run.0 as i64], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                ))
            })
            .optional()?
            .ok_or(StoreError::UnknownRun(run.0))?;
        let (state, why, gate, due) = columns;
        Ok(codec::state(&state, why, gate, due)?)
    }

    pub fn status(&self, run: RunId) -> Result<RunStatus, StoreError> {
        let rule: String = self
            .connection
            .prepare_cached(
                "SELECT queues.rule FROM runs JOIN queues ON queues.id = runs.queue WHERE runs.id = ?1",
            )?
            .query_row([run.0 as i64], |row| row.get(0))?;
        Ok(RunStatus {
            id: run,
            rule: rule.into(),
            state: self.run_state(run)?,
        })
    }

    /// The runs of an event, the oldest first.
    pub fn statuses_of(&self, event: i64) -> Result<Vec<RunStatus>, StoreError> {
        self.ids("SELECT id FROM runs WHERE event = ?1 ORDER BY id", [event])?
            .into_iter()
            .map(|run| self.status(run))
            .collect()
    }

    fn ids(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<RunId>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let ids = statement.query_map(parameters, |row| Ok(RunId(row.get::<_, i64>(0)? as u64)))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Runs that are not over, the oldest first.
    pub fn unfinished(&self, limit: usize) -> Result<Vec<RunStatus>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.ids(
            "SELECT id FROM runs WHERE state IN ('queued', 'debouncing', 'running', 'retrying', 'waiting')
             ORDER BY id LIMIT ?1",
            [limit],
        )?
        .into_iter()
        .map(|run| self.status(run))
        .collect()
    }

    pub fn record(&mut self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        let columns = self
            .connection
            .prepare_cached(
                "SELECT runs.event, rule, lane, generation, error, received, revision, depth, cause
                 FROM runs JOIN events ON events.id = runs.event WHERE runs.id = ?1",
            )?
            .query_row([run.0 as i64], |row| {
                let error: Option<String> = row.get(4)?;
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    error,
                    row.get::<_, i64>(5)?,
                    row.get::<_, i64>(6)?,
                    codec::lineage(row.get(7)?, row.get(8)?),
                ))
            })
            .optional()?;
        let Some((event, rule, lane, generation, error, received, revision, lineage)) = columns
        else {
            return Ok(None);
        };
        let (event, rule) = (self.event(event)?, self.rule(rule)?);
        Ok(Some(RunRecord {
            id: run,
            events: match error {
                None => self.events_of(run.0 as i64, &rule, &event)?,
                Some(_) => Vec::new(),
            },
            event,
            rule,
            received: codec::time(received),
            revision: RevisionId(revision as u64),
            lane,
            generation,
            error: codec::error(error.as_deref())?,
            lineage,
            state: self.run_state(run)?,
            log: self.log(run.0 as i64)?,
        }))
    }

    pub fn runs_of(&mut self, endpoint: &str, event: &str) -> Result<Vec<RunRecord>, StoreError> {
        let runs = self.ids(
            "SELECT runs.id FROM events JOIN runs ON runs.event = events.id
             WHERE endpoint = ?1 AND event_id = ?2 AND matched = 1 ORDER BY runs.id",
            params![endpoint, event],
        )?;
        let mut records = Vec::with_capacity(runs.len());
        for run in runs {
            records.extend(self.record(run)?);
        }
        Ok(records)
    }

    /// When the next run is due.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = self
            .connection
            .prepare_cached("SELECT min(due) FROM runs WHERE due IS NOT NULL")?
            .query_row([], |row| row.get(0))?;
        Ok(due.map(codec::time))
    }

    pub fn has_queued_before(&self, time: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM runs WHERE state = 'queued' AND changed < ?1 LIMIT 1";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .exists([micros(time)])?)
    }

    /// When the queued run was queued that was planned first: for one look at an index.
    pub fn oldest_queued_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let since: Option<i64> = self
            .connection
            .prepare_cached("SELECT changed FROM runs WHERE state = 'queued' ORDER BY id LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(since.map(codec::time))
    }

    /// Runs by state; states without runs are left out.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counts = STATES.iter().filter_map(|state| {
            let count = self.state.counts.get(state)?;
            Some((*state, u64::try_from(*count).ok()?))
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }
}
