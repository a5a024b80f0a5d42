//! [`PostgresStore`] as a [`Store`]: what commits goes to the commit thread, claims to theirs, and the rest to the third.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use super::committer::CommitRequest;
use super::run_job::stopped;
use super::scope::BatchScope;
use super::session::Param;
use super::{PostgresStore, id};
use crate::store::awaited::AwaitedTypes;
use crate::store::history::EventRowId;
use crate::store::integration_settings::SettingsScope;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use crate::store::{
    Advance, ClaimRequest, ClaimedRun, Committed, Delivery, DeliveryId, DeliveryPart, GivenCommand,
    IncomingEvent, LastTick, Membership, Minute, OutageNotice, RecoveryReport, Revision,
    RevisionId, RunRecord, RunStatus, StorageUse, Store, StoreError, UnmatchedEvent, UntracedRun,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;

impl Store for PostgresStore {
    fn is_durable(&self) -> bool {
        true
    }

    fn note_reload(&self, failed: bool) {
        let identity = self.identity.lock();
        let mut identity = identity.unwrap_or_else(PoisonError::into_inner);
        identity.reload_failed = failed;
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn time(&self, machine: Timestamp) -> Timestamp {
        self.shared.now(machine)
    }

    async fn beat(&self) -> Result<Membership, StoreError> {
        let place = self
            .others
            .submit(|executor| {
                Box::pin(async move { executor.beat().await.map_err(StoreError::from) })
            })
            .await?;
        Ok(place.membership())
    }

    async fn take_over(&self) -> Result<RecoveryReport, StoreError> {
        let report = self
            .others
            .submit(|executor| {
                Box::pin(async move { executor.take_over().await.map_err(StoreError::from) })
            })
            .await?;
        self.quarantine(&report).await?;
        Ok(report)
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.shared.notifier.subscribe()
    }

    async fn commit_all(&self, events: Vec<IncomingEvent>) -> Result<Vec<Committed>, StoreError> {
        self.submit_events(events).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        self.claims
            .submit(move |executor| Box::pin(executor.claim(request)))
            .await
    }

    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        self.submit_advances(advances).await
    }

    async fn notify_outage(&self, run: RunId, outage: OutageNotice) -> Result<(), StoreError> {
        let scope = BatchScope::outage(id(run), &outage.receiver);
        self.in_scope(scope, move |transaction| {
            let now = transaction.now();
            transaction.report_outage(run, &outage, now)
        })
        .await
    }

    async fn retry(&self, run: RunId, now: Timestamp) -> Result<RunStatus, StoreError> {
        let retry = move |transaction: &mut WriteTransaction<'_>| transaction.retry(run, now);
        self.on_runs([id(run)], retry).await
    }

    async fn cancel(&self, run: RunId) -> Result<RunStatus, StoreError> {
        let cancel = move |transaction: &mut WriteTransaction<'_>| {
            let now = transaction.now();
            transaction.cancel(run, now)
        };
        self.on_runs([id(run)], cancel).await
    }

    async fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.suspensions()))
            .await
    }

    async fn change_suspension(&self, change: SuspensionChange) -> Result<Option<i64>, StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.change_suspension(change)))
            .await
    }

    async fn parked(&self) -> Result<Vec<ParkedRuns>, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.parked()))
            .await
    }

    async fn parked_runs(&self, query: ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.parked_runs(query)))
            .await
    }

    async fn release(&self, release: Release) -> Result<u32, StoreError> {
        let ids: Vec<i64> = release.runs.iter().map(|run| id(*run)).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let release = move |transaction: &mut WriteTransaction<'_>| transaction.release(&release);
        self.in_scope(BatchScope::whole_runs(ids), release).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.claims
            .submit(|executor| Box::pin(executor.next_due()))
            .await
    }

    async fn stored_event(&self, event: EventRowId) -> Result<Option<Arc<Event>>, StoreError> {
        let scope = BatchScope {
            stored: vec![event.0],
            ..BatchScope::default()
        };
        let read = move |transaction: &mut WriteTransaction<'_>| transaction.stored_event(event);
        self.in_scope(scope, read).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.records_of(vec![id(run)]).await?.pop())
    }

    async fn runs_of(&self, endpoint: &str, event: &str) -> Result<Vec<RunRecord>, StoreError> {
        let (endpoint, event) = (endpoint.to_owned(), event.to_owned());
        let runs = self
            .others
            .submit(move |executor| {
                Box::pin(async move {
                    let sql = "SELECT r.id FROM seen AS s JOIN runs AS r ON r.event = s.event
                        WHERE s.endpoint = $1 AND s.event_id = $2 ORDER BY r.id";
                    let params = vec![Param::text(endpoint), Param::text(event)];
                    executor.run_ids(sql, params).await
                })
            })
            .await?;
        match runs.is_empty() {
            true => Ok(Vec::new()),
            false => self.records_of(runs).await,
        }
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<RunStatus>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let runs = self
            .others
            .submit(move |executor| {
                Box::pin(async move {
                    let sql = "SELECT id FROM live_runs ORDER BY id LIMIT $1";
                    executor.run_ids(sql, vec![Param::int(limit)]).await
                })
            })
            .await?;
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let ids = runs.clone();
        self.in_scope(BatchScope::read_runs(runs), move |transaction| {
            let statuses = ids.iter().map(|run| {
                let run = RunId(run.unsigned_abs());
                transaction.status(run)
            });
            statuses.collect()
        })
        .await
    }

    async fn has_queued_before(&self, time: Timestamp) -> Result<bool, StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.has_queued_before(time)))
            .await
    }

    async fn oldest_queued_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.oldest_queued_at()))
            .await
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.counts()))
            .await
    }

    async fn shift_clock(&self, by: SignedDuration) -> Result<(), StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.shift_clock(by)))
            .await
    }

    async fn set_revision(&self, revision: Revision) -> Result<RevisionId, StoreError> {
        let settings = revision.settings.clone();
        *self.redacts.lock().unwrap_or_else(PoisonError::into_inner) = !settings.redact.is_empty();
        self.shared.archive.redact(&settings.redact);
        let request = CommitRequest::Settings(Box::new(settings.clone()));
        self.committer.send(request).await.map_err(|_| stopped())?;
        self.others
            .submit(move |executor| {
                Box::pin(async move {
                    executor.workspace.state().settings = settings;
                    executor.set_revision(&revision).await
                })
            })
            .await
    }

    async fn integration_scopes(&self, integration: &str) -> Result<Vec<String>, StoreError> {
        let integration = integration.to_owned();
        self.others
            .submit(move |executor| Box::pin(executor.integration_scopes(integration)))
            .await
    }

    async fn integration_settings(
        &self,
        integration: &str,
        scope: &str,
    ) -> Result<Option<Value>, StoreError> {
        let scope = SettingsScope::new(integration, scope);
        self.others
            .submit(move |executor| {
                Box::pin(async move { executor.integration_settings(&scope).await })
            })
            .await
    }

    async fn patch_integration_settings(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let scope = SettingsScope::new(integration, scope);
        self.others
            .submit(move |executor| {
                Box::pin(async move { executor.patch_integration_settings(scope, patch).await })
            })
            .await
    }

    fn awaited(&self) -> Arc<AwaitedTypes> {
        self.shared.awaited.load_full()
    }

    async fn count_waiters(&self) -> Result<u64, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.count_waiters()))
            .await
    }

    fn archive_unmatched(
        &self,
        event: UnmatchedEvent,
        revision: RevisionId,
        received: Timestamp,
        delivery: Option<DeliveryPart>,
    ) {
        self.shared
            .archive
            .put(&event, revision, received, delivery);
    }

    fn next_delivery(&self) -> DeliveryId {
        self.new_delivery_id()
    }

    fn record_delivery(&self, delivery: Delivery) {
        self.shared.deliveries.put(delivery);
    }

    fn record_exchange(&self, exchange: RecordedExchange) {
        self.shared.exchanges.put(exchange);
    }

    async fn record_command(&self, command: GivenCommand) -> Result<(), StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.write_command(command)))
            .await
    }

    async fn record_minute(&self, minute: Minute) -> Result<(), StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.write_minute(minute)))
            .await
    }

    async fn minutes_since(&self, minute: i64) -> Result<Vec<Minute>, StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.minutes_since(minute)))
            .await
    }

    async fn last_ticks(&self) -> Result<Vec<LastTick>, StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.last_ticks()))
            .await
    }

    async fn note_ticks(&self, ticks: Vec<LastTick>, gone: Vec<String>) -> Result<(), StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.write_ticks(ticks, gone)))
            .await
    }

    async fn untraced_runs(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<UntracedRun>, StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.untraced_runs(until, limit)))
            .await
    }

    async fn forget_untraced(&self, runs: Vec<UntracedRun>) -> Result<(), StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.forget_untraced(runs)))
            .await
    }

    async fn limit_untraced(&self, most: usize) -> Result<u64, StoreError> {
        self.others
            .submit(move |executor| Box::pin(executor.limit_untraced(most)))
            .await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.write_buffers()))
            .await
    }

    fn health(&self) -> Result<(), String> {
        self.shared.check(self.committer.capacity())
    }

    fn storage(&self) -> StorageUse {
        self.shared.storage()
    }
}
