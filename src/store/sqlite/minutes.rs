//! The table of minutes: adds the numbers of one, reads the last ones, and deletes the oldest.

use rusqlite::{OptionalExtension, params};

use super::codec::minute::{decode_minute, encode_minute};
use super::transaction::WriteTransaction;
use crate::store::{Minute, StoreError};

/// Minutes that are kept at most, whatever the clock says: those of 7 days.
const MAX_MINUTES: i64 = 7 * 1_440;
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// The numbers since a minute, the oldest first.
pub const SINCE: &str = "SELECT content FROM minutes WHERE minute >= ?1 ORDER BY minute LIMIT ?2";
pub const DELETE_OLD_MINUTES: &str = "DELETE FROM minutes WHERE minute < ?1
    OR minute <= (SELECT minute FROM minutes ORDER BY minute DESC LIMIT 1 OFFSET ?2)";

impl WriteTransaction<'_> {
    /// Writes the numbers of a minute, together with those that were written for it before.
    pub fn write_minute(&mut self, mut minute: Minute) -> Result<(), StoreError> {
        let earlier: Option<String> = self
            .connection
            .prepare_cached("SELECT content FROM minutes WHERE minute = ?1")?
            .query_row([minute.minute], |row| row.get(0))
            .optional()?;
        if let Some(earlier) = earlier {
            minute.add_earlier(&decode_minute(&earlier)?);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO minutes (minute, content) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET content = ?2",
            )?
            .execute(params![minute.minute, encode_minute(&minute)])?;
        Ok(())
    }

    pub fn minutes_since(&self, minute: i64) -> Result<Vec<Minute>, StoreError> {
        let mut statement = self.connection.prepare_cached(SINCE)?;
        let rows = statement.query_map([minute, MAX_MINUTES], |row| row.get::<_, String>(0))?;
        let mut minutes = Vec::new();
        for content in rows {
            minutes.push(decode_minute(&content?)?);
        }
        Ok(minutes)
    }

    /// Deletes the minutes before a time in microseconds, and those beyond the limit.
    pub fn delete_minutes_before(&self, until: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(DELETE_OLD_MINUTES)?
            .execute([until.div_euclid(MICROS_PER_MINUTE), MAX_MINUTES])?;
        Ok(())
    }
}
