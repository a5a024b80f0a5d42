//! The writer thread: takes the jobs that are waiting together, commits them once and answers then. No job is answered
//! before the commit that covers its answer has returned, and a job that fails does not affect the others. A failed fsync
//! ends the process, because the state of the disk is unknown then.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};
use tokio::sync::mpsc;

use super::commits::Commits;
use super::damage::is_damage;
use super::database::Location;
use super::fatal::{self, EndOnPanic};
use super::file_identity::FileIdentity;
use super::job_outcome::JobOutcome;
use super::transaction::WriteTransaction;
use super::write_job::{JobAnswer, WriteJob, stopped};
use super::writer_state::{BufferedRows, WriterState};
use crate::store::StoreError;

/// Jobs that wait for the thread. One commit takes them all; more than this means that the disk is
/// seconds behind.
const QUEUE_CAPACITY: usize = 512;
/// Jobs in one commit: enough to share the fsync, few enough to keep the first from waiting long.
const MAX_BATCH: usize = 256;
/// How long an event may wait for a place in the queue before it is rejected.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two runs of the periodic work.
const TICK: Duration = Duration::from_millis(500);

/// How safe a change must be before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// The operating system has it: a crash of the process does not lose it.
    Buffered,
    /// Synced to disk: a power failure does not lose it.
    Synced,
}

/// Submits jobs to the thread. When it is dropped, the thread ends and leaves the file checkpointed.
#[derive(Debug)]
pub struct Writer {
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<WriteJob>>,
    thread: Option<JoinHandle<()>>,
    pub commits: Arc<Commits>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The thread itself reports a panic.
            drop(thread.join());
        }
    }
}

impl Writer {
    /// Starts the thread on an open database.
    pub fn start(connection: Connection, state: WriterState) -> Self {
        let (jobs, inbox) = mpsc::channel(QUEUE_CAPACITY);
        let commits = Arc::new(Commits::default());
        let writer = WriterThread::new(connection, state, Arc::clone(&commits));
        tick(jobs.downgrade());
        let thread = std::thread::spawn(move || {
            let _end = EndOnPanic;
            writer.run(inbox);
        });
        Self {
            thread: Some(thread),
            jobs: Some(jobs),
            commits,
        }
    }

    /// Why an event would be rejected now although the disk rejected nothing.
    pub fn check(&self) -> Result<(), String> {
        let free = self.jobs.as_ref().map_or(0, mpsc::Sender::capacity);
        self.commits.progress.check(free)
    }

    fn jobs(&self) -> Result<&mpsc::Sender<WriteJob>, StoreError> {
        self.jobs.as_ref().ok_or_else(stopped)
    }

    /// Waits for a place in the queue however long it takes, then for the answer.
    pub async fn submit<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.send(WriteJob::single(durability, work)).await
    }

    /// [`Self::submit`] for work that can be executed again: a batch of such jobs needs no savepoints.
    pub async fn submit_repeatable<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl Fn(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.send(WriteJob::repeatable(durability, work)).await
    }

    async fn send<T>(&self, (job, answer): (WriteJob, JobAnswer<T>)) -> Result<T, StoreError> {
        self.jobs()?.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Fails with [`StoreError::Busy`] if the queue stays full.
    pub async fn submit_with_timeout<T: Send + 'static>(
        &self,
        (job, answer): (WriteJob, JobAnswer<T>),
    ) -> Result<T, StoreError> {
        let sent = tokio::time::timeout(SUBMIT_TIMEOUT, self.jobs()?.send(job)).await;
        self.commits.progress.note_submission(&sent);
        sent.map_err(|_| StoreError::Busy)?.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Submits the periodic work until the writer is dropped.
fn tick(jobs: mpsc::WeakSender<WriteJob>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            let Some(jobs) = jobs.upgrade() else { return };
            let (job, _) = WriteJob::single(
                Durability::Synced,
                |transaction: &mut WriteTransaction<'_>| {
                    transaction.tick().inspect_err(|error| {
                        tracing::error!(%error, "store maintenance failed");
                    })
                },
            );
            // If the queue is full, the next tick does it.
            drop(jobs.try_send(job));
        }
    });
}

/// The strictest durability that a job of the batch asks for.
fn durability_of(batch: &[WriteJob]) -> Durability {
    let expected = batch.iter().map(|job| job.durability).max();
    expected.unwrap_or(Durability::Buffered)
}

const WRITE_FAILED: &str = "the disk rejected a write";

enum BufferResult {
    Written,
    Lost,
}

/// What became of jobs that were executed without savepoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BatchResult {
    Committed,
    /// One failed: nothing is kept.
    RolledBack,
}

/// The work of the thread.
pub struct WriterThread {
    pub connection: Connection,
    /// `None` in memory.
    identity: Option<FileIdentity>,
    state: WriterState,
    commits: Arc<Commits>,
    /// The durability that the connection is set to; `None` before the first commit.
    set_durability: Option<Durability>,
}

impl WriterThread {
    pub fn new(connection: Connection, state: WriterState, commits: Arc<Commits>) -> Self {
        let identity = match &state.location {
            Location::File(path) => Some(FileIdentity::of(path)),
            Location::Memory => None,
        };
        Self {
            identity,
            connection,
            state,
            commits,
            set_durability: None,
        }
    }

    fn run(mut self, mut inbox: mpsc::Receiver<WriteJob>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < MAX_BATCH
                && let Ok(job) = inbox.try_recv()
            {
                batch.push(job);
            }
            self.commit(batch);
        }
        if let Location::File(_) = self.state.location {
            // If it fails, the next start does it.
            drop(self.checkpoint());
        }
    }

    /// Leaves one file, without a write-ahead log beside it.
    fn checkpoint(&self) -> rusqlite::Result<()> {
        self.connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);")?;
        let closing = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(closing, false)?;
        Ok(())
    }

    /// Executes jobs together, and answers them.
    pub fn commit(&mut self, mut batch: Vec<WriteJob>) {
        let began = Instant::now();
        let commits = Arc::clone(&self.commits);
        let _in_progress = commits.progress.begin();
        let (count, durability) = (batch.len(), durability_of(&batch));
        let changes = self.connection.total_changes();
        let result = self.execute(&mut batch, durability);
        let result = result.map_err(|error| self.roll_back(&error));
        self.end_if_lost();
        self.count_buffered(match result {
            Ok(()) => BufferResult::Written,
            Err(_) => BufferResult::Lost,
        });
        if result.is_ok() {
            self.state.claims.keep();
            if self.connection.total_changes() != changes {
                self.state.unsynced = durability == Durability::Buffered;
                self.state.health.recover();
            }
            self.commits.count(count, began.elapsed());
        }
        for job in batch {
            job.answer(result.clone());
        }
    }

    /// Executes the jobs in one transaction, and commits it.
    fn execute(&mut self, batch: &mut [WriteJob], durability: Durability) -> rusqlite::Result<()> {
        if batch.iter().all(WriteJob::is_repeatable)
            && self.execute_together(batch, durability)? == BatchResult::Committed
        {
            return Ok(());
        }
        self.begin(durability)?;
        for job in batch {
            self.execute_apart(job)?;
        }
        self.statement("COMMIT")
    }

    /// Executes jobs without savepoints, in which SQLite copies each page that a job changes. If one fails, none is kept.
    fn execute_together(
        &mut self,
        batch: &mut [WriteJob],
        durability: Durability,
    ) -> rusqlite::Result<BatchResult> {
        self.begin(durability)?;
        for job in batch {
            let mut transaction = WriteTransaction::new(&self.connection, &mut self.state);
            match job.execute(&mut transaction) {
                JobOutcome::Done => {}
                JobOutcome::Damaged => fatal::damaged(&self.state.location),
                JobOutcome::Failed => {
                    if !self.connection.is_autocommit() {
                        self.connection.execute_batch("ROLLBACK")?;
                    }
                    self.state.claims.undo_to(0);
                    self.state.reload(&self.connection)?;
                    return Ok(BatchResult::RolledBack);
                }
            }
        }
        self.statement("COMMIT")?;
        Ok(BatchResult::Committed)
    }

    fn begin(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.state.location != Location::Memory && self.set_durability != Some(durability) {
            self.connection.execute_batch(match durability {
                Durability::Buffered => "PRAGMA synchronous = NORMAL",
                Durability::Synced => "PRAGMA synchronous = FULL",
            })?;
            self.set_durability = Some(durability);
        }
        self.statement("BEGIN")
    }

    /// A statement of every batch or job: compiled once.
    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Executes one job in its own savepoint, so that its failure does not affect the others.
    fn execute_apart(&mut self, job: &mut WriteJob) -> rusqlite::Result<()> {
        self.statement("SAVEPOINT job")?;
        let before = self.state.buffered;
        let claims = self.state.claims.changes();
        let mut transaction = WriteTransaction::new(&self.connection, &mut self.state);
        let outcome = job.execute(&mut transaction);
        let failure = job.failure().map(ToString::to_string);
        let failure = failure.as_deref().unwrap_or(WRITE_FAILED);
        match outcome {
            JobOutcome::Failed => {
                self.state.health.fail(failure, Instant::now());
            }
            JobOutcome::Damaged => fatal::damaged(&self.state.location),
            JobOutcome::Done => return self.statement("RELEASE job"),
        }
        if self.connection.is_autocommit() {
            // The failure rolled the whole transaction back: no job of this batch is kept.
            return Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_IOERR),
                Some(failure.to_owned()),
            ));
        }
        self.connection
            .execute_batch("ROLLBACK TO job; RELEASE job")?;
        self.state.lose_buffered_since(before);
        self.state.claims.undo_to(claims);
        self.state.reload(&self.connection)
    }

    /// Updates the numbers of the buffers once it is known whether their rows were committed.
    fn count_buffered(&mut self, result: BufferResult) {
        match result {
            BufferResult::Written => self.state.count_buffered(),
            BufferResult::Lost => self.state.lose_buffered_since(BufferedRows::default()),
        }
        let archive = &self.state.archive_buffer;
        archive
            .size
            .set(self.state.archived.try_into().unwrap_or_default());
    }

    fn roll_back(&mut self, error: &rusqlite::Error) -> StoreError {
        if self.state.health.fail(&error.to_string(), Instant::now()) {
            tracing::error!(%error, "store commit failed");
        }
        self.end_if_unrecoverable(error);
        if !self.connection.is_autocommit() {
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.state.claims.undo_to(0);
        if let Err(error) = self.state.reload(&self.connection) {
            tracing::error!(%error, "store reload failed");
            self.end_if_unrecoverable(&error);
        }
        StoreError::Broken(error.to_string())
    }

    /// After a failed fsync the state of the disk is unknown, and after damage the content of the file: only
    /// a fresh start can find out.
    fn end_if_unrecoverable(&self, error: &rusqlite::Error) {
        let code = match error {
            rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code,
            _ => return,
        };
        let unsynced = matches!(
            code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_IOERR_TRUNCATE
        );
        if unsynced {
            fatal::unsynced();
        }
        if is_damage(error) {
            fatal::damaged(&self.state.location);
        }
    }

    /// A commit to a lost file must not be answered. The periodic work commits too, so that an idle process ends
    /// as well.
    fn end_if_lost(&mut self) {
        if let Some(file) = self.identity.as_mut().and_then(FileIdentity::lost) {
            fatal::lost(file);
        }
    }
}
