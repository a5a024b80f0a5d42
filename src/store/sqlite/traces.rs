//! The table of runs that have ended and whose traces are not exported yet. The end of a run is noted in the transaction
//! that ends it, and only if an exporter is configured.

use jiff::Timestamp;
use rusqlite::params;

use super::codec::{micros, time};
use super::transaction::WriteTransaction;
use crate::store::{StoreError, UntracedRun};
use flowtrigger_core::run::{RunId, RunState};

/// The runs that ended up to a time, the oldest first.
pub const UNTRACED: &str =
    "SELECT ended, run FROM untraced_runs WHERE ended <= ?1 ORDER BY ended, run LIMIT ?2";
/// Deletes all but the newest rows.
pub const DELETE_OLDEST_UNTRACED: &str = "DELETE FROM untraced_runs WHERE (ended, run) <= (
    SELECT ended, run FROM untraced_runs ORDER BY ended DESC, run DESC LIMIT 1 OFFSET ?1)";

impl WriteTransaction<'_> {
    /// Notes that a run stays in its state unless a person acts.
    pub fn note_untraced(
        &self,
        run: RunId,
        state: &RunState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !self.state.settings.traces || !state.is_final() {
            return Ok(());
        }
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO untraced_runs (ended, run) VALUES (?1, ?2)")?
            .execute(params![micros(now), run.0 as i64])?;
        Ok(())
    }

    pub fn untraced_runs(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<UntracedRun>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(UNTRACED)?;
        let rows = statement.query_map(params![micros(until), limit], |row| {
            Ok(UntracedRun {
                ended: time(row.get(0)?),
                run: RunId(row.get::<_, i64>(1)?.unsigned_abs()),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn forget_untraced(&self, runs: &[UntracedRun]) -> Result<(), StoreError> {
        let sql = "DELETE FROM untraced_runs WHERE ended = ?1 AND run = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        for UntracedRun { ended, run } in runs {
            statement.execute(params![micros(*ended), run.0 as i64])?;
        }
        Ok(())
    }

    /// Forgets the oldest runs beyond a number, and returns how many they were.
    pub fn limit_untraced(&self, most: usize) -> Result<u64, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(DELETE_OLDEST_UNTRACED)?;
        Ok(statement.execute([most])? as u64)
    }
}
