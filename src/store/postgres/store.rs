//! [`PostgresStore`] as a [`Store`]: what commits goes to the commit thread, claims to theirs, and the rest to the third.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::committer::CommitRequest;
use super::job::{AdvanceJob, CommitJob};
use super::run_job::stopped;
use super::scope::BatchScope;
use super::session::Param;
use super::shared::TimeSource;
use super::{IDS_PER_MILLISECOND, IDS_PER_SLOT, PostgresStore, id, thread};
use crate::store::history::EventRowId;
use crate::store::integration_settings::SettingsScope;
use crate::store::lease::BEAT;
use crate::store::sqlite::commit::EncodedEvent;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{
    Advance, ClaimRequest, ClaimedRun, Committed, Delivery, DeliveryId, DeliveryPart, GivenCommand,
    IncomingEvent, Membership, Minute, RecoveryReport, Revision, RevisionId, RunRecord, RunStatus,
    StorageUse, Store, StoreError, UnmatchedEvent,
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
        identity
            .unwrap_or_else(PoisonError::into_inner)
            .reload_failed = failed;
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
        // An event without runs is not remembered, but its redelivery may be known.
        let events = events.into_iter().map(EncodedEvent::new).collect();
        let (reply, answer) = oneshot::channel();
        let job = CommitJob {
            events,
            result: None,
            reply,
        };
        let request = CommitRequest::Job(Box::new(job));
        let sent = tokio::time::timeout(thread::SUBMIT_TIMEOUT, self.committer.send(request)).await;
        sent.map_err(|_| StoreError::Busy)?.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        self.claims
            .submit(move |executor| Box::pin(executor.claim(request)))
            .await
    }

    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        let redacts = *self.redacts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers = Vec::with_capacity(advances.len());
        for advance in advances {
            let (reply, answer) = oneshot::channel();
            let job = AdvanceJob {
                advance,
                own: self.own.clone(),
                redacts,
                before: None,
                result: None,
                reply,
            };
            let sent = self.committer.send(CommitRequest::Job(Box::new(job))).await;
            answers.push(sent.map(|()| answer));
        }
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(match answer {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(stopped())),
                Err(_) => Err(stopped()),
            });
        }
        results
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

    /// The clock of the database decides, whatever that of a daemon does.
    async fn shift_clock(&self, by: SignedDuration) -> Result<(), StoreError> {
        match self.shared.time {
            TimeSource::Database => Ok(()),
            TimeSource::Caller => {
                self.others
                    .submit(move |executor| Box::pin(executor.shift_clock(by)))
                    .await
            }
        }
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
        let now = self.time(Timestamp::now());
        let millis = now.as_millisecond().unsigned_abs();
        let slot = self.shared.member().slot.unsigned_abs() * IDS_PER_SLOT;
        let first = millis * IDS_PER_MILLISECOND + slot;
        let next = |last: u64| match last >= first && last + 1 < first + IDS_PER_SLOT {
            true => last + 1,
            // More in one millisecond than a slot has ids, or the clock was set back.
            false if last >= first => (last / IDS_PER_MILLISECOND + 1) * IDS_PER_MILLISECOND + slot,
            false => first,
        };
        let mut last = self.last_delivery.load(Ordering::Relaxed);
        loop {
            let id = next(last);
            match self.last_delivery.compare_exchange_weak(
                last,
                id,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return DeliveryId(id),
                Err(current) => last = current,
            }
        }
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

    async fn flush(&self) -> Result<(), StoreError> {
        self.others
            .submit(|executor| Box::pin(executor.write_buffers()))
            .await
    }

    fn health(&self) -> Result<(), String> {
        self.shared.health.reason().map_or(Ok(()), |why| {
            Err(format!(
                "Postgres cannot be written to: {why}; it is tried again every {} s",
                BEAT.as_secs()
            ))
        })
    }

    fn storage(&self) -> StorageUse {
        StorageUse {
            bytes: self.shared.used().bytes,
            lost_events: self.shared.archive.lost.get(),
            lost_exchanges: self.shared.exchanges.lost.get(),
        }
    }
}
