//! The log of a run in the file: its lines read back, new ones added behind them.
//! It refuses to change a line, and to say where the run stands.

use rusqlite::params;

use super::codec::{self, line_row};
use super::ledger::Ledger;
use crate::core::run::{CallFailure, Line, RunId};
use crate::store::StoreError;

impl Ledger<'_> {
    pub fn log(&self, run: i64) -> rusqlite::Result<Vec<Line>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind, step, try, at, took, outcome, detail FROM lines WHERE run = ?1
             ORDER BY number",
        )?;
        let lines = statement.query_map([run], codec::line)?;
        lines.collect()
    }

    pub fn write_lines(&self, run: RunId, lines: &[Line]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let id = run.0 as i64;
        let last: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(max(number), 0) FROM lines WHERE run = ?1")?
            .query_row([id], |row| row.get(0))?;
        for (number, row) in (last + 1..).zip(lines.iter().filter_map(line_row)) {
            self.connection
                .prepare_cached(
                    "INSERT INTO lines (run, number, kind, step, try, at, took, outcome, detail)
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
        // It came further: whatever ended the program before was not this.
        self.connection
            .prepare_cached(
                "UPDATE runs SET crashes = 0, attempts = attempts + ?2, failed = coalesce(?3, failed)
                 WHERE id = ?1",
            )?
            .execute(params![id, attempts(lines), last_failure(lines)])?;
        Ok(())
    }
}

fn attempts(lines: &[Line]) -> i64 {
    let attempts = lines.iter().filter_map(Line::attempt);
    attempts.filter(|attempt| !attempt.ends_an_item()).count() as i64
}

fn last_failure(lines: &[Line]) -> Option<&str> {
    let attempts = lines.iter().rev().filter_map(Line::attempt);
    attempts
        .filter_map(|attempt| match &attempt.outcome {
            Err(CallFailure { message, .. }) => Some(message.as_str()),
            Ok(_) => None,
        })
        .next()
}
