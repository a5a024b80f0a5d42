//! Replays of stored events within a commit: the event that is meant, its next generation, and the runs that the same
//! replay has planned before.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::transaction::WriteTransaction;
use crate::store::history::EventRowId;
use crate::store::{PlannedRun, ReplayId, RunStatus, SeenRuns, StoreError, UnfinishedRuns};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;

impl WriteTransaction<'_> {
    /// An event that led to no run until now leads to runs: from now on a repeat of it is a redelivery. That it matched
    /// no rule when it was received stays known.
    pub fn mark_matched(&mut self, EventRowId(row): EventRowId) -> Result<i64, StoreError> {
        let sql = "UPDATE events SET matched = 1, had_runs = 0,
                received_unmatched = max(received_unmatched, had_runs = 0)
            WHERE id = ?1 AND matched = 0 RETURNING size";
        let size: Option<i64> = self
            .connection
            .prepare_cached(sql)?
            .query_row([row], |row| row.get(0))
            .optional()?;
        self.state.archived -= size.ok_or(StoreError::UnknownEvent)?;
        Ok(row)
    }

    /// The event of a row; `None` if it has been deleted.
    pub fn stored_event(
        &mut self,
        EventRowId(row): EventRowId,
    ) -> Result<Option<Arc<Event>>, StoreError> {
        let sql = "SELECT 1 FROM events WHERE id = ?1";
        let found = self.connection.prepare_cached(sql)?.exists([row])?;
        Ok(found.then(|| self.event(row)).transpose()?)
    }

    /// A generation that no run of the event has or had.
    pub fn next_generation(&self, event: i64) -> Result<u32, StoreError> {
        let sql = "SELECT max(last_generation, coalesce(
                (SELECT max(generation) FROM runs WHERE event = ?1), 0)) + 1
            FROM events WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([event], |row| row.get(0))?)
    }

    /// The run that the replay has planned before for the event and the rule.
    pub fn replayed_run(
        &mut self,
        event: i64,
        planned: &PlannedRun,
        ReplayId(replay): ReplayId,
    ) -> Result<Option<RunStatus>, StoreError> {
        let queue = self.queue(&planned.rule.name)?;
        let run: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM runs INDEXED BY runs_by_event
                 WHERE event = ?1 AND queue = ?2 AND replay = ?3 LIMIT 1",
            )?
            .query_row(params![event, queue, replay as i64], |row| row.get(0))
            .optional()?;
        run.map(|run| self.status(RunId(run as u64))).transpose()
    }

    /// The run of the event and the rule that stands in for a planned one: planned by another command since the replay
    /// has read the event, or unfinished.
    pub fn run_instead(
        &mut self,
        event: i64,
        planned: &PlannedRun,
        SeenRuns { newest, unfinished }: SeenRuns,
    ) -> Result<Option<RunStatus>, StoreError> {
        let queue = self.queue(&planned.rule.name)?;
        let newest = newest.map_or(0, |RunId(run)| run as i64);
        let may_continue = match unfinished {
            UnfinishedRuns::Continue => 1,
            UnfinishedRuns::PlanBeside => 0,
        };
        let run: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM runs INDEXED BY runs_by_event
                 WHERE event = ?1 AND queue = ?2 AND error IS NULL AND (id > ?3 OR (?4 AND
                     state IN ('queued', 'debouncing', 'running', 'retrying', 'waiting')))
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(params![event, queue, newest, may_continue], |row| {
                row.get(0)
            })
            .optional()?;
        run.map(|run| self.status(RunId(run as u64))).transpose()
    }
}
