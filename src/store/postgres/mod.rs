//! The store on Postgres, for several daemons at once. What is decided is decided by the code of the SQLite store: each
//! transaction locks the keys that it concerns, loads their rows into a database in memory, and writes back what changed.

mod answers;
mod buffers;
mod cell;
mod claim;
mod committer;
mod connection;
mod connector;
mod counts;
mod discover;
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
mod run_job;
mod schema;
mod scope;
mod session;
mod settings;
mod shared;
mod store;
mod subjects;
mod submission;
mod suspensions;
#[cfg(test)]
mod tests;
mod thread;
mod ticks;
mod traces;
pub mod transfer;
mod versions;
mod workspace;
mod write_back;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::store::sqlite::Commits;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{DeliveryId, RecoveryReport, RunRecord, Store, StoreError, StoreSettings};
use committer::CommitRequest;
use executor::Requests;
use flowtrigger_core::run::{RunId, RunState};
use job::OwnClaims;
use run_job::execute_in;
use scope::BatchScope;
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

    /// Rows of the list of deliveries that were written, and those that were lost.
    pub fn delivered(&self) -> (u64, u64) {
        let deliveries = &self.shared.deliveries;
        (deliveries.written.get(), deliveries.lost.get())
    }

    /// Bytes of the archived events.
    pub fn archive_size(&self) -> u64 {
        self.shared.used().archive_bytes
    }

    /// What the last maintenance saw of the database.
    pub fn database_use(&self) -> DatabaseUse {
        self.shared.used()
    }

    /// The id of the next request: of its time, and of the slot of this daemon.
    fn new_delivery_id(&self) -> DeliveryId {
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
        execute_in(&self.committer, scope, work).await
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
                if transaction.run_state(run)? == RunState::Queued {
                    transaction.transition(run, &held, now)?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

/// A run as a column has it.
fn id(run: RunId) -> i64 {
    i64::try_from(run.0).unwrap_or(i64::MAX)
}
