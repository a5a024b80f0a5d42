//! The database in memory in which a batch is decided: the rows that the batch concerns are loaded into it, the code of the
//! SQLite store changes them, and what changed is read back.

mod changes;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::Row;

use crate::store::postgres::cell::{
    COUNTED_EVENTS, COUNTED_VALUES, Cell, Cells, EVENTS, GATE_ADMISSIONS, GATHERED, INBOX, LANES,
    LOG_ENTRIES, NOTICES, RECENT_EVENTS, RUNS, TableColumns, UNTRACED_RUNS, WAITERS, WINDOWS,
};
use crate::store::postgres::counts::RunTally;
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::scope::QueueValue;
use crate::store::sqlite::clock::{StoreClock, VirtualClock};
use crate::store::sqlite::database::{self, Location};
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::sqlite::writer_state::{ReservedNumbers, WriterState};
use crate::store::{ClaimId, StoreError, StoreSettings};
use flowtrigger_core::run::{RunId, RunState};

pub use changes::{RowUpdate, TableChanges};

/// Tables whose rows belong to one batch. Rows of rules and texts stay.
pub static BATCH_TABLES: [&TableColumns; 14] = [
    &EVENTS,
    &RUNS,
    &LANES,
    &LOG_ENTRIES,
    &GATE_ADMISSIONS,
    &WINDOWS,
    &GATHERED,
    &NOTICES,
    &UNTRACED_RUNS,
    &WAITERS,
    &INBOX,
    &RECENT_EVENTS,
    &COUNTED_EVENTS,
    &COUNTED_VALUES,
];

/// Indexes that only questions of people need, which the workspace does not answer.
const UNUSED_INDEXES: [&str; 13] = [
    "events_by_key",
    "events_unmatched",
    "events_matched",
    "events_by_revision",
    "events_by_type",
    "events_by_endpoint",
    "events_redelivered",
    "events_replayed",
    "runs_by_rule",
    "runs_by_rule_state",
    "runs_by_state",
    "runs_over",
    "gate_admissions_until",
];

/// Where a run is in Postgres, beside the columns that the workspace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLocation {
    pub day: i64,
    pub event_day: i64,
    pub is_live: bool,
    pub daemon: Option<i64>,
    pub claim: Option<i64>,
}

pub struct Workspace {
    connection: Connection,
    state: WriterState,
    clock: VirtualClock,
    /// Loaded rows by table and primary key.
    loaded: HashMap<&'static str, HashMap<Cells, Cells>>,
    pub runs: HashMap<i64, RunLocation>,
    /// The days of the loaded events.
    pub events: HashMap<i64, i64>,
    /// Statements by table.
    inserts: HashMap<&'static str, String>,
    selects: HashMap<&'static str, String>,
}

impl Workspace {
    pub fn new(settings: StoreSettings) -> Result<Self, PostgresError> {
        let connection =
            database::open_in_memory().map_err(|error| PostgresError::Failed(error.to_string()))?;
        for index in UNUSED_INDEXES {
            connection.execute_batch(&format!("DROP INDEX {index}"))?;
        }
        let mut state = WriterState::new(&connection, Location::Memory, settings, Arc::default())?;
        let clock = VirtualClock::default();
        state.clock = StoreClock::Virtual(clock.clone());
        Ok(Self {
            connection,
            state,
            clock,
            loaded: HashMap::new(),
            runs: HashMap::new(),
            events: HashMap::new(),
            inserts: BATCH_TABLES
                .map(|table| (table.name, insert_into(table)))
                .into(),
            selects: BATCH_TABLES
                .map(|table| (table.name, select_from(table)))
                .into(),
        })
    }

    /// Access to the rows for one job.
    pub fn transaction(&mut self) -> WriteTransaction<'_> {
        WriteTransaction::new(&self.connection, &mut self.state)
    }

    pub fn state(&mut self) -> &mut WriterState {
        &mut self.state
    }

    /// Sets what is not in rows: the time, the numbers for new rows, and the counts of runs.
    pub fn begin(
        &mut self,
        now: Timestamp,
        committed_at: Option<Timestamp>,
        reserved: ReservedNumbers,
        tally: &RunTally,
    ) {
        self.clock.set(now);
        self.state.committed_at = committed_at;
        self.state.reserved = Some(reserved);
        tally.fill(&mut self.state);
    }

    /// One transaction is for all of a batch: none of its statements has one of its own.
    fn open(&self) -> Result<(), PostgresError> {
        match self.connection.is_autocommit() {
            true => self.statement("BEGIN"),
            false => Ok(()),
        }
    }

    /// Loads a row that was read from Postgres, unless it is there. True if it is new.
    pub fn load(&mut self, table: &'static TableColumns, row: &Row) -> Result<bool, PostgresError> {
        self.open()?;
        let cells = table.read(row)?;
        let key = cells[..table.key].to_vec();
        let rows = self.loaded.entry(table.name).or_default();
        if rows.contains_key(&key) {
            return Ok(false);
        }
        let own;
        let sql = match self.inserts.get(table.name) {
            Some(known) => known,
            None => {
                own = insert_into(table);
                &own
            }
        };
        insert(&self.connection, sql, &cells)?;
        rows.insert(key, cells);
        Ok(true)
    }

    /// Loads a run, which has its location behind its columns.
    pub fn load_run(&mut self, row: &Row) -> Result<bool, PostgresError> {
        let new = self.load(&RUNS, row)?;
        if new {
            let first = RUNS.columns.len();
            let place = RunLocation {
                day: row.try_get(first)?,
                event_day: row.try_get(first + 1)?,
                daemon: row.try_get(first + 2)?,
                claim: row.try_get(first + 3)?,
                is_live: row.try_get::<_, i64>(first + 4)? == 1,
            };
            self.runs.insert(row.try_get(0)?, place);
        }
        Ok(new)
    }

    /// Loads an event, which has its day behind its columns.
    pub fn load_event(&mut self, row: &Row) -> Result<bool, PostgresError> {
        let new = self.load(&EVENTS, row)?;
        if new {
            self.events
                .insert(row.try_get(0)?, row.try_get(EVENTS.columns.len())?);
        }
        Ok(new)
    }

    /// Loads a row that never changes and stays: of a rule, a configuration, a text.
    pub fn keep(&self, table: &'static TableColumns, row: &Row) -> Result<(), PostgresError> {
        insert(&self.connection, &insert_into(table), &table.read(row)?)?;
        Ok(())
    }

    pub fn keep_queue(&mut self, id: i64, rule: &str) -> Result<(), PostgresError> {
        let sql = "INSERT OR IGNORE INTO queues (id, rule) VALUES (?1, ?2)";
        self.connection
            .prepare_cached(sql)?
            .execute(rusqlite::params![id, rule])?;
        self.state.queues.insert(rule.to_owned(), id);
        Ok(())
    }

    pub fn has_rule(&self, row: i64) -> Result<bool, PostgresError> {
        let sql = "SELECT 1 FROM rules WHERE id = ?1";
        let known = self.state.rules.contains_key(&row);
        Ok(known || self.connection.prepare_cached(sql)?.exists([row])?)
    }

    /// A column of a loaded or changed run.
    pub fn run_cell(&self, run: i64, column: &str) -> Result<Cell, PostgresError> {
        let sql = format!("SELECT {column} FROM runs WHERE id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let value: rusqlite::types::Value = statement.query_row([run], |row| row.get(0))?;
        Ok(value.into())
    }

    /// The number of the last loaded entry of a run's log; 0 if there is none.
    pub fn last_entry(&self, run: i64) -> Result<i64, PostgresError> {
        let sql = "SELECT coalesce(max(number), 0) FROM log_entries WHERE run = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([run], |row| row.get(0))?)
    }

    /// Makes the claims of the loaded runs current, and those alone.
    pub fn set_claims(&mut self) {
        let claims = &mut self.state.claims;
        claims.forget_all();
        for (run, place) in &self.runs {
            if let Some(claim) = place.claim {
                claims.set(RunId(run.unsigned_abs()), ClaimId(claim.unsigned_abs()));
            }
        }
    }

    /// The current claim of a run, as a column has it.
    pub fn claim_of(&self, run: RunId) -> Option<i64> {
        let claim = self.state.claims.current(run)?;
        Some(i64::try_from(claim.0).unwrap_or(i64::MAX))
    }

    /// Takes all rows out of a table.
    pub fn take_all(&self, table: &'static TableColumns) -> Result<Vec<Cells>, PostgresError> {
        let rows = self.changes(table)?.inserted;
        self.statement(&format!("DELETE FROM {}", table.name))?;
        Ok(rows)
    }

    /// Runs that are held now.
    pub fn held_runs(&self) -> Result<Vec<(i64, RunState)>, PostgresError> {
        let sql = "SELECT id, why FROM runs WHERE state = 'held'";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            let why: Option<String> = row.get(1)?;
            let why = why.unwrap_or_default();
            Ok((row.get(0)?, RunState::Held { why }))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The lanes of some loaded runs, and of the runs of loaded windows.
    pub fn lanes_of_windows_and(&self, runs: &[i64]) -> Result<Vec<QueueValue>, PostgresError> {
        let mut lanes = Vec::new();
        let sql = "SELECT runs.queue, runs.lane FROM windows JOIN runs ON runs.id = windows.run
            WHERE windows.open = 1 AND runs.lane IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(QueueValue {
                queue: row.get(0)?,
                value: row.get(1)?,
            })
        };
        for lane in statement.query_map([], read)? {
            lanes.push(lane?);
        }
        let sql = "SELECT queue, lane FROM runs WHERE id = ?1 AND lane IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        for run in runs {
            for lane in statement.query_map([run], read)? {
                lanes.push(lane?);
            }
        }
        Ok(lanes)
    }

    /// The runs of the loaded waiters that an event may still decide.
    pub fn open_waiters(&self) -> Result<BTreeSet<i64>, PostgresError> {
        self.numbers("SELECT DISTINCT run FROM waiters WHERE closed IS NULL")
    }

    /// Whether a loaded run has waiters.
    pub fn has_waiters(&self, run: i64) -> Result<bool, PostgresError> {
        let sql = "SELECT 1 FROM waiters WHERE run = ?1";
        Ok(self.connection.prepare_cached(sql)?.exists([run])?)
    }

    /// The rules of the loaded waiters.
    pub fn rules_of_waiters(&self) -> Result<BTreeSet<i64>, PostgresError> {
        self.numbers("SELECT DISTINCT rule FROM waiters")
    }

    fn numbers(&self, sql: &str) -> Result<BTreeSet<i64>, PostgresError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let numbers = statement.query_map([], |row| row.get(0))?;
        Ok(numbers.collect::<Result<_, _>>()?)
    }

    /// The summaries of the loaded windows of notices.
    pub fn summaries(&self) -> Result<Vec<i64>, PostgresError> {
        let sql = "SELECT summary FROM notices WHERE summary IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let runs = statement.query_map([], |row| row.get(0))?;
        Ok(runs.collect::<Result<_, _>>()?)
    }

    /// The queues of all loaded runs.
    pub fn queues_of_runs(&self) -> Result<BTreeSet<i64>, PostgresError> {
        self.numbers("SELECT DISTINCT queue FROM runs")
    }

    /// Executes a job so that its failure changes nothing.
    pub fn execute(
        &mut self,
        job: impl FnOnce(&mut WriteTransaction<'_>) -> Result<(), StoreError>,
    ) -> Result<(), PostgresError> {
        self.open()?;
        self.statement("SAVEPOINT job")?;
        let reserved = self.state.reserved.clone();
        let result = job(&mut self.transaction());
        match result {
            Err(StoreError::Broken(_) | StoreError::Damaged(_)) => {
                self.connection
                    .execute_batch("ROLLBACK TO job; RELEASE job")?;
                self.state.reserved = reserved;
            }
            Ok(()) | Err(_) => self.statement("RELEASE job")?,
        }
        Ok(())
    }

    fn statement(&self, sql: &str) -> Result<(), PostgresError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Forgets the rows of the batch.
    pub fn clear(&mut self) -> Result<(), PostgresError> {
        for table in BATCH_TABLES {
            self.statement(&format!("DELETE FROM {}", table.name))?;
        }
        if !self.connection.is_autocommit() {
            self.statement("COMMIT")?;
        }
        self.loaded.clear();
        self.runs.clear();
        self.events.clear();
        Ok(())
    }
}

fn insert_into(table: &TableColumns) -> String {
    let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    format!(
        "INSERT OR IGNORE INTO {} ({}) VALUES ({})",
        table.name,
        table.list(""),
        places.join(", ")
    )
}

fn select_from(table: &TableColumns) -> String {
    format!("SELECT {} FROM {}", table.list(""), table.name)
}

fn insert(connection: &Connection, sql: &str, cells: &Cells) -> rusqlite::Result<()> {
    connection
        .prepare_cached(sql)?
        .execute(params_from_iter(cells))?;
    Ok(())
}
