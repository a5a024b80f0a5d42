//! Keeps what is suspended, finds the runs that wait for it, and queues them again.

use rusqlite::{OptionalExtension, params};

use super::codec;
use super::transaction::WriteTransaction;
use crate::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use crate::store::{RowError, StoreError};
use flowtrigger_core::run::{RunId, RunState};

/// All suspensions.
pub const SUSPENSIONS: &str = "SELECT target, version, content FROM suspensions ORDER BY target";

/// Parked runs by target, and when the first of each began to wait.
pub const PARKED: &str = "SELECT gate, count(*), min(changed) FROM runs
    WHERE state = 'retrying' AND gate IS NOT NULL GROUP BY gate ORDER BY gate";

impl WriteTransaction<'_> {
    pub fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        let mut statement = self.connection.prepare_cached(SUSPENSIONS)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let (target, content): (String, String) = (row.get(0)?, row.get(2)?);
            found.push(StoredSuspension::read(&target, row.get(1)?, &content)?);
        }
        Ok(found)
    }

    /// The version after the change; `None` if the row has another version than expected.
    pub fn change_suspension(&self, change: &SuspensionChange) -> Result<Option<i64>, StoreError> {
        let target = change.target.key();
        let current: Option<i64> = self
            .connection
            .prepare_cached("SELECT version FROM suspensions WHERE target = ?1")?
            .query_row([&target], |row| row.get(0))
            .optional()?;
        if current != change.expected {
            return Ok(None);
        }
        let version = codec::micros(self.now()).max(current.unwrap_or_default() + 1);
        match change.content() {
            Some(content) => self
                .connection
                .prepare_cached(
                    "INSERT INTO suspensions VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET version = excluded.version, content = excluded.content",
                )?
                .execute(params![target, version, content])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM suspensions WHERE target = ?1")?
                .execute([target])?,
        };
        Ok(Some(version))
    }

    pub fn parked(&self) -> Result<Vec<ParkedRuns>, StoreError> {
        let mut statement = self.connection.prepare_cached(PARKED)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let target: String = row.get(0)?;
            found.push(ParkedRuns {
                target: target
                    .parse()
                    .map_err(|_| RowError("target of a parked run"))?,
                count: row.get::<_, i64>(1)?.unsigned_abs(),
                since: codec::time(row.get(2)?),
            });
        }
        Ok(found)
    }

    pub fn parked_runs(&self, query: &ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        let position: Option<i64> = match query.after {
            Some(run) => self
                .connection
                .prepare_cached("SELECT position FROM runs WHERE id = ?1")?
                .query_row([run.0 as i64], |row| row.get(0))
                .optional()?,
            None => None,
        };
        let mut runs =
            self.parked_between(query, position.map_or(i64::MIN, |it| it + 1), i64::MAX)?;
        if let Some(position) = position {
            runs.extend(self.parked_between(query, i64::MIN, position)?);
        }
        runs.truncate(query.limit as usize);
        Ok(runs)
    }

    fn parked_between(
        &self,
        query: &ParkedQuery,
        first: i64,
        last: i64,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM runs WHERE state = 'retrying' AND gate = ?1 AND position BETWEEN ?2 AND ?3
             ORDER BY position LIMIT ?4",
        )?;
        let runs = statement.query_map(
            params![query.target.key(), first, last, query.limit],
            |row| row.get::<_, i64>(0),
        )?;
        let runs = runs.map(|run| Ok(RunId(run?.unsigned_abs())));
        runs.collect()
    }

    /// Queues those of the runs that wait for the target. Returns how many.
    pub fn release(&mut self, release: &Release) -> Result<u32, StoreError> {
        let key = release.target.key();
        let mut released = 0;
        for run in &release.runs {
            let waits = self
                .connection
                .prepare_cached(
                    "SELECT 1 FROM runs WHERE id = ?1 AND state = 'retrying' AND gate = ?2",
                )?
                .exists(params![run.0 as i64, key])?;
            if waits {
                self.transition(*run, &RunState::Queued, release.now)?;
                released += 1;
            }
        }
        Ok(released)
    }
}
