//! The read side of the stores: one implementation of [`History`] on the rows of SQLite and of Postgres.

pub(in crate::store) mod activity;
mod archive;
mod commands;
mod daemons;
mod deliveries;
pub(in crate::store) mod event_list;
mod events;
pub(in crate::store) mod exchanges;
pub(in crate::store) mod failed_runs;
mod gates;
mod minutes;
mod original_runs;
pub(in crate::store) mod queue;
pub(in crate::store) mod receivers;
mod revision;
mod run_detail;
mod runs;
mod suspensions;
pub(in crate::store) mod terms;
mod traces;
mod waiters;
mod window;

use std::path::Path;

use jiff::Timestamp;

use super::SqlDatabase;
use crate::store::history::{
    ArchiveFilter, ArchivePosition, ArchivedEvent, ArchivedText, CappedCount, DaemonRow,
    DeliveryFilter, DeliveryRow, DeliveryTotals, EventDeliveryRow, EventFilter, EventNames,
    EventPage, EventQuery, EventRecord, EventRow, EventRowId, FailedRuns, History, HistoryError,
    HistoryOpenError, ListedEvent, OriginalRun, Page, ReceiverActivity, RecentEvent, RetainedRange,
    RevisionInForce, RevisionStart, RevisionTexts, RuleActivity, RuleQueue, RunDetail, RunFilter,
    RunRow, RunTotals, SuspendedTarget, TracedRuns, WaitingStep,
};
use crate::store::postgres::PostgresSettings;
use crate::store::postgres::reader::PostgresReader;
use crate::store::sqlite::reader::SqliteReader;
use crate::store::{GivenCommand, Minute, RevisionId};
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::gate::debounce::DebounceWindow;
use flowtrigger_core::gate::series::check::SeriesCheck;
use flowtrigger_core::gate::series::{SeriesEvent, SeriesState};
use flowtrigger_core::gate::{GateCheck, GateHistory};
use flowtrigger_core::loop_guard::{CausingRun, LoopCheck, LoopHistory};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;

#[cfg(test)]
pub(in crate::store) use archive::{UNMATCHED, page_query};
#[cfg(test)]
pub(in crate::store) use events::{MATCHED_ENDS, UNMATCHED_ENDS};

/// A database that the history can be read from.
pub trait HistoryDatabase: SqlDatabase<Error = HistoryError> + Send {}

impl<D: SqlDatabase<Error = HistoryError> + Send> HistoryDatabase for D {}

/// The read side of a database.
#[derive(Debug)]
pub struct SqlHistory<D> {
    database: D,
}

impl<D: HistoryDatabase> SqlHistory<D> {
    pub fn on(database: D) -> Self {
        Self { database }
    }
}

/// The read side of a data folder's database.
pub type SqliteHistory = SqlHistory<SqliteReader>;

/// The read side of a database on Postgres.
pub type PostgresHistory = SqlHistory<PostgresReader>;

impl PostgresHistory {
    /// Works beside daemons, and on a database that none uses. The rights to read are enough.
    pub fn connect(settings: &PostgresSettings) -> Result<Self, HistoryOpenError> {
        Ok(Self::on(PostgresReader::connect(settings)?))
    }
}

impl SqliteHistory {
    /// Works beside a daemon that writes, and on a folder that none has open.
    pub fn open(database: &Path) -> Result<Self, HistoryOpenError> {
        Ok(Self::on(SqliteReader::open(database)?))
    }
}

impl<D: HistoryDatabase> History for SqlHistory<D> {
    fn events(&self, query: &EventQuery) -> Result<Vec<EventRow>, HistoryError> {
        self.find_events(query)
    }

    fn event(&self, row: EventRowId) -> Result<Option<EventRecord>, HistoryError> {
        self.find_event(row)
    }

    fn continued_by(&self, event: EventRowId) -> Result<Vec<(RunId, String)>, HistoryError> {
        self.decided_by_event(event)
    }

    fn waiting_for(&self, event: &Event) -> Result<Vec<WaitingStep>, HistoryError> {
        self.steps_waiting_for(event)
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

    fn archived_texts(&self, page: &[ArchivedEvent]) -> Result<Vec<ArchivedText>, HistoryError> {
        self.read_texts(page)
    }

    fn original_runs(&self, page: &[ArchivedEvent]) -> Result<Vec<OriginalRun>, HistoryError> {
        self.find_original_runs(page)
    }

    fn revision_starts(&self, until: Timestamp) -> Result<Vec<RevisionStart>, HistoryError> {
        self.find_activations(until)
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

    fn daemons(&self) -> Result<Vec<DaemonRow>, HistoryError> {
        self.list_daemons()
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

    fn traced_runs(
        &self,
        runs: &[RunId],
        most_attempts: usize,
    ) -> Result<TracedRuns, HistoryError> {
        self.find_traced_runs(runs, most_attempts)
    }

    fn counts(&self) -> Result<Vec<(String, u64)>, HistoryError> {
        self.count_runs()
    }

    fn unfinished_by_rule(&self) -> Result<Vec<RuleQueue>, HistoryError> {
        self.count_unfinished_by_rule()
    }

    fn suspended(&self) -> Result<Vec<SuspendedTarget>, HistoryError> {
        self.list_suspended()
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
        self.database
            .rows("SELECT rule FROM queues ORDER BY rule", &[], |row| {
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

    fn counted_events(
        &self,
        rule: &str,
        check: &SeriesCheck<'_>,
        now: Timestamp,
    ) -> Result<(SeriesState, Vec<SeriesEvent>), HistoryError> {
        self.kept_for(rule, check, now)
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
