//! What a database file contains, as numbers: its version, events, and runs by state and rule. Every version of the file
//! can be asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::codec::time;
use super::database::version;

/// Lines of a failed check that are reported.
const MAX_LINES: usize = 3;

/// The content of one database, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseContent {
    /// The version of its tables.
    pub version: i64,
    pub bytes: u64,
    pub events: u64,
    /// When its newest event was received.
    pub newest_event: Option<Timestamp>,
    /// The number of runs by state.
    pub runs: BTreeMap<String, u64>,
    /// Runs that are not over, by rule.
    pub unfinished: BTreeMap<String, u64>,
}

impl DatabaseContent {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let grouped = |sql: &str| -> rusqlite::Result<BTreeMap<String, u64>> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            rows.collect()
        };
        let newest: Option<i64> = connection
            .query_row(
                "SELECT received FROM events ORDER BY id DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()?;
        Ok(Self {
            version: version(connection)?,
            bytes: unsigned(count(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
            )?),
            events: unsigned(count("SELECT count(*) FROM events")?),
            newest_event: newest.map(time),
            runs: grouped("SELECT state, count(*) FROM runs GROUP BY state")?,
            unfinished: grouped(
                "SELECT queues.rule, count(*) FROM runs JOIN queues ON queues.id = runs.queue
                 WHERE state IN ('queued', 'debouncing', 'running', 'retrying', 'waiting')
                 GROUP BY queues.rule",
            )?,
        })
    }

    /// The number of runs that are not over.
    pub fn count_unfinished(&self) -> u64 {
        self.unfinished.values().sum()
    }

    /// The number of all runs.
    pub fn count_runs(&self) -> u64 {
        self.runs.values().sum()
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The first lines of what is wrong with a file: every page, row and index is read.
pub(super) fn unsound(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = format!("PRAGMA integrity_check({MAX_LINES})");
    let mut statement = connection.prepare(&sql)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines = lines.collect::<rusqlite::Result<Vec<_>>>()?;
    match lines.as_slice() {
        [line] if line == "ok" => Ok(None),
        lines => Ok(Some(lines.join("; ").replace('\n', " "))),
    }
}
