//! Copies the rows of a SQLite store to Postgres before each question, so that both answer from the same rows.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;

use super::super::PostgresReader;
use crate::store::history::HistoryError;
use crate::store::postgres::PostgresSettings;
use crate::store::postgres::connection::connect_client;
use crate::store::sql::dialect::Dialect;
use crate::store::sql::{SqlDatabase, SqlRow, SqlValue};

const SCHEMA: &str = include_str!("../../migrations/0001_start.sql");
const PARTITIONED: [&str; 5] = [
    "matched_events",
    "unmatched_events",
    "ended_runs",
    "log_entries",
    "exchanges",
];
/// Where partitions begin: around the day of the conformance suite.
const BEGINNINGS: [&str; 5] = ["MINVALUE", "20830", "20833", "20834", "MAXVALUE"];

const LIVE: &str = "('queued', 'debouncing', 'running', 'retrying', 'waiting')";
const EVENT_COLUMNS: &str =
    "id, source, type, event_id, key, received, revision, redelivered, last_received, size, body,
    endpoint, differed, had_runs, last_generation, delivery, delivery_index, received_unmatched";
const RUN_COLUMNS: &str = "id, event, rule, queue, generation, lane, state, why, gate, error, asks, planned, changed,
    position, ready, due, suspect, crashes, depth, cause, actors, gathering, attempts, failed, writes, replay";

/// A statement for SQLite for each table of Postgres, with the same columns.
fn copies() -> Vec<(&'static str, String)> {
    let day = |of: &str| format!("{of} / 86400000000 AS day");
    let run_day = "(SELECT planned / 86400000000 FROM runs WHERE id = run) AS day";
    let mut copies = vec![
        (
            "matched_events",
            format!("SELECT {EVENT_COLUMNS}, {} FROM events WHERE matched = 1", day("received")),
        ),
        (
            "unmatched_events",
            format!("SELECT {EVENT_COLUMNS}, {} FROM events WHERE matched = 0", day("received")),
        ),
        (
            "live_runs",
            format!(
                "SELECT {RUN_COLUMNS}, {}, 0 AS event_day FROM runs WHERE state IN {LIVE}",
                day("planned")
            ),
        ),
        (
            "ended_runs",
            format!(
                "SELECT {RUN_COLUMNS}, {}, 0 AS event_day FROM runs WHERE state NOT IN {LIVE}",
                day("planned")
            ),
        ),
        (
            "log_entries",
            format!(
                "SELECT run, number, kind, step, attempt, at, took, outcome, detail, {run_day} FROM log_entries"
            ),
        ),
        (
            "exchanges",
            format!(
                "SELECT id, run, step, attempt, started, method, url, size, content, receiver, took, failed, status, {}
                 FROM exchanges",
                day("started")
            ),
        ),
        (
            "gate_admissions",
            format!("SELECT queue, gate, value, at, run, until, {} FROM gate_admissions", day("at")),
        ),
        ("minutes", "SELECT minute, 1 AS daemon, content FROM minutes".to_owned()),
        (
            "run_counts",
            "SELECT 1 AS daemon, queue, state, count(*) AS count FROM runs GROUP BY queue, state".to_owned(),
        ),
    ];
    for table in [
        "texts",
        "configs",
        "revisions",
        "activations",
        "rules",
        "queues",
        "lanes",
        "windows",
        "gathered",
        "settings",
        "deliveries",
        "request_urls",
        "receivers",
        "commands",
    ] {
        copies.push((table, format!("SELECT * FROM {table}")));
    }
    copies
}

/// Reads from Postgres what a SQLite store has written.
pub struct MirrorReader {
    rows: Mutex<MirroredRows>,
    reader: PostgresReader,
}

struct MirroredRows {
    sqlite: Connection,
    /// What SQLite calls the state of the file that was copied last.
    copied: Option<i64>,
    writer: Writer,
}

impl MirrorReader {
    /// The database at the URL has the tables, and no other user meanwhile.
    pub fn new(sqlite: &Path, url: &str) -> Self {
        Self {
            reader: PostgresReader::connect(&PostgresSettings::for_url(url)).unwrap(),
            rows: Mutex::new(MirroredRows {
                sqlite: Connection::open(sqlite).unwrap(),
                copied: None,
                writer: Writer::new(url),
            }),
        }
    }

    fn copy(&self) {
        let mut rows = self.rows.lock().unwrap();
        let MirroredRows {
            sqlite,
            copied,
            writer,
        } = &mut *rows;
        let version = sqlite.pragma_query_value(None, "data_version", |row| row.get(0));
        let version = version.unwrap();
        if *copied == Some(version) {
            return;
        }
        *copied = Some(version);
        let mut batch = String::from("BEGIN;");
        for (table, select) in copies() {
            batch.push_str(&format!("DELETE FROM {table};"));
            let mut statement = sqlite.prepare(&select).unwrap();
            let names = statement.column_names().collect::<Vec<_>>().join(", ");
            let width = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells = (0..width).map(|column| literal(row.get_ref(column).unwrap()));
                let cells = cells.collect::<Vec<_>>().join(", ");
                batch.push_str(&format!("INSERT INTO {table} ({names}) VALUES ({cells});"));
            }
        }
        batch.push_str("COMMIT;");
        writer.execute(&batch);
    }
}

impl SqlDatabase for MirrorReader {
    const DIALECT: Dialect = Dialect::Postgres;

    type Error = HistoryError;

    fn rows<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HistoryError> {
        self.copy();
        self.reader.rows(sql, params, read)
    }
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).unwrap();
            format!("'{}'", text.replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!(r"'\x{hex}'::bytea")
        }
        ValueRef::Real(number) => panic!("{number}"),
    }
}

/// A connection that writes, and that may be used within a runtime.
pub struct Writer {
    /// `None` once it is dropped.
    runtime: Option<Runtime>,
    client: Client,
}

impl Writer {
    pub fn new(url: &str) -> Self {
        let settings = PostgresSettings::for_url(url).connection().unwrap();
        let connect = move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let client = runtime.block_on(connect_client(&settings)).unwrap();
            let runtime = Some(runtime);
            Self { runtime, client }
        };
        std::thread::spawn(connect).join().unwrap()
    }

    pub fn execute(&self, sql: &str) {
        std::thread::scope(|scope| {
            let runtime = self.runtime.as_ref().unwrap();
            let executed = scope.spawn(|| runtime.block_on(self.client.batch_execute(sql)));
            executed.join().unwrap().unwrap();
        });
    }

    /// Creates the schema as if it had this version, and partitions.
    pub fn create_tables(&self, version: i64, compatible_from: i64) {
        self.execute(SCHEMA);
        self.execute(&format!(
            "CREATE TABLE schema_version (version BIGINT NOT NULL, compatible_from BIGINT NOT NULL);
             INSERT INTO schema_version VALUES ({version}, {compatible_from})"
        ));
        for table in PARTITIONED {
            for (number, ends) in BEGINNINGS.windows(2).enumerate() {
                self.execute(&format!(
                    "CREATE TABLE {table}_{number} PARTITION OF {table} FOR VALUES FROM ({}) TO ({})",
                    ends[0], ends[1]
                ));
            }
        }
    }
}

impl Drop for Writer {
    /// A runtime must not wait for its end within another one.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
