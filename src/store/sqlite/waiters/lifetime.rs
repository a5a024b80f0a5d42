//! What becomes of waiters with their run: a deadline when the step begins, their end with the run, their return with a
//! retry, and their deletion.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use super::plan::LOOKBACK;
use crate::store::StoreError;
use crate::store::awaited::indexed_value;
use crate::store::sqlite::codec::load_error::RowLoadError;
use crate::store::sqlite::codec::micros;
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// How long events are compared with a step that has expired, and with a run that may be retried.
pub const KEEP_CLOSED: SignedDuration = SignedDuration::from_hours(24);

/// Steps whose waiters one maintenance changes.
const STEPS_PER_JOB: i64 = 5_000;

/// The fact that has the number of open waiters, so that a start reads none of them.
pub const WAITERS: &str = "waiters";

impl WriteTransaction<'_> {
    /// Sets the deadlines of steps that begin with these log entries.
    pub fn set_deadlines(&self, run: RunId, entries: &[LogEntry]) -> Result<(), StoreError> {
        for entry in entries {
            let LogEntry::Waiting { step, until, .. } = entry else {
                continue;
            };
            self.connection
                .prepare_cached("UPDATE waiters SET deadline = ?3 WHERE run = ?1 AND step = ?2")?
                .execute(params![run.0 as i64, step, micros(*until)])?;
        }
        Ok(())
    }

    /// Closes the waiters of a run that has come to this state. A run that may be retried still collects what comes for it
    /// for some time, so that a retry misses nothing.
    pub fn close_waiters(
        &mut self,
        run: RunId,
        state: &RunState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_over = state.is_final() && !matches!(state, RunState::Held { .. });
        if !is_over || self.has_no_waiters() {
            return Ok(());
        }
        let closed = self
            .connection
            .prepare_cached(
                "UPDATE waiters SET closed = ?2, value = CASE WHEN ?3 THEN value END
                 WHERE run = ?1 AND closed IS NULL",
            )?
            .execute(params![run.0 as i64, micros(now), state.can_revive()])?;
        self.count_waiters(-(closed as i64))
    }

    /// Opens the waiters of steps that are not decided yet, for a run that is retried.
    pub fn reopen_waiters(&mut self, run: RunId) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM waiters WHERE run = ?1 AND closed IS NOT NULL";
        let has_closed = self.connection.prepare_cached(sql)?;
        if !{ has_closed }.exists([run.0 as i64])? {
            return Ok(());
        }
        let sql = "SELECT event, rule FROM runs WHERE id = ?1";
        let rows = self.connection.prepare_cached(sql)?;
        let (event, rule): (i64, i64) =
            { rows }.query_row([run.0 as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let loaded = self
            .event(event)
            .and_then(|event| Ok((event, self.rule(rule)?)));
        let (event, rule) = match loaded {
            Ok(loaded) => loaded,
            Err(RowLoadError::Unavailable(error)) => return Err(error.into()),
            // The run is held when it is claimed, with this reason.
            Err(RowLoadError::Corrupt(_)) => return Ok(()),
        };
        let mut opened = 0;
        for waiter in rule.waiters_of(&event) {
            if self.decided_by(run, &waiter.step)?.is_some() {
                continue;
            }
            opened += self
                .connection
                .prepare_cached(
                    "UPDATE waiters SET closed = NULL, value = ?4
                     WHERE run = ?1 AND step = ?2 AND number = ?3 AND closed IS NOT NULL",
                )?
                .execute(params![
                    run.0 as i64,
                    waiter.step,
                    waiter.number,
                    indexed_value(&waiter.value)
                ])?;
        }
        self.count_waiters(opened as i64)
    }

    /// Whether no waiter of any run is open. The number is not known where another database has the rows.
    fn has_no_waiters(&self) -> bool {
        self.state.reserved.is_none() && self.state.waiters == 0
    }

    /// Counts open waiters that were added, or taken away.
    pub fn count_waiters(&mut self, by: i64) -> Result<(), StoreError> {
        if by == 0 {
            return Ok(());
        }
        self.state.waiters += by;
        if self.state.reserved.is_none() {
            self.connection
                .prepare_cached(
                    "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + ?3",
                )?
                .execute(params![WAITERS, self.state.waiters, by])?;
        }
        Ok(())
    }

    /// Ends the comparison of events with what was closed long ago, and forgets events that no run looks back at.
    pub fn forget_closed(&self, now: Timestamp) -> Result<(), StoreError> {
        let old: Vec<(i64, String)> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT DISTINCT run, step FROM waiters
                 WHERE closed < ?1 AND closed IS NOT NULL AND value IS NOT NULL LIMIT ?2",
            )?;
            let until = micros(now - KEEP_CLOSED);
            let steps = statement
                .query_map([until, STEPS_PER_JOB], |row| Ok((row.get(0)?, row.get(1)?)))?;
            steps.collect::<Result<_, _>>()?
        };
        for (run, step) in old {
            self.connection
                .prepare_cached("UPDATE waiters SET value = NULL WHERE run = ?1 AND step = ?2")?
                .execute(params![run, step])?;
        }
        self.connection
            .prepare_cached("DELETE FROM recent_events WHERE at < ?1")?
            .execute([micros(now - LOOKBACK)])?;
        Ok(())
    }

    /// Deletes what is kept of a run's waits, with the run.
    pub fn delete_waiters(&self, run: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM waiters WHERE run = ?1",
            "DELETE FROM inbox WHERE run = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([run])?;
        }
        Ok(())
    }
}
