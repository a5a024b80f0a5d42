//! The store on SQLite: one file, or memory for a process that keeps nothing. One thread writes, and shares
//! one fsync among the changes that arrive together. Nothing is answered before it is on disk.

pub(in crate::store) mod archive_buffer;
pub(in crate::store) mod clock;
pub mod codec;
mod commands;
pub(in crate::store) mod commit;
mod current_claims;
pub(in crate::store) mod database;
pub(in crate::store) mod deliveries;
pub(in crate::store) mod delivery_buffer;
mod event_cache;
pub(in crate::store) mod exchanges;
mod fatal;
mod file_identity;
pub(in crate::store) mod gates;
pub(in crate::store) mod health;
mod integration_settings;
mod job_outcome;
pub(in crate::store) mod minutes;
pub(in crate::store) mod queue;
pub(in crate::store) mod reader;
mod redaction;
pub(in crate::store) mod redelivery;
mod replay;
pub(in crate::store) mod retention;
mod revisions;
#[cfg(test)]
mod tests;
pub(in crate::store) mod transaction;
pub(in crate::store) mod writer;
pub(in crate::store) mod writer_state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::Value;

use crate::store::history::EventRowId;
use crate::store::integration_settings::SettingsScope;
use crate::store::{
    Advance, ClaimRequest, ClaimedRun, Committed, Delivery, DeliveryId, DeliveryPart, GivenCommand,
    IncomingEvent, Minute, RecoveryReport, Revision, RevisionId, RunRecord, RunStatus, StorageUse,
    Store, StoreError, StoreSettings, UnmatchedEvent,
};
use archive_buffer::ArchiveBuffer;
use clock::StoreClock;
use commit::EncodedEvent;
use current_claims::CurrentClaims;
use database::Location;
use delivery_buffer::DeliveryBuffer;
use exchanges::ExchangeBuffer;
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;
use health::StoreHealth;
use queue::recovery::recover;
use transaction::WriteTransaction;
use writer::{Durability, Writer};
use writer_state::WriterState;

pub use clock::VirtualClock;
pub use database::{DatabaseOpenError, VERSION, version};
pub use writer::Commits;

/// A store on SQLite. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    archive_buffer: Arc<ArchiveBuffer>,
    deliveries: Arc<DeliveryBuffer>,
    exchanges: Arc<ExchangeBuffer>,
    health: Arc<StoreHealth>,
    location: Location,
}

impl SqliteStore {
    /// Opens the file, creates it if it does not exist, and queues the runs again that were running. The
    /// caller must hold the lock of the data folder.
    pub fn open(
        path: &Path,
        settings: StoreSettings,
    ) -> Result<(Self, RecoveryReport), DatabaseOpenError> {
        let connection = database::open(path)?;
        let location = Location::File(path.to_owned());
        Self::start(connection, location, settings, StoreClock::Machine)
            .map_err(|error| database::open_error(path, error))
    }

    /// An empty store in memory, with the same rows and statements and nothing on disk. It keeps its limits
    /// whatever the configuration says, and no unmatched events; see [`StoreSettings::in_memory`].
    pub fn in_memory(settings: StoreSettings) -> Result<Self, DatabaseOpenError> {
        let connection = database::open_in_memory()?;
        let started = Self::start(connection, Location::Memory, settings, StoreClock::Machine);
        let (store, _) = started.map_err(database::memory_error)?;
        Ok(store)
    }

    /// An empty store in memory whose time is that of a simulation, so that nothing expires before its time there.
    pub fn in_virtual_time(clock: &VirtualClock) -> Result<Self, DatabaseOpenError> {
        let connection = database::open_in_memory()?;
        let settings = StoreSettings::in_memory();
        let clock = StoreClock::Virtual(clock.clone());
        let started = Self::start(connection, Location::Memory, settings, clock);
        let (store, _) = started.map_err(database::memory_error)?;
        Ok(store)
    }

    fn start(
        mut connection: Connection,
        location: Location,
        settings: StoreSettings,
        clock: StoreClock,
    ) -> rusqlite::Result<(Self, RecoveryReport)> {
        let archive_buffer = Arc::new(ArchiveBuffer::default());
        archive_buffer.redact(&settings.redact);
        let recovered = recover(&mut connection, clock.now())?;
        let buffer = Arc::clone(&archive_buffer);
        let mut state = WriterState::new(&connection, location.clone(), settings, buffer)?;
        state.claims = CurrentClaims::starting_at(clock.now());
        state.clock = clock;
        let (deliveries, health) = (Arc::clone(&state.deliveries), Arc::clone(&state.health));
        let exchanges = Arc::clone(&state.exchanges);
        deliveries.continue_after(deliveries::last_delivery(&connection)?);
        let store = Self {
            writer: Arc::new(Writer::start(connection, state)),
            archive_buffer,
            deliveries,
            exchanges,
            health,
            location,
        };
        Ok((store, recovered))
    }

    /// How often it committed, and how long that took.
    pub fn commits(&self) -> &Commits {
        &self.writer.commits
    }

    /// Unmatched events that were archived, and those that were lost.
    pub fn archived(&self) -> (u64, u64) {
        (
            self.archive_buffer.written.get(),
            self.archive_buffer.lost.get(),
        )
    }

    /// Exchanges of attempts that were written, and those that were lost.
    pub fn recorded(&self) -> (u64, u64) {
        (self.exchanges.written.get(), self.exchanges.lost.get())
    }

    /// Bytes of the archived events.
    pub fn archive_size(&self) -> u64 {
        self.archive_buffer.size.get()
    }
}

impl Store for SqliteStore {
    fn is_durable(&self) -> bool {
        match self.location {
            Location::File(_) => true,
            Location::Memory => false,
        }
    }

    async fn commit_all(&self, events: Vec<IncomingEvent>) -> Result<Vec<Committed>, StoreError> {
        let events: Vec<EncodedEvent> = events.into_iter().map(EncodedEvent::new).collect();
        let commit = move |transaction: &mut WriteTransaction<'_>| transaction.commit_all(&events);
        self.writer
            .submit_with_timeout(Durability::Synced, commit)
            .await
    }

    /// Buffered is enough: a power failure that loses a claim also ends the claimed runs.
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        let claim = move |transaction: &mut WriteTransaction<'_>| transaction.claim(request);
        self.writer.submit(Durability::Buffered, claim).await
    }

    /// Each is a job of its own, and the writer takes those that wait together in one commit.
    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        let jobs = advances.into_iter().map(|advance| {
            let job = move |transaction: &mut WriteTransaction<'_>| {
                let now = transaction.now();
                transaction.advance(&advance, now)
            };
            self.writer.submit(Durability::Synced, job)
        });
        join_all(jobs).await
    }

    async fn retry(&self, run: RunId, now: Timestamp) -> Result<RunStatus, StoreError> {
        let retry = move |transaction: &mut WriteTransaction<'_>| transaction.retry(run, now);
        self.writer.submit(Durability::Synced, retry).await
    }

    async fn cancel(&self, run: RunId) -> Result<RunStatus, StoreError> {
        let cancel = move |transaction: &mut WriteTransaction<'_>| {
            let now = transaction.now();
            transaction.cancel(run, now)
        };
        self.writer.submit(Durability::Synced, cancel).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| transaction.next_due();
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn stored_event(&self, event: EventRowId) -> Result<Option<Arc<Event>>, StoreError> {
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.stored_event(event);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.record(run);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn runs_of(&self, endpoint: &str, event: &str) -> Result<Vec<RunRecord>, StoreError> {
        let (endpoint, event) = (endpoint.to_owned(), event.to_owned());
        let read =
            move |transaction: &mut WriteTransaction<'_>| transaction.runs_of(&endpoint, &event);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<RunStatus>, StoreError> {
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.unfinished(limit);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn oldest_queued_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| transaction.oldest_queued_at();
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| Ok(transaction.counts());
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn shift_clock(&self, by: SignedDuration) -> Result<(), StoreError> {
        let shift = move |transaction: &mut WriteTransaction<'_>| transaction.shift_clock(by);
        self.writer.submit(Durability::Synced, shift).await
    }

    async fn set_revision(&self, revision: Revision) -> Result<RevisionId, StoreError> {
        let set = move |transaction: &mut WriteTransaction<'_>| transaction.set_revision(&revision);
        self.writer.submit(Durability::Synced, set).await
    }

    async fn integration_scopes(&self, integration: &str) -> Result<Vec<String>, StoreError> {
        let integration = integration.to_owned();
        let read = move |transaction: &mut WriteTransaction<'_>| {
            transaction.integration_scopes(&integration)
        };
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn integration_settings(
        &self,
        integration: &str,
        scope: &str,
    ) -> Result<Option<Value>, StoreError> {
        let scope = SettingsScope::new(integration, scope);
        let read =
            move |transaction: &mut WriteTransaction<'_>| transaction.integration_settings(&scope);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn patch_integration_settings(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let scope = SettingsScope::new(integration, scope);
        let change = move |transaction: &mut WriteTransaction<'_>| {
            transaction.patch_integration_settings(&scope, patch)
        };
        self.writer.submit(Durability::Synced, change).await
    }

    fn archive_unmatched(
        &self,
        event: UnmatchedEvent,
        revision: RevisionId,
        received: Timestamp,
        delivery: Option<DeliveryPart>,
    ) {
        match self.location {
            Location::File(_) => self
                .archive_buffer
                .put(&event, revision, received, delivery),
            Location::Memory => {}
        }
    }

    fn next_delivery(&self) -> DeliveryId {
        self.deliveries.next_id()
    }

    fn record_delivery(&self, delivery: Delivery) {
        match self.location {
            Location::File(_) => self.deliveries.put(delivery),
            Location::Memory => {}
        }
    }

    fn record_exchange(&self, exchange: RecordedExchange) {
        match self.location {
            Location::File(_) => self.exchanges.put(exchange),
            Location::Memory => {}
        }
    }

    async fn record_command(&self, command: GivenCommand) -> Result<(), StoreError> {
        let write =
            move |transaction: &mut WriteTransaction<'_>| transaction.write_command(&command);
        self.writer.submit(Durability::Synced, write).await
    }

    async fn record_minute(&self, minute: Minute) -> Result<(), StoreError> {
        let write = move |transaction: &mut WriteTransaction<'_>| transaction.write_minute(minute);
        self.writer.submit(Durability::Buffered, write).await
    }

    async fn minutes_since(&self, minute: i64) -> Result<Vec<Minute>, StoreError> {
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.minutes_since(minute);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let write = |transaction: &mut WriteTransaction<'_>| {
            transaction.write_archive_buffer()?;
            transaction.write_exchanges()?;
            transaction.write_deliveries()
        };
        self.writer
            .submit_with_timeout(Durability::Synced, write)
            .await
    }

    fn health(&self) -> Result<(), String> {
        self.health.check()
    }

    fn storage(&self) -> StorageUse {
        StorageUse {
            bytes: self.location.bytes(),
            lost_events: self.archive_buffer.lost.get(),
            lost_exchanges: self.exchanges.lost.get(),
        }
    }
}
