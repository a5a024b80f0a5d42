//! A store of either backend, for programs that learn from their configuration which one they use.
//! Everything is delegated; nothing is decided here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use crate::store::awaited::AwaitedTypes;
use crate::store::history::EventRowId;
use crate::store::location::check_not_moved;
use crate::store::postgres::{DaemonIdentity, DatabaseUse, PostgresStore};
use crate::store::sqlite::Commits;
use crate::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use crate::store::{
    Advance, AnswerOutcome, AnswerState, AnswerStore, ClaimRequest, ClaimedRun, ClaimedRuns,
    Committed, Delivery, DeliveryId, DeliveryPart, EndAtOnce, GivenAnswer, GivenCommand,
    IncomingEvent, LastTick, Membership, Minute, OutageNotice, RecoveryReport, Revision,
    RevisionId, RunRecord, RunStatus, SqliteStore, StorageUse, Store, StoreError, StoreLocation,
    StoreOpenError, StoreSettings, UnmatchedEvent, UntracedRun,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::answer_link::AnswerKey;
use flowtrigger_core::run::exchange::RecordedExchange;

/// A store of either backend. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub enum AnyStore {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

/// Evaluates an expression with the store of the backend.
macro_rules! each {
    ($any:expr, $store:ident => $call:expr) => {
        match $any {
            AnyStore::Sqlite($store) => $call,
            AnyStore::Postgres($store) => $call,
        }
    };
}

impl AnyStore {
    /// Opens the store at a location for a daemon, and queues the runs again that were running. The caller must hold the
    /// lock of the data folder if the store is a file.
    pub async fn open(
        location: &StoreLocation,
        settings: StoreSettings,
    ) -> Result<(Self, RecoveryReport), StoreOpenError> {
        match location {
            StoreLocation::File(path) => {
                check_not_moved(path)?;
                let (store, recovered) = SqliteStore::open(path, settings)?;
                Ok((AnyStore::Sqlite(store), recovered))
            }
            StoreLocation::Postgres(database) => {
                let (store, recovered) = PostgresStore::connect(database, settings).await?;
                Ok((AnyStore::Postgres(store), recovered))
            }
        }
    }

    /// Opens the store for one command. In a database, that is beside the daemons; a file must be locked as for a daemon.
    pub async fn open_for_command(
        location: &StoreLocation,
        settings: StoreSettings,
    ) -> Result<Self, StoreOpenError> {
        match location {
            StoreLocation::File(_) => Ok(Self::open(location, settings).await?.0),
            StoreLocation::Postgres(database) => {
                let store = PostgresStore::connect_for_command(database, settings).await?;
                Ok(AnyStore::Postgres(store))
            }
        }
    }

    /// Notes where the daemon receives events and whether its rules are pushed, for those who list the daemons of a database.
    pub fn introduce(&self, address: &str, uses_pushed: bool) {
        match self {
            AnyStore::Sqlite(_) => {}
            AnyStore::Postgres(store) => store.set_identity(DaemonIdentity {
                address: Some(address.to_owned()),
                uses_pushed,
                ..DaemonIdentity::of_process()
            }),
        }
    }

    /// How often it committed, and how long that took.
    pub fn commits(&self) -> &Commits {
        each!(self, store => store.commits())
    }

    /// Unmatched events that were archived, and those that were lost.
    pub fn archived(&self) -> (u64, u64) {
        each!(self, store => store.archived())
    }

    /// Exchanges of attempts that were written, and those that were lost.
    pub fn recorded(&self) -> (u64, u64) {
        each!(self, store => store.recorded())
    }

    /// Rows of the list of deliveries that were written, and those that were lost.
    pub fn delivered(&self) -> (u64, u64) {
        each!(self, store => store.delivered())
    }

    /// What a shared database uses, and what keeps it from removing old rows.
    pub fn database_use(&self) -> Option<DatabaseUse> {
        match self {
            AnyStore::Sqlite(_) => None,
            AnyStore::Postgres(store) => Some(store.database_use()),
        }
    }

    /// Bytes of the archived events.
    pub fn archive_size(&self) -> u64 {
        each!(self, store => store.archive_size())
    }
}

impl AnswerStore for AnyStore {
    async fn answer(&self, given: GivenAnswer) -> Result<AnswerOutcome, StoreError> {
        each!(self, store => store.answer(given).await)
    }

    async fn answer_state(
        &self,
        run: RunId,
        step: &str,
        now: Timestamp,
    ) -> Result<AnswerState, StoreError> {
        each!(self, store => store.answer_state(run, step, now).await)
    }

    async fn answer_key(&self) -> Result<AnswerKey, StoreError> {
        each!(self, store => store.answer_key().await)
    }
}

impl Store for AnyStore {
    fn is_durable(&self) -> bool {
        each!(self, store => store.is_durable())
    }

    async fn commit_all(&self, events: Vec<IncomingEvent>) -> Result<Vec<Committed>, StoreError> {
        each!(self, store => store.commit_all(events).await)
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        each!(self, store => store.claim(request).await)
    }

    async fn claim_or_end(
        &self,
        request: ClaimRequest,
        end: EndAtOnce,
    ) -> Result<ClaimedRuns, StoreError> {
        each!(self, store => store.claim_or_end(request, end).await)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        each!(self, store => store.sync().await)
    }

    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        each!(self, store => store.advance_all(advances).await)
    }

    async fn notify_outage(&self, run: RunId, outage: OutageNotice) -> Result<(), StoreError> {
        each!(self, store => store.notify_outage(run, outage).await)
    }

    fn note_reload(&self, failed: bool) {
        each!(self, store => store.note_reload(failed));
    }

    fn is_shared(&self) -> bool {
        each!(self, store => store.is_shared())
    }

    fn time(&self, machine: Timestamp) -> Timestamp {
        each!(self, store => store.time(machine))
    }

    async fn beat(&self) -> Result<Membership, StoreError> {
        each!(self, store => store.beat().await)
    }

    async fn take_over(&self) -> Result<RecoveryReport, StoreError> {
        each!(self, store => store.take_over().await)
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        each!(self, store => store.wakeups())
    }

    async fn retry(&self, run: RunId, now: Timestamp) -> Result<RunStatus, StoreError> {
        each!(self, store => store.retry(run, now).await)
    }

    async fn cancel(&self, run: RunId) -> Result<RunStatus, StoreError> {
        each!(self, store => store.cancel(run).await)
    }

    async fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        each!(self, store => store.suspensions().await)
    }

    async fn change_suspension(&self, change: SuspensionChange) -> Result<Option<i64>, StoreError> {
        each!(self, store => store.change_suspension(change).await)
    }

    async fn parked(&self) -> Result<Vec<ParkedRuns>, StoreError> {
        each!(self, store => store.parked().await)
    }

    async fn parked_runs(&self, query: ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        each!(self, store => store.parked_runs(query).await)
    }

    async fn release(&self, release: Release) -> Result<u32, StoreError> {
        each!(self, store => store.release(release).await)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        each!(self, store => store.next_due().await)
    }

    async fn stored_event(&self, event: EventRowId) -> Result<Option<Arc<Event>>, StoreError> {
        each!(self, store => store.stored_event(event).await)
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        each!(self, store => store.run(run).await)
    }

    async fn runs_of(&self, source: &str, event: &str) -> Result<Vec<RunRecord>, StoreError> {
        each!(self, store => store.runs_of(source, event).await)
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<RunStatus>, StoreError> {
        each!(self, store => store.unfinished(limit).await)
    }

    async fn has_queued_before(&self, time: Timestamp) -> Result<bool, StoreError> {
        each!(self, store => store.has_queued_before(time).await)
    }

    async fn oldest_queued_at(&self) -> Result<Option<Timestamp>, StoreError> {
        each!(self, store => store.oldest_queued_at().await)
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        each!(self, store => store.counts().await)
    }

    async fn shift_clock(&self, by: SignedDuration) -> Result<(), StoreError> {
        each!(self, store => store.shift_clock(by).await)
    }

    async fn set_revision(&self, revision: Revision) -> Result<RevisionId, StoreError> {
        each!(self, store => store.set_revision(revision).await)
    }

    async fn integration_scopes(&self, integration: &str) -> Result<Vec<String>, StoreError> {
        each!(self, store => store.integration_scopes(integration).await)
    }

    async fn integration_settings(
        &self,
        integration: &str,
        scope: &str,
    ) -> Result<Option<Value>, StoreError> {
        each!(self, store => store.integration_settings(integration, scope).await)
    }

    async fn patch_integration_settings(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> Result<Value, StoreError> {
        each!(self, store => store.patch_integration_settings(integration, scope, patch).await)
    }

    fn awaited(&self) -> Arc<AwaitedTypes> {
        each!(self, store => store.awaited())
    }

    async fn count_waiters(&self) -> Result<u64, StoreError> {
        each!(self, store => store.count_waiters().await)
    }

    fn archive_unmatched(
        &self,
        event: UnmatchedEvent,
        revision: RevisionId,
        received: Timestamp,
        delivery: Option<DeliveryPart>,
    ) {
        each!(self, store => store.archive_unmatched(event, revision, received, delivery));
    }

    fn next_delivery(&self) -> DeliveryId {
        each!(self, store => store.next_delivery())
    }

    fn record_exchange(&self, exchange: RecordedExchange) {
        each!(self, store => store.record_exchange(exchange));
    }

    fn record_delivery(&self, delivery: Delivery) {
        each!(self, store => store.record_delivery(delivery));
    }

    async fn record_command(&self, command: GivenCommand) -> Result<(), StoreError> {
        each!(self, store => store.record_command(command).await)
    }

    async fn record_minute(&self, minute: Minute) -> Result<(), StoreError> {
        each!(self, store => store.record_minute(minute).await)
    }

    async fn minutes_since(&self, minute: i64) -> Result<Vec<Minute>, StoreError> {
        each!(self, store => store.minutes_since(minute).await)
    }

    async fn last_ticks(&self) -> Result<Vec<LastTick>, StoreError> {
        each!(self, store => store.last_ticks().await)
    }

    async fn note_ticks(&self, ticks: Vec<LastTick>, gone: Vec<String>) -> Result<(), StoreError> {
        each!(self, store => store.note_ticks(ticks, gone).await)
    }

    async fn untraced_runs(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<UntracedRun>, StoreError> {
        each!(self, store => store.untraced_runs(until, limit).await)
    }

    async fn forget_untraced(&self, runs: Vec<UntracedRun>) -> Result<(), StoreError> {
        each!(self, store => store.forget_untraced(runs).await)
    }

    async fn limit_untraced(&self, most: usize) -> Result<u64, StoreError> {
        each!(self, store => store.limit_untraced(most).await)
    }

    async fn probe(&self) {
        each!(self, store => store.probe().await)
    }

    async fn flush(&self) -> Result<(), StoreError> {
        each!(self, store => store.flush().await)
    }

    fn health(&self) -> Result<(), String> {
        each!(self, store => store.health())
    }

    fn storage(&self) -> StorageUse {
        each!(self, store => store.storage())
    }
}
