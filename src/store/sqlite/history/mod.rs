//! The read side of the database file. It opens a connection of its own, read-only, beside a daemon that
//! writes or without one; it takes no lock that a writer waits for, and interrupts a question that takes long.

pub(in crate::store::sqlite) mod activity;
mod archive;
mod commands;
mod deliveries;
pub(in crate::store::sqlite) mod event_list;
mod events;
pub(in crate::store::sqlite) mod exchanges;
pub(in crate::store::sqlite) mod failed_runs;
mod gates;
mod minutes;
pub(in crate::store::sqlite) mod receivers;
mod revision;
mod run_detail;
mod runs;
mod terms;
mod window;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row};

use super::{VERSION, version};
use crate::store::history::{
    ArchiveFilter, ArchivePosition, ArchivedEvent, CappedCount, DeliveryFilter, DeliveryRow,
    DeliveryTotals, EventDeliveryRow, EventFilter, EventNames, EventPage, EventQuery, EventRecord,
    EventRow, EventRowId, FailedRuns, History, HistoryError, HistoryOpenError, ListedEvent,
    MAX_QUERY_TIME, Page, ReceiverActivity, RecentEvent, RetainedRange, RevisionInForce,
    RevisionTexts, RuleActivity, RunDetail, RunFilter, RunRow, RunTotals,
};
use crate::store::{GivenCommand, Minute, RevisionId};
use flowtrigger_core::config::Config;
use flowtrigger_core::gate::debounce::DebounceWindow;
use flowtrigger_core::gate::{GateCheck, GateHistory};
use flowtrigger_core::loop_guard::{CausingRun, LoopCheck, LoopHistory};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;

#[cfg(test)]
pub use events::{MATCHED_ENDS, UNMATCHED_ENDS};

/// How long a writer that is just finishing may delay us.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between checks of the clock: well under a millisecond.
const STEPS: i32 = 10_000;

/// The read side of a data folder's database.
#[derive(Debug)]
pub struct SqliteHistory {
    connection: Connection,
    /// How long a question may take.
    max_query_time: Duration,
    /// When the current question is interrupted.
    deadline: Arc<Mutex<Instant>>,
}

#[cfg(test)]
pub(in crate::store::sqlite) use archive::{UNMATCHED, page_query};

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => HistoryError::Timeout,
            Some(_) | None => HistoryError::Failed(error.to_string()),
        }
    }
}

impl SqliteHistory {
    /// Works beside a daemon that writes, and on a folder that none has open.
    pub fn open(database: &Path) -> Result<Self, HistoryOpenError> {
        fs::metadata(database).map_err(|error| unreachable_file(database, &error))?;
        let connection = connect(database).map_err(|error| open_error(database, error))?;
        match version(&connection).map_err(|error| open_error(database, error))? {
            VERSION => Self::on(connection).map_err(|error| open_error(database, error)),
            // A daemon is starting for the first time and has not written the schema yet.
            0 if is_empty(&connection) => Err(HistoryOpenError::Empty(database.to_owned())),
            ..=0 => Err(HistoryOpenError::Foreign(database.to_owned())),
            found @ 1..VERSION => Err(HistoryOpenError::Older {
                path: database.to_owned(),
                found,
                known: VERSION,
            }),
            found => Err(HistoryOpenError::Newer {
                path: database.to_owned(),
                found,
                known: VERSION,
            }),
        }
    }

    fn on(connection: Connection) -> rusqlite::Result<Self> {
        let deadline = Arc::new(Mutex::new(Instant::now() + MAX_QUERY_TIME));
        let seen = Arc::clone(&deadline);
        let mut connection = connection;
        connection.progress_handler(STEPS, Some(move || Instant::now() > *until(&seen)))?;
        Ok(Self {
            connection,
            max_query_time: MAX_QUERY_TIME,
            deadline,
        })
    }

    /// All rows of one statement, whose limit the caller sets. The statement ends before they are used.
    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HistoryError> {
        *until(&self.deadline) = Instant::now() + self.max_query_time;
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, HistoryError> {
        Ok(self.rows(sql, params, read)?.into_iter().next())
    }
}

impl History for SqliteHistory {
    fn events(&self, query: &EventQuery) -> Result<Vec<EventRow>, HistoryError> {
        self.find_events(query)
    }

    fn event(&self, row: EventRowId) -> Result<Option<EventRecord>, HistoryError> {
        self.find_event(row)
    }

    fn archive(
        &self,
        filter: &ArchiveFilter,
        after: Option<ArchivePosition>,
        limit: usize,
    ) -> Result<Vec<ArchivedEvent>, HistoryError> {
        self.list_archive(filter, after, limit)
    }

    fn original(&self, event: &ArchivedEvent) -> Result<Option<EventRowId>, HistoryError> {
        self.find_original_of(event)
    }

    fn event_list(
        &self,
        filter: &EventFilter,
        page: EventPage,
    ) -> Result<Vec<ListedEvent>, HistoryError> {
        self.list_events(filter, page)
    }

    fn count_events(&self, filter: &EventFilter, cap: usize) -> Result<CappedCount, HistoryError> {
        self.count_listed_events(filter, cap)
    }

    fn recent_events(
        &self,
        limit: usize,
        since: Timestamp,
    ) -> Result<Vec<RecentEvent>, HistoryError> {
        self.newest_events(limit, since)
    }

    fn recent_names(&self, limit: usize) -> Result<Vec<EventNames>, HistoryError> {
        self.newest_names(limit)
    }

    fn retained(&self) -> Result<RetainedRange, HistoryError> {
        self.retained_range()
    }

    fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, HistoryError> {
        self.list_deliveries(filter, limit)
    }

    fn delivery_totals(&self, filter: &DeliveryFilter) -> Result<DeliveryTotals, HistoryError> {
        self.count_deliveries(filter)
    }

    fn delivery_of(&self, row: EventRowId) -> Result<Option<EventDeliveryRow>, HistoryError> {
        self.find_delivery_of(row)
    }

    fn in_force_since(
        &self,
        revision: RevisionId,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, HistoryError> {
        self.find_activation(revision, at)
    }

    fn commands(&self, limit: usize) -> Result<Vec<GivenCommand>, HistoryError> {
        self.list_commands(limit)
    }

    fn commands_of(&self, run: RunId) -> Result<Vec<GivenCommand>, HistoryError> {
        self.list_commands_of(run)
    }

    fn minutes(&self, since: Timestamp) -> Result<Vec<Minute>, HistoryError> {
        self.list_minutes(since)
    }

    fn runs(&self, filter: &RunFilter, page: Page) -> Result<Vec<RunRow>, HistoryError> {
        self.list_runs(filter, page)
    }

    fn run(&self, run: RunId) -> Result<Option<RunDetail>, HistoryError> {
        self.run_detail(run)
    }

    fn exchanges(&self, run: RunId) -> Result<Vec<RecordedExchange>, HistoryError> {
        self.exchanges_of(run)
    }

    fn counts(&self) -> Result<Vec<(String, u64)>, HistoryError> {
        self.count_runs()
    }

    fn run_totals(&self, filter: &RunFilter, cap: usize) -> Result<RunTotals, HistoryError> {
        self.count_filtered_runs(filter, cap)
    }

    fn failed_runs(&self, limit: usize) -> Result<FailedRuns, HistoryError> {
        self.list_failed_runs(limit)
    }

    fn receivers(&self, now: Timestamp) -> Result<Vec<ReceiverActivity>, HistoryError> {
        self.find_receivers(now)
    }

    fn activity(&self, now: Timestamp) -> Result<Vec<RuleActivity>, HistoryError> {
        self.find_activity(None, now)
    }

    fn activity_of(&self, rule: &str, now: Timestamp) -> Result<RuleActivity, HistoryError> {
        let found = self.find_activity(Some(rule), now)?.pop();
        Ok(found.unwrap_or_else(|| RuleActivity::none(rule, now)))
    }

    fn rule_counts(
        &self,
        rule: &str,
        since: Timestamp,
    ) -> Result<Vec<(String, u64)>, HistoryError> {
        self.count_runs_of(rule, since)
    }

    fn rules_with_runs(&self) -> Result<Vec<String>, HistoryError> {
        self.rows("SELECT rule FROM queues ORDER BY rule", [], |row| {
            row.get(0)
        })
    }

    fn revision_texts(&self, id: RevisionId) -> Result<Option<RevisionTexts>, HistoryError> {
        self.find_revision(id)
    }

    fn latest_revision(&self) -> Result<Option<RevisionInForce>, HistoryError> {
        self.newest_revision()
    }

    fn latest_config(&self) -> Result<Option<Config>, HistoryError> {
        self.newest_config()
    }

    fn gate_history(
        &self,
        rule: &str,
        check: &GateCheck,
        except: Option<RunId>,
        now: Timestamp,
    ) -> Result<GateHistory, HistoryError> {
        self.admitted_runs(rule, check, except, now)
    }

    fn open_window(
        &self,
        rule: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<Option<DebounceWindow>, HistoryError> {
        self.window_for(rule, value, now)
    }

    fn loop_history(
        &self,
        rule: &str,
        check: &LoopCheck,
        now: Timestamp,
    ) -> Result<(LoopHistory, Vec<CausingRun>), HistoryError> {
        self.find_loop_history(rule, check, now)
    }
}

fn until(deadline: &Mutex<Instant>) -> std::sync::MutexGuard<'_, Instant> {
    deadline.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let live = Connection::open_with_flags(uri(database, ""), flags).and_then(settled);
    match live {
        // Readers of a live file share memory beside it. In a folder that cannot be written to, and
        // without a log beside the file, no process writes: it can be read unchanged.
        Err(_) if !beside(database, "-wal").exists() => {
            Connection::open_with_flags(uri(database, "?immutable=1"), flags).and_then(settled)
        }
        live => live,
    }
}

fn settled(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")?;
    // The first look into the file.
    version(&connection)?;
    Ok(connection)
}

fn uri(database: &Path, settings: &str) -> String {
    let path = database.to_string_lossy();
    let mut text = String::from("file:");
    for letter in path.chars() {
        match letter {
            '%' => text.push_str("%25"),
            '?' => text.push_str("%3f"),
            '#' => text.push_str("%23"),
            other => text.push(other),
        }
    }
    text + settings
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn is_empty(connection: &Connection) -> bool {
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    matches!(tables, Ok(0_i64))
}

/// Why the file of the database cannot be looked at.
fn unreachable_file(database: &Path, error: &io::Error) -> HistoryOpenError {
    let path = database.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => HistoryOpenError::Nothing(path),
        io::ErrorKind::PermissionDenied => HistoryOpenError::Denied(path),
        io::ErrorKind::NotADirectory => HistoryOpenError::NoFolder(path),
        _ => HistoryOpenError::Unusable {
            path,
            why: error.to_string(),
        },
    }
}

fn open_error(database: &Path, error: rusqlite::Error) -> HistoryOpenError {
    let path = database.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            HistoryOpenError::Damaged(path)
        }
        Some(_) | None => HistoryOpenError::Unusable {
            path,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
