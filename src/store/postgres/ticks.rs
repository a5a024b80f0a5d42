//! The table of ticks, which all daemons share: when each rule with `every` ticked last.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::error::PostgresError;
use super::executor::Executor;
use super::session::Param;
use crate::store::{LastTick, StoreError};

fn failed(error: PostgresError) -> StoreError {
    StoreError::from(error)
}

fn column(error: tokio_postgres::Error) -> StoreError {
    StoreError::from(PostgresError::from(error))
}

impl Executor {
    /// The last tick of each rule, by name.
    pub async fn last_ticks(&mut self) -> Result<Vec<LastTick>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "SELECT rule, expression, last FROM ticks ORDER BY rule";
        let rows = session.query(sql, Vec::new()).await.map_err(failed)?;
        let read = |row: &Row| {
            let last: i64 = row.try_get(2).map_err(column)?;
            Ok(LastTick {
                rule: row.try_get(0).map_err(column)?,
                expression: row.try_get(1).map_err(column)?,
                at: Timestamp::from_microsecond(last).unwrap_or_default(),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Keeps the last ticks of some rules, and deletes those of others.
    pub async fn write_ticks(
        &mut self,
        ticks: Vec<LastTick>,
        gone: Vec<String>,
    ) -> Result<(), StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        if !ticks.is_empty() {
            let sql = "INSERT INTO ticks (rule, expression, last)
                SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
                ON CONFLICT (rule) DO UPDATE SET expression = excluded.expression, last = excluded.last";
            let params = vec![
                Param::texts(ticks.iter().map(|tick| tick.rule.clone())),
                Param::texts(ticks.iter().map(|tick| tick.expression.clone())),
                Param::ints(ticks.iter().map(|tick| tick.at.as_microsecond())),
            ];
            session.query(sql, params).await.map_err(failed)?;
        }
        if !gone.is_empty() {
            let sql = "DELETE FROM ticks WHERE rule = ANY($1::text[])";
            let params = vec![Param::texts(gone)];
            session.query(sql, params).await.map_err(failed)?;
        }
        Ok(())
    }
}
