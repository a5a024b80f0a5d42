//! The store on SQLite: one file, or memory for a process that keeps nothing. One thread writes, and shares
//! one fsync among the changes that arrive together. Nothing is answered before it is on disk.

pub(in crate::store) mod answers;
pub(in crate::store) mod archive_buffer;
pub mod backup;
pub(in crate::store) mod clock;
pub mod codec;
mod commands;
pub(in crate::store) mod commit;
mod commit_event;
mod commit_limits;
mod commits;
pub mod content;
mod counters;
mod current_claims;
mod damage;
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
mod notices;
mod open;
pub(in crate::store) mod queue;
pub(in crate::store) mod reader;
mod redaction;
pub(in crate::store) mod redelivery;
mod replay;
pub mod restore;
pub(in crate::store) mod retention;
mod revisions;
pub(in crate::store) mod suspensions;
#[cfg(test)]
mod tests;
mod ticks;
pub(in crate::store) mod traces;
pub(in crate::store) mod transaction;
pub mod virtual_time;
pub(in crate::store) mod waiters;
mod write_job;
pub(in crate::store) mod writer;
pub(in crate::store) mod writer_state;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::store::awaited::AwaitedTypes;
use crate::store::history::EventRowId;
use crate::store::integration_settings::SettingsScope;
use crate::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use crate::store::{
    Advance, ClaimRequest, ClaimedRun, ClaimedRuns, Committed, Delivery, DeliveryId, DeliveryPart,
    EndAtOnce, GivenCommand, IncomingEvent, LastTick, Minute, OutageNotice, Revision, RevisionId,
    RunRecord, RunStatus, StorageUse, Store, StoreError, UnmatchedEvent, UntracedRun,
};
use archive_buffer::ArchiveBuffer;
use commit::EncodedEvent;
use database::Location;
use delivery_buffer::DeliveryBuffer;
use exchanges::ExchangeBuffer;
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;
use health::StoreHealth;
use transaction::WriteTransaction;
use write_job::WriteJob;
use writer::{Durability, Writer};

pub use clock::VirtualClock;
pub use commits::Commits;
pub use damage::damaged_databases;
pub use database::{DatabaseOpenError, VERSION, database_size, version};

/// A store on SQLite. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    archive_buffer: Arc<ArchiveBuffer>,
    deliveries: Arc<DeliveryBuffer>,
    exchanges: Arc<ExchangeBuffer>,
    health: Arc<StoreHealth>,
    awaited: Arc<ArcSwap<AwaitedTypes>>,
    location: Location,
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
        let job = WriteJob::repeatable(Durability::Synced, commit);
        self.writer.submit_with_timeout(job).await
    }

    /// Buffered is enough: a power failure that loses a claim also ends the claimed runs.
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        let claim = move |transaction: &mut WriteTransaction<'_>| transaction.claim(request, None);
        let claimed = self.writer.submit_repeatable(Durability::Buffered, claim);
        Ok(claimed.await?.started)
    }

    /// Buffered is enough here too: [`Self::sync`] syncs the ends of runs.
    async fn claim_or_end(
        &self,
        request: ClaimRequest,
        end: EndAtOnce,
    ) -> Result<ClaimedRuns, StoreError> {
        let claim =
            move |transaction: &mut WriteTransaction<'_>| transaction.claim(request, Some(&end));
        self.writer
            .submit_repeatable(Durability::Buffered, claim)
            .await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let sync = |transaction: &mut WriteTransaction<'_>| transaction.sync_earlier();
        self.writer
            .submit_repeatable(Durability::Synced, sync)
            .await
    }

    /// Each is a job of its own, and the writer takes those that wait together in one commit.
    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        let jobs = advances.into_iter().map(|advance| {
            let job = move |transaction: &mut WriteTransaction<'_>| {
                let now = transaction.now();
                transaction.advance(&advance, now)
            };
            self.writer.submit_repeatable(Durability::Synced, job)
        });
        join_all(jobs).await
    }

    async fn notify_outage(&self, run: RunId, outage: OutageNotice) -> Result<(), StoreError> {
        let report = move |transaction: &mut WriteTransaction<'_>| {
            let now = transaction.now();
            transaction.report_outage(run, &outage, now)
        };
        self.writer.submit(Durability::Synced, report).await
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

    async fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| transaction.suspensions();
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn change_suspension(&self, change: SuspensionChange) -> Result<Option<i64>, StoreError> {
        let write =
            move |transaction: &mut WriteTransaction<'_>| transaction.change_suspension(&change);
        self.writer.submit(Durability::Synced, write).await
    }

    async fn parked(&self) -> Result<Vec<ParkedRuns>, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| transaction.parked();
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn parked_runs(&self, query: ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.parked_runs(&query);
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn release(&self, release: Release) -> Result<u32, StoreError> {
        let release = move |transaction: &mut WriteTransaction<'_>| transaction.release(&release);
        self.writer.submit(Durability::Synced, release).await
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

    async fn has_queued_before(&self, time: Timestamp) -> Result<bool, StoreError> {
        let read =
            move |transaction: &mut WriteTransaction<'_>| transaction.has_queued_before(time);
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

    fn awaited(&self) -> Arc<AwaitedTypes> {
        self.awaited.load_full()
    }

    async fn count_waiters(&self) -> Result<u64, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| {
            Ok(u64::try_from(transaction.state.waiters).unwrap_or_default())
        };
        self.writer.submit(Durability::Buffered, read).await
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

    async fn last_ticks(&self) -> Result<Vec<LastTick>, StoreError> {
        let read = |transaction: &mut WriteTransaction<'_>| transaction.last_ticks();
        self.writer.submit(Durability::Buffered, read).await
    }

    async fn note_ticks(&self, ticks: Vec<LastTick>, gone: Vec<String>) -> Result<(), StoreError> {
        let write =
            move |transaction: &mut WriteTransaction<'_>| transaction.write_ticks(&ticks, &gone);
        self.writer.submit(Durability::Synced, write).await
    }

    async fn untraced_runs(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<UntracedRun>, StoreError> {
        let read =
            move |transaction: &mut WriteTransaction<'_>| transaction.untraced_runs(until, limit);
        self.writer.submit(Durability::Buffered, read).await
    }

    /// Buffered is enough: a trace that is exported twice is the same.
    async fn forget_untraced(&self, runs: Vec<UntracedRun>) -> Result<(), StoreError> {
        let forget =
            move |transaction: &mut WriteTransaction<'_>| transaction.forget_untraced(&runs);
        self.writer.submit(Durability::Buffered, forget).await
    }

    async fn limit_untraced(&self, most: usize) -> Result<u64, StoreError> {
        let limit = move |transaction: &mut WriteTransaction<'_>| transaction.limit_untraced(most);
        self.writer.submit(Durability::Buffered, limit).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let write = |transaction: &mut WriteTransaction<'_>| {
            transaction.write_archive_buffer()?;
            transaction.write_exchanges()?;
            transaction.write_deliveries()
        };
        let job = WriteJob::single(Durability::Synced, write);
        self.writer.submit_with_timeout(job).await
    }

    async fn probe(&self) {
        let nothing = |_: &mut WriteTransaction<'_>| Ok(());
        drop(self.writer.submit(Durability::Buffered, nothing).await);
    }

    fn health(&self) -> Result<(), String> {
        self.health.check()?;
        self.writer.check()
    }

    fn storage(&self) -> StorageUse {
        StorageUse {
            bytes: self.location.bytes(),
            free: self.location.free(),
            lost_events: self.archive_buffer.lost.get(),
            lost_exchanges: self.exchanges.lost.get(),
        }
    }
}
