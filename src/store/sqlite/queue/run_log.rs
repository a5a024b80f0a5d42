//! The run log: reads it and appends entries. An entry is never changed.

use rusqlite::params;

use crate::store::StoreError;
use crate::store::sql::{self, SqlDatabase};
use crate::store::sqlite::codec::log_entry::{log_entry, log_row};
use crate::store::sqlite::transaction::WriteTransaction;
use flowtrigger_core::run::call_result::CallFailure;
use flowtrigger_core::run::{LogEntry, RunId};

impl WriteTransaction<'_> {
    pub fn log(&self, run: i64) -> rusqlite::Result<Vec<LogEntry>> {
        let sql = "SELECT kind, step, attempt, at, took, outcome, detail FROM log_entries
            WHERE run = ?1 ORDER BY number";
        self.connection.rows(sql, sql::params![run], log_entry)
    }

    /// Appends entries, and updates what is kept beside the log: how many attempts there were, and the
    /// message of the last one that failed.
    pub fn append_log(&self, run: RunId, entries: &[LogEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let id = run.0 as i64;
        let last: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(max(number), 0) FROM log_entries WHERE run = ?1")?
            .query_row([id], |row| row.get(0))?;
        for (number, row) in (last + 1..).zip(entries.iter().filter_map(log_row)) {
            self.connection
                .prepare_cached(
                    "INSERT INTO log_entries (run, number, kind, step, attempt, at, took, outcome, detail)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    id,
                    number,
                    row.kind,
                    row.step,
                    row.number,
                    row.at,
                    row.took,
                    row.outcome,
                    row.detail
                ])?;
        }
        // The run made progress, so earlier crashes were not caused by what it does next.
        self.connection
            .prepare_cached(
                "UPDATE runs SET crashes = 0, attempts = attempts + ?2, failed = coalesce(?3, failed)
                 WHERE id = ?1",
            )?
            .execute(params![id, count_attempts(entries), last_failure(entries)])?;
        Ok(())
    }
}

fn count_attempts(entries: &[LogEntry]) -> i64 {
    let attempts = entries.iter().filter_map(LogEntry::attempt);
    attempts.filter(|attempt| !attempt.ends_an_item()).count() as i64
}

fn last_failure(entries: &[LogEntry]) -> Option<&str> {
    let attempts = entries.iter().rev().filter_map(LogEntry::attempt);
    attempts
        .filter_map(|attempt| match &attempt.outcome {
            Err(CallFailure { message, .. }) => Some(message.as_str()),
            Ok(_) => None,
        })
        .next()
}
