//! Rows as they move between Postgres and the workspace: cells of three types, tables with their columns.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use tokio_postgres::Row;

use super::error::PostgresError;

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    Int,
    Text,
    Blob,
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub cell: CellType,
}

/// A table that the workspace and Postgres both have. The first columns are its primary key.
#[derive(Debug)]
pub struct TableColumns {
    pub name: &'static str,
    pub key: usize,
    pub columns: &'static [Column],
}

/// The cells of a row, in the order of the table's columns.
pub type Cells = Vec<Cell>;

impl Cell {
    pub fn int(&self) -> Option<i64> {
        match self {
            Cell::Int(number) => Some(*number),
            Cell::Null | Cell::Text(_) | Cell::Blob(_) => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            Cell::Null | Cell::Int(_) | Cell::Blob(_) => None,
        }
    }

    pub fn read(row: &Row, index: usize, cell: CellType) -> Result<Self, PostgresError> {
        Ok(match cell {
            CellType::Int => row
                .try_get::<_, Option<i64>>(index)?
                .map_or(Cell::Null, Cell::Int),
            CellType::Text => row
                .try_get::<_, Option<String>>(index)?
                .map_or(Cell::Null, Cell::Text),
            CellType::Blob => row
                .try_get::<_, Option<Vec<u8>>>(index)?
                .map_or(Cell::Null, Cell::Blob),
        })
    }
}

impl rusqlite::ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Int(number) => ValueRef::Integer(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Cell::Null,
            Value::Integer(number) => Cell::Int(number),
            // No column holds one.
            Value::Real(number) => Cell::Int(number as i64),
            Value::Text(text) => Cell::Text(text),
            Value::Blob(bytes) => Cell::Blob(bytes),
        }
    }
}

impl TableColumns {
    /// The columns as a list for SQL, each of them behind `prefix`.
    pub fn list(&self, prefix: &str) -> String {
        let names = self
            .columns
            .iter()
            .map(|column| format!("{prefix}{}", column.name));
        names.collect::<Vec<_>>().join(", ")
    }

    pub fn read(&self, row: &Row) -> Result<Cells, PostgresError> {
        let columns = self.columns.iter().enumerate();
        columns
            .map(|(index, column)| Cell::read(row, index, column.cell))
            .collect()
    }

    pub fn index(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.expect("the table has the column")
    }
}

macro_rules! table {
    ($(#[$doc:meta])* $id:ident, $name:literal, $key:literal, [$($cell:ident $column:literal),* $(,)?]) => {
        $(#[$doc])*
        pub static $id: TableColumns = TableColumns {
            name: $name,
            key: $key,
            columns: &[$(Column { name: $column, cell: CellType::$cell }),*],
        };
    };
}

table!(EVENTS, "events", 1, [
    Int "id", Text "source", Text "type", Text "event_id", Text "key", Int "received", Int "revision", Int "matched",
    Int "redelivered", Int "last_received", Int "size", Text "body", Text "endpoint", Int "differed", Int "had_runs",
    Int "last_generation", Int "delivery", Int "delivery_index", Int "received_unmatched", Int "awaited",
]);

table!(RUNS, "runs", 1, [
    Int "id", Int "event", Int "rule", Int "queue", Int "generation", Text "lane", Text "state", Text "why", Text "gate",
    Text "error", Text "asks", Int "planned", Int "changed", Int "position", Int "ready", Int "due", Int "suspect",
    Int "crashes", Int "depth", Int "cause", Text "actors", Int "gathering", Int "attempts", Text "failed",
    Text "writes", Int "replay", Int "reported_by", Int "counterpart",
]);

table!(LANES, "lanes", 2, [Int "queue", Text "value", Int "owner"]);

table!(LOG_ENTRIES, "log_entries", 2, [
    Int "run", Int "number", Text "kind", Text "step", Int "attempt", Int "at", Int "took", Text "outcome",
    Text "detail",
]);

table!(GATE_ADMISSIONS, "gate_admissions", 5, [
    Int "queue", Text "gate", Text "value", Int "at", Int "run", Int "until",
]);

table!(WINDOWS, "windows", 1, [
    Int "id", Int "queue", Text "value", Int "run", Int "opened", Int "events", Int "bytes", Int "open",
]);

table!(GATHERED, "gathered", 2, [Int "gathering", Int "number", Int "event"]);

table!(UNTRACED_RUNS, "untraced_runs", 2, [Int "ended", Int "run"]);
table!(NOTICES, "notices", 2, [Int "queue", Text "cause", Int "until", Int "summary"]);

table!(WAITERS, "waiters", 4, [
    Int "run", Text "step", Int "number", Int "subject", Text "value", Int "rule", Int "since", Int "deadline",
    Int "closed", Int "came", Text "last_failed", Int "late", Int "late_at",
]);

table!(INBOX, "inbox", 2, [
    Int "run", Text "step", Text "kind", Int "number", Int "at", Text "detail", Int "event", Int "logged",
]);

table!(RECENT_EVENTS, "recent_events", 3, [Int "subject", Text "value", Int "event", Int "time", Int "at"]);

table!(AWAITED, "awaited", 1, [Int "id", Text "source", Text "type", Text "path", Int "used"]);

table!(COUNTED_EVENTS, "counted_events", 4, [
    Int "queue", Text "value", Int "time", Int "event", Text "item", Int "run", Int "started", Int "size",
]);

table!(COUNTED_VALUES, "counted_values", 2, [
    Int "queue", Text "value", Int "floor", Int "accepts_from", Int "newest", Int "oldest", Int "ends", Int "started",
    Int "events", Int "last_run", Int "changed",
]);

table!(QUEUES, "queues", 1, [Int "id", Text "rule"]);

table!(RULES, "rules", 1, [
    Int "id", Blob "digest", Text "name", Text "file", Int "line", Text "document", Int "config", Text "rule_name",
    Text "included",
]);

table!(CONFIGS, "configs", 1, [Int "id", Blob "digest", Text "file", Int "text", Text "environment", Text "calendars"]);

table!(TEXTS, "texts", 1, [Int "id", Blob "digest", Text "text"]);

table!(DELIVERIES, "deliveries", 1, [
    Int "id", Int "received", Text "source", Text "method", Text "path", Text "peer", Text "reason", Int "status",
    Int "size", Text "detail", Int "omitted", Text "endpoint", Int "accepted", Int "events", Int "matched",
    Int "redelivered", Text "first_event", Int "omitted_until", Int "differed",
]);
