//! The store on Postgres, for several daemons at once. What is decided is decided by the code of the SQLite store: each
//! transaction locks the keys that it concerns, loads their rows into a database in memory, and writes back what changed.

mod buffers;
mod cell;
mod claim;
mod committer;
mod connection;
mod connector;
mod counts;
mod error;
mod executor;
mod housekeeping;
mod job;
mod lease;
mod load;
mod low_water;
mod notify;
pub mod pushed;
pub mod reader;
mod records;
mod schema;
mod scope;
mod session;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod thread;
pub mod transfer;
mod versions;
mod workspace;
mod write_back;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::store::history::EventRowId;
use crate::store::integration_settings::SettingsScope;
use crate::store::lease::BEAT;
use crate::store::sqlite::commit::EncodedEvent;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::sqlite::writer::Commits;
use crate::store::{
    Advance, ClaimRequest, ClaimedRun, Committed, Delivery, DeliveryId, DeliveryPart, GivenCommand,
    IncomingEvent, Membership, Minute, RecoveryReport, Revision, RevisionId, RunRecord, RunStatus,
    StorageUse, Store, StoreError, StoreSettings, UnmatchedEvent,
};
use committer::CommitRequest;
use executor::Requests;
use flowtrigger_core::event::Event;
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{RunId, RunState};
use job::{AdvanceJob, CommitJob, OwnClaims, RunJob};
use scope::BatchScope;
use session::Param;
use shared::Shared;
use thread::Threads;

pub use error::PostgresOpenError;
pub use housekeeping::DatabaseUse;
pub use lease::DaemonIdentity;
pub use schema::SCHEMA;
pub use settings::{ConnectionSettings, PostgresSettings, StatementMode, Tls};
pub use shared::TimeSource;

/// How a process uses the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRole {
    /// Joins the daemons, claims runs, and does the periodic work.
    Daemon,
    /// Gives commands beside the daemons.
    Command,
}

/// A store on Postgres. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    committer: mpsc::Sender<CommitRequest>,
    claims: Requests,
    others: Requests,
    own: OwnClaims,
    identity: Arc<Mutex<DaemonIdentity>>,
    /// Fields to redact are configured.
    redacts: Arc<Mutex<bool>>,
    /// The last id of a request.
    last_delivery: Arc<AtomicU64>,
    /// The last field, so that the threads end after their senders are gone.
    _threads: Arc<Threads>,
}

/// Ids of requests are times: milliseconds, then the slot of the daemon, then a number.
const IDS_PER_MILLISECOND: u64 = 4_096;
const IDS_PER_SLOT: u64 = 64;

impl PostgresStore {
    /// Connects as a daemon, creates or upgrades the schema, and queues the runs again that other daemons left.
    pub async fn connect(
        settings: &PostgresSettings,
        store: StoreSettings,
    ) -> Result<(Self, RecoveryReport), PostgresOpenError> {
        Self::start(
            settings,
            store,
            ConnectionRole::Daemon,
            TimeSource::Database,
        )
        .await
    }

    /// Connects for one command, beside the daemons.
    pub async fn connect_for_command(
        settings: &PostgresSettings,
        store: StoreSettings,
    ) -> Result<Self, PostgresOpenError> {
        let started = Self::start(
            settings,
            store,
            ConnectionRole::Command,
            TimeSource::Database,
        )
        .await;
        Ok(started?.0)
    }

    /// Connects as a daemon in another role or by another clock.
    pub async fn start(
        settings: &PostgresSettings,
        store: StoreSettings,
        role: ConnectionRole,
        time: TimeSource,
    ) -> Result<(Self, RecoveryReport), PostgresOpenError> {
        thread::start(settings.connection()?, store, role, time).await
    }

    /// What `status` shows of this daemon.
    pub fn set_identity(&self, identity: DaemonIdentity) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    pub fn commits(&self) -> &Commits {
        &self.shared.commits
    }

    /// Unmatched events that were archived, and those that were lost.
    pub fn archived(&self) -> (u64, u64) {
        let archive = &self.shared.archive;
        (archive.written.get(), archive.lost.get())
    }

    /// Exchanges of attempts that were written, and those that were lost.
    pub fn recorded(&self) -> (u64, u64) {
        let exchanges = &self.shared.exchanges;
        (exchanges.written.get(), exchanges.lost.get())
    }

    /// Bytes of the archived events.
    pub fn archive_size(&self) -> u64 {
        self.shared.used().archive_bytes
    }

    /// What the last maintenance saw of the database.
    pub fn database_use(&self) -> DatabaseUse {
        self.shared.used()
    }

    async fn on_runs<T: Send + 'static>(
        &self,
        runs: impl IntoIterator<Item = i64>,
        work: impl FnMut(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.in_scope(BatchScope::whole_runs(runs), work).await
    }

    async fn in_scope<T: Send + 'static>(
        &self,
        scope: BatchScope,
        work: impl FnMut(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = RunJob {
            scope,
            work: Box::new(work),
            result: None,
            reply,
        };
        let request = CommitRequest::Job(Box::new(job));
        self.committer.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn records_of(&self, runs: Vec<i64>) -> Result<Vec<RunRecord>, StoreError> {
        let ids = runs.clone();
        self.in_scope(BatchScope::read_runs(runs), move |transaction| {
            let mut records = Vec::with_capacity(ids.len());
            for run in &ids {
                records.extend(transaction.record(RunId(run.unsigned_abs()))?);
            }
            Ok(records)
        })
        .await
    }

    /// Ends the runs that crashed too often.
    async fn quarantine(&self, report: &RecoveryReport) -> Result<(), StoreError> {
        for run in &report.quarantined {
            let run = *run;
            let why = format!(
                "quarantined: daemons ended again and again while this run was running; check its step, then run `flowtrigger runs retry {}`",
                run.0
            );
            let held = RunState::Held { why };
            self.on_runs([id(run)], move |transaction| {
                let now = transaction.now();
                match transaction.run_state(run)? {
                    RunState::Queued => transaction.transition(run, &held, now),
                    _ => Ok(()),
                }
            })
            .await?;
        }
        Ok(())
    }
}

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
        let (reply, answer) = oneshot::channel();
        let job = RunJob {
            scope: BatchScope {
                stored: vec![event.0],
                ..BatchScope::default()
            },
            work: Box::new(move |transaction: &mut WriteTransaction<'_>| {
                transaction.stored_event(event)
            }),
            result: None,
            reply,
        };
        let request = CommitRequest::Job(Box::new(job));
        self.committer.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
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

/// A run as a column has it.
fn id(run: RunId) -> i64 {
    i64::try_from(run.0).unwrap_or(i64::MAX)
}

fn stopped() -> StoreError {
    StoreError::Unreachable("the store has stopped; see the log".to_owned())
}
