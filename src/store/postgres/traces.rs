//! The table of runs that have ended and whose traces are not exported yet, of all daemons. Each daemon exports the runs that
//! ended on it, and takes those of daemons that are no longer live.

use jiff::Timestamp;

use super::error::PostgresError;
use super::executor::Executor;
use super::session::{Param, Pipeline};
use crate::store::sqlite::codec::{micros, time};
use crate::store::{StoreError, UntracedRun};
use flowtrigger_core::run::RunId;

/// Rows of other daemons that are taken at once.
const MAX_TAKEN: i64 = 10_000;

fn failed(error: impl Into<PostgresError>) -> StoreError {
    StoreError::from(error.into())
}

impl Executor {
    /// The runs of this daemon that ended up to a time, the oldest first. If it has few, it takes those of daemons that are
    /// no longer live.
    pub async fn untraced_runs(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<UntracedRun>, StoreError> {
        let own = self.own_untraced(until, limit).await?;
        if own.len() >= limit || !self.take_untraced().await? {
            return Ok(own);
        }
        self.own_untraced(until, limit).await
    }

    async fn own_untraced(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<UntracedRun>, StoreError> {
        let daemon = self.shared.member().daemon;
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "SELECT ended, run FROM untraced_runs WHERE daemon = $1 AND ended <= $2
            ORDER BY ended LIMIT $3";
        let params = vec![
            Param::int(daemon),
            Param::int(micros(until)),
            Param::int(i64::try_from(limit).unwrap_or(i64::MAX)),
        ];
        let rows = session.query(sql, params).await.map_err(failed)?;
        let read = rows.iter().map(|row| {
            let (ended, run): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(UntracedRun {
                ended: time(ended),
                run: RunId(run.unsigned_abs()),
            })
        });
        read.collect::<Result<_, tokio_postgres::Error>>()
            .map_err(failed)
    }

    /// Takes the runs of daemons that are no longer live. True if there are any.
    async fn take_untraced(&mut self) -> Result<bool, StoreError> {
        let daemon = self.shared.member().daemon;
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "WITH taken AS (
                UPDATE untraced_runs SET daemon = $1 WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM untraced_runs WHERE daemon <> $1
                        AND daemon NOT IN (SELECT id FROM daemons WHERE live = 1)
                    LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING 1)
            SELECT count(*) FROM taken";
        let params = vec![Param::int(daemon), Param::int(MAX_TAKEN)];
        let rows = session.query(sql, params).await.map_err(failed)?;
        let taken: i64 = match rows.first() {
            Some(row) => row.try_get(0).map_err(failed)?,
            None => 0,
        };
        Ok(taken > 0)
    }

    pub async fn forget_untraced(&mut self, runs: Vec<UntracedRun>) -> Result<(), StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        // Whose row it is does not matter: it was exported.
        let sql =
            "DELETE FROM untraced_runs USING unnest($1::bigint[], $2::bigint[]) AS old(ended, run)
            WHERE untraced_runs.ended = old.ended AND untraced_runs.run = old.run
                AND untraced_runs.daemon = $3";
        let params = vec![
            Param::ints(runs.iter().map(|untraced| micros(untraced.ended))),
            Param::ints(runs.iter().map(|untraced| untraced.run.0 as i64)),
            Param::int(self.shared.member().daemon),
        ];
        session.query(sql, params).await.map_err(failed)?;
        Ok(())
    }

    /// Forgets the oldest runs of this daemon beyond a number, and returns how many they were.
    pub async fn limit_untraced(&mut self, most: usize) -> Result<u64, StoreError> {
        let daemon = self.shared.member().daemon;
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "WITH forgotten AS (
                DELETE FROM untraced_runs WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM untraced_runs WHERE daemon = $1 ORDER BY ended DESC OFFSET $2))
                RETURNING 1)
            SELECT count(*) FROM forgotten";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut pipeline = Pipeline::default();
        let number = pipeline.query(sql, vec![Param::int(daemon), Param::int(most)]);
        let answers = session.run(&pipeline).await.map_err(failed)?;
        let forgotten: i64 = match answers[number].first() {
            Some(row) => row.try_get(0).map_err(failed)?,
            None => 0,
        };
        Ok(forgotten.unsigned_abs())
    }
}
