//! The table of ticks: when each rule with `every` ticked last.

use jiff::Timestamp;
use rusqlite::params;

use super::transaction::WriteTransaction;
use crate::store::{LastTick, StoreError};

impl WriteTransaction<'_> {
    /// The last tick of each rule, by name.
    pub fn last_ticks(&self) -> Result<Vec<LastTick>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT rule, expression, last FROM ticks ORDER BY rule")?;
        let rows = statement.query_map([], |row| {
            Ok(LastTick {
                rule: row.get(0)?,
                expression: row.get(1)?,
                at: Timestamp::from_microsecond(row.get(2)?).unwrap_or_default(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps the last ticks of some rules, and deletes those of others.
    pub fn write_ticks(&mut self, ticks: &[LastTick], gone: &[String]) -> Result<(), StoreError> {
        for tick in ticks {
            self.connection
                .prepare_cached(
                    "INSERT INTO ticks (rule, expression, last) VALUES (?1, ?2, ?3)
                     ON CONFLICT (rule) DO UPDATE SET expression = ?2, last = ?3",
                )?
                .execute(params![
                    tick.rule,
                    tick.expression,
                    tick.at.as_microsecond()
                ])?;
        }
        for rule in gone {
            self.connection
                .prepare_cached("DELETE FROM ticks WHERE rule = ?1")?
                .execute([rule])?;
        }
        Ok(())
    }
}
