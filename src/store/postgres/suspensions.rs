//! Keeps what is suspended, and finds the runs that wait for it: rows that all daemons share.

use tokio_postgres::Row;

use super::error::PostgresError;
use super::executor::Executor;
use super::session::Param;
use crate::store::sqlite::codec;
use crate::store::suspension::{ParkedQuery, ParkedRuns, StoredSuspension, SuspensionChange};
use crate::store::{RowError, StoreError};
use flowtrigger_core::run::RunId;

const CHANGE: &str = "UPDATE suspensions SET content = $2,
    version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    WHERE target = $1 AND version = $3 RETURNING version";

const ADD: &str = "INSERT INTO suspensions (target, content, version)
    VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    ON CONFLICT DO NOTHING RETURNING version";

const DELETE: &str = "DELETE FROM suspensions WHERE target = $1 AND version = $2 RETURNING version";

const PARKED: &str = "SELECT gate, count(*), min(changed) FROM live_runs
    WHERE state = 'retrying' AND gate IS NOT NULL GROUP BY gate ORDER BY gate";

/// The runs behind the position of `$2`, then those before it.
const PARKED_RUNS: &str = "WITH last AS (SELECT coalesce(
        (SELECT position FROM live_runs WHERE id = $2),
        (SELECT position FROM ended_runs WHERE id = $2), -1)::bigint AS position)
    SELECT id FROM (
        (SELECT id, position, 0 AS part FROM live_runs WHERE state = 'retrying' AND gate = $1
            AND position > (SELECT position FROM last) ORDER BY position LIMIT $3)
        UNION ALL
        (SELECT id, position, 1 AS part FROM live_runs WHERE state = 'retrying' AND gate = $1
            AND position <= (SELECT position FROM last) ORDER BY position LIMIT $3)) AS parked
    ORDER BY part, position LIMIT $3";

impl Executor {
    pub async fn suspensions(&mut self) -> Result<Vec<StoredSuspension>, StoreError> {
        let sql = "SELECT target, version, content FROM suspensions ORDER BY target";
        let rows = self.rows(sql, Vec::new()).await?;
        let read = |row: &Row| {
            let (target, content): (String, String) = (
                row.try_get(0).map_err(column)?,
                row.try_get(2).map_err(column)?,
            );
            let version = row.try_get(1).map_err(column)?;
            Ok(StoredSuspension::read(&target, version, &content)?)
        };
        rows.iter().map(read).collect()
    }

    pub async fn change_suspension(
        &mut self,
        change: SuspensionChange,
    ) -> Result<Option<i64>, StoreError> {
        let target = Param::text(change.target.key());
        let (sql, params) = match (change.content(), change.expected) {
            (Some(content), Some(version)) => (
                CHANGE,
                vec![target, Param::text(content), Param::int(version)],
            ),
            (Some(content), None) => (ADD, vec![target, Param::text(content)]),
            (None, Some(version)) => (DELETE, vec![target, Param::int(version)]),
            (None, None) => return Ok(Some(0)),
        };
        let rows = self.rows(sql, params).await?;
        let version = rows.first().map(|row| row.try_get(0).map_err(column));
        version.transpose()
    }

    pub async fn parked(&mut self) -> Result<Vec<ParkedRuns>, StoreError> {
        let rows = self.rows(PARKED, Vec::new()).await?;
        let read = |row: &Row| {
            let target: String = row.try_get(0).map_err(column)?;
            let count: i64 = row.try_get(1).map_err(column)?;
            Ok(ParkedRuns {
                target: target
                    .parse()
                    .map_err(|_| RowError("target of a parked run"))?,
                count: count.unsigned_abs(),
                since: codec::time(row.try_get(2).map_err(column)?),
            })
        };
        rows.iter().map(read).collect()
    }

    pub async fn parked_runs(&mut self, query: ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        let after = query.after.map_or(-1, super::id);
        let params = vec![
            Param::text(query.target.key()),
            Param::int(after),
            Param::int(i64::from(query.limit)),
        ];
        let runs = self.run_ids(PARKED_RUNS, params).await?;
        Ok(runs
            .into_iter()
            .map(|run| RunId(run.unsigned_abs()))
            .collect())
    }

    async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, StoreError> {
        let session = self.connector.session().await.map_err(StoreError::from)?;
        session.query(sql, params).await.map_err(StoreError::from)
    }
}

fn column(error: tokio_postgres::Error) -> StoreError {
    PostgresError::from(error).into()
}
