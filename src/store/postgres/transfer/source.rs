//! Reads the database of a data folder for a move: which runs and events are moved, and their rows.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Rows, params};

use super::tables::{KEPT_STATES, MovedTable};
use crate::store::postgres::cell::{Cell, Cells};
use crate::store::sqlite::codec::micros;

/// Redeliveries of events that were received within this time are recognised after a move without history.
const RECENT: SignedDuration = SignedDuration::from_hours(72);

/// Rows of one statement of the target, and about how many bytes of them.
const MAX_ROWS: usize = 1_000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The fact with the number of the move, so that a second command continues it.
const MOVE: &str = "move";

pub struct MoveSource {
    connection: Connection,
}

/// A row with the values of the columns that only the target has.
pub struct SourceRow {
    pub cells: Cells,
    pub more: Vec<i64>,
}

impl SourceRow {
    /// The bytes of its texts.
    pub fn size(&self) -> usize {
        let size = |cell: &Cell| match cell {
            Cell::Null | Cell::Int(_) => 8,
            Cell::Text(text) => text.len(),
            Cell::Blob(bytes) => bytes.len(),
        };
        self.cells.iter().map(size).sum()
    }
}

impl MoveSource {
    /// Opens the file, whose schema is that of this version.
    pub fn open(file: &Path) -> rusqlite::Result<Self> {
        let source = Self {
            connection: Connection::open(file)?,
        };
        source.select_rows(Timestamp::now())?;
        Ok(source)
    }

    /// Notes which rows are moved in any case.
    fn select_rows(&self, now: Timestamp) -> rusqlite::Result<()> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE moved_runs (id INTEGER PRIMARY KEY);
             CREATE TEMP TABLE moved_windows (id INTEGER PRIMARY KEY);
             CREATE TEMP TABLE moved_events (id INTEGER PRIMARY KEY);",
        )?;
        let recent = micros(now - RECENT);
        let now = micros(now);
        let run = |sql: &str, value: i64| self.connection.execute(sql, params![value]);
        run(
            &format!(
                "INSERT INTO moved_runs SELECT id FROM runs WHERE state IN {KEPT_STATES} AND ?1 = ?1"
            ),
            now,
        )?;
        // Runs that count at a gate now.
        run(
            "INSERT OR IGNORE INTO moved_runs
                SELECT run FROM gate_admissions WHERE until > ?1 AND run IN (SELECT id FROM runs)",
            now,
        )?;
        // Runs whose events count at a gate.
        run(
            "INSERT OR IGNORE INTO moved_runs
                SELECT run FROM counted_events WHERE ?1 = ?1 AND run IN (SELECT id FROM runs)",
            now,
        )?;
        run(
            "INSERT OR IGNORE INTO moved_runs SELECT runs.id FROM events JOIN runs ON runs.event = events.id
                WHERE events.matched = 1 AND events.received > ?1",
            recent,
        )?;
        run(
            "INSERT OR IGNORE INTO moved_runs
                SELECT run FROM windows WHERE open = 1 AND ?1 = ?1 AND run IN (SELECT id FROM runs)",
            now,
        )?;
        run(
            "INSERT INTO moved_windows SELECT id FROM windows
                WHERE ?1 = ?1 AND (open = 1 OR run IN moved_runs
                    OR id IN (SELECT gathering FROM runs WHERE id IN moved_runs))",
            now,
        )?;
        run(
            "INSERT INTO moved_events SELECT id FROM events WHERE matched = 1 AND received > ?1",
            recent,
        )?;
        run(
            "INSERT OR IGNORE INTO moved_events SELECT event FROM runs WHERE id IN moved_runs AND ?1 = ?1",
            now,
        )?;
        run(
            "INSERT OR IGNORE INTO moved_events
                SELECT event FROM gathered WHERE gathering IN moved_windows AND ?1 = ?1",
            now,
        )?;
        Ok(())
    }

    /// The number of the move, which is made once for a file.
    pub fn move_id(&self) -> rusqlite::Result<i64> {
        let sql = "SELECT value FROM facts WHERE name = ?1";
        let known = self.connection.query_row(sql, [MOVE], |row| row.get(0));
        if let Some(known) = known.optional()? {
            return Ok(known);
        }
        // Distinct folders are not moved in the same microsecond.
        let id = micros(Timestamp::now());
        let sql = "INSERT INTO facts VALUES (?1, ?2)";
        self.connection.execute(sql, params![MOVE, id])?;
        Ok(id)
    }

    /// The statement that reads the rows of a table.
    pub fn prepare(&self, moved: &MovedTable) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(&moved.select())
    }

    /// The days of the rows of a table, of those that the target keeps by day.
    pub fn days(&self, moved: &MovedTable) -> rusqlite::Result<Vec<i64>> {
        let Some(time) = moved.values.first() else {
            return Ok(Vec::new());
        };
        let (table, rows) = (moved.table.name, moved.rows);
        let sql =
            format!("SELECT DISTINCT ({time}) / {MICROS_PER_DAY} FROM {table} t WHERE ({rows})");
        let mut statement = self.connection.prepare(&sql)?;
        let days = statement.query_map([], |row| row.get(0))?;
        days.collect()
    }

    /// How many rows of a table are moved.
    pub fn count(&self, moved: &MovedTable) -> rusqlite::Result<u64> {
        let sql = format!(
            "SELECT count(*) FROM {} t WHERE ({})",
            moved.table.name, moved.rows
        );
        let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The largest number that a table has ever given to a row.
    pub fn last_id(&self, table: &str, column: &str) -> rusqlite::Result<i64> {
        let sql = format!(
            "SELECT max(coalesce((SELECT max({column}) FROM {table}), 0),
                coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0))"
        );
        self.connection.query_row(&sql, [], |row| row.get(0))
    }

    /// The largest position of a run.
    pub fn last_position(&self) -> rusqlite::Result<i64> {
        let sql = "SELECT coalesce(max(position), 0) FROM runs";
        self.connection.query_row(sql, [], |row| row.get(0))
    }
}

/// Reads the next rows: none at the end.
pub fn next_rows(rows: &mut Rows<'_>, moved: &MovedTable) -> rusqlite::Result<Vec<SourceRow>> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    let columns = moved.table.columns.len();
    while chunk.len() < MAX_ROWS && bytes < MAX_BYTES {
        let Some(row) = rows.next()? else {
            break;
        };
        let mut cells = Cells::with_capacity(columns);
        for index in 0..columns {
            cells.push(text_without_nul(row.get::<_, Value>(index)?.into()));
        }
        let mut more = Vec::with_capacity(moved.more.len());
        for (index, column) in moved.more.iter().enumerate() {
            let read: Cell = row.get::<_, Value>(columns + index)?.into();
            more.push(column.value(&read));
        }
        let row = SourceRow { cells, more };
        bytes += row.size();
        chunk.push(row);
    }
    Ok(chunk)
}

/// Postgres cannot store the character U+0000 in a text.
fn text_without_nul(cell: Cell) -> Cell {
    match cell {
        Cell::Text(text) if text.contains('\0') => Cell::Text(text.replace('\0', "\u{fffd}")),
        other => other,
    }
}
