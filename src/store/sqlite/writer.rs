//! The one thread that writes: it takes what is asked together, commits it once, and answers then.
//! It answers nobody before the commit that covers the answer has returned; a failed fsync ends the
//! process, since nobody knows any more what is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};
use tokio::sync::{mpsc, oneshot};

use super::database::{self, Location};
use super::ledger::{Ledger, Memory};
use super::outcome::Outcome;
use crate::store::StoreError;

/// Orders that wait for the thread. One commit takes them all; more than this means that the disk is
/// seconds behind.
const QUEUE: usize = 512;
/// Orders in one commit: enough to share the fsync, few enough to keep the first from waiting long.
const BATCH: usize = 256;
/// How long an event may wait for a place in the queue before its sender is sent away.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between looks at what has to be done by the clock.
const TICK: Duration = Duration::from_millis(500);

/// How safe a change must be before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// Nothing is changed, or a crash of the program alone must not lose it: the system has it.
    System,
    /// On disk, whatever happens to the machine.
    Disk,
}

type Work = Box<dyn FnOnce(&mut Ledger<'_>) -> Verdict + Send>;
/// Tells whoever asked, once it is known whether the commit held.
type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What came of one order.
struct Verdict {
    outcome: Outcome,
    tell: Tell,
}

struct Job {
    safety: Safety,
    work: Work,
}

/// How often the thread committed, and how long that took: for the metrics.
#[derive(Debug, Default)]
pub struct Commits {
    pub count: AtomicU64,
    pub micros: AtomicU64,
    /// Orders that were answered by those commits.
    pub orders: AtomicU64,
}

/// The way to the thread. The thread ends with it, and the file is tidy then.
#[derive(Debug)]
pub struct Writer {
    /// None only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pub commits: Arc<Commits>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was told by the thread itself.
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({:?})", self.safety)
    }
}

impl Writer {
    /// Starts the thread on an open file.
    pub fn start(connection: Connection, memory: Memory) -> Self {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let commits = Arc::new(Commits::default());
        let desk = Desk {
            connection,
            memory,
            commits: Arc::clone(&commits),
        };
        tick(jobs.downgrade());
        let thread = std::thread::spawn(move || {
            let _end = EndOnPanic;
            desk.run(inbox);
        });
        Self {
            thread: Some(thread),
            jobs: Some(jobs),
            commits,
        }
    }

    fn jobs(&self) -> Result<&mpsc::Sender<Job>, StoreError> {
        self.jobs.as_ref().ok_or_else(gone)
    }

    /// Has the thread do something that only the queue's length may delay.
    pub async fn order<T: Send + 'static>(
        &self,
        safety: Safety,
        work: impl FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job(safety, work);
        self.jobs()?.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// The same, given up when the queue stays full.
    pub async fn order_in_time<T: Send + 'static>(
        &self,
        safety: Safety,
        work: impl FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job(safety, work);
        let sent = tokio::time::timeout(PATIENCE, self.jobs()?.send(job)).await;
        sent.map_err(|_| StoreError::Busy)?.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// From a thread that may wait: for commands on a folder that no daemon has.
    pub fn order_blocking<T: Send + 'static>(
        &self,
        safety: Safety,
        work: impl FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job(safety, work);
        self.jobs()?.blocking_send(job).map_err(|_| gone())?;
        answer.blocking_recv().map_err(|_| gone())?
    }
}

/// Asks for what the clock brings, until nobody else needs the thread.
fn tick(jobs: mpsc::WeakSender<Job>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            let Some(jobs) = jobs.upgrade() else { return };
            let (job, _) = job(Safety::Disk, |ledger: &mut Ledger<'_>| {
                ledger.tick().inspect_err(|error| {
                    tracing::error!(%error, "the store could not be tidied");
                })
            });
            // A full queue is looked after without us.
            drop(jobs.try_send(job));
        }
    });
}

fn job<T: Send + 'static>(
    safety: Safety,
    work: impl FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let work: Work = Box::new(move |ledger| {
        let result = work(ledger);
        Verdict {
            outcome: Outcome::of(&result),
            tell: Box::new(move |committed| {
                // Whoever asked may have gone; what was done stays done.
                drop(reply.send(committed.and(result)));
            }),
        }
    });
    (Job { safety, work }, answer)
}

/// Without its thread the store would refuse everything for ever, and nobody would see why.
struct EndOnPanic;

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                "a fault of the program stopped the store; the program ends, and the next start goes on from what is on disk: please report it"
            );
            std::process::exit(5);
        }
    }
}

/// What the most careful of them asks for.
fn needed(batch: &[Job]) -> Safety {
    let asked = batch.iter().map(|job| job.safety).max();
    asked.unwrap_or(Safety::System)
}

fn gone() -> StoreError {
    StoreError::Broken("the store could not do it; see the log".into())
}

enum Filed {
    Kept,
    Lost,
}

/// The thread's own things.
struct Desk {
    connection: Connection,
    memory: Memory,
    commits: Arc<Commits>,
}

impl Desk {
    fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(job) = inbox.try_recv()
            {
                batch.push(job);
            }
            self.commit(batch);
        }
        if let Location::File(_) = self.memory.location {
            // Where it cannot be made tidy, the next start does it.
            drop(self.leave_tidy());
        }
    }

    /// One file, without a log beside it.
    fn leave_tidy(&self) -> rusqlite::Result<()> {
        self.connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);")?;
        let closing = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(closing, false)?;
        Ok(())
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let began = Instant::now();
        let (count, safety) = (batch.len(), needed(&batch));
        let changes = self.connection.total_changes();
        let mut tells = Vec::with_capacity(batch.len());
        let done = self.begin(safety).and_then(|()| {
            for job in batch {
                tells.push(self.perform(job)?);
            }
            self.short("COMMIT")
        });
        let result = done.map_err(|error| self.undo(&error));
        self.settle_filed(match result {
            Ok(()) => Filed::Kept,
            Err(_) => Filed::Lost,
        });
        if result.is_ok() {
            if self.connection.total_changes() != changes {
                self.memory.unsynced = safety == Safety::System;
            }
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.commits.count.fetch_add(1, Ordering::Relaxed);
            self.commits.micros.fetch_add(took, Ordering::Relaxed);
            self.commits
                .orders
                .fetch_add(count as u64, Ordering::Relaxed);
        }
        for tell in tells {
            tell(result.clone());
        }
    }

    fn begin(&self, safety: Safety) -> rusqlite::Result<()> {
        match (&self.memory.location, safety) {
            (Location::Memory, _) => self.short("BEGIN"),
            (Location::File(_), Safety::System) => self
                .connection
                .execute_batch("PRAGMA synchronous = NORMAL; BEGIN"),
            (Location::File(_), Safety::Disk) => self
                .connection
                .execute_batch("PRAGMA synchronous = FULL; BEGIN"),
        }
    }

    /// A statement that is needed for every order: compiled once.
    fn short(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// One order in a savepoint of its own, so that a failing one takes no other with it.
    fn perform(&mut self, job: Job) -> rusqlite::Result<Tell> {
        self.short("SAVEPOINT job")?;
        let before = self.memory.filed;
        let mut ledger = Ledger::new(&self.connection, &mut self.memory);
        let verdict = (job.work)(&mut ledger);
        match verdict.outcome {
            Outcome::Failed => {}
            Outcome::Damaged => self.end_damaged(),
            Outcome::Done => {
                self.short("RELEASE job")?;
                return Ok(verdict.tell);
            }
        }
        if self.connection.is_autocommit() {
            // The failure undid the whole transaction: nothing of this batch stands.
            return Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_IOERR),
                Some("the disk refused a write".into()),
            ));
        }
        self.connection
            .execute_batch("ROLLBACK TO job; RELEASE job")?;
        self.memory.shelf.lost.add(self.memory.filed - before);
        self.memory.filed = before;
        self.memory.reload(&self.connection)?;
        Ok(verdict.tell)
    }

    /// Tells the figures of the archive, now that the fate of what went into it is known.
    fn settle_filed(&mut self, filed: Filed) {
        let count = std::mem::take(&mut self.memory.filed);
        let shelf = &self.memory.shelf;
        match filed {
            Filed::Kept => shelf.written.add(count),
            Filed::Lost => shelf.lost.add(count),
        }
        shelf
            .size
            .set(self.memory.archived.try_into().unwrap_or_default());
    }

    fn undo(&mut self, error: &rusqlite::Error) -> StoreError {
        tracing::error!(%error, "the store could not commit");
        self.end_if_hopeless(error);
        if !self.connection.is_autocommit() {
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        if let Err(error) = self.memory.reload(&self.connection) {
            tracing::error!(%error, "the store could not be read again");
            self.end_if_hopeless(&error);
        }
        StoreError::Broken(error.to_string())
    }

    /// After a failed fsync nobody knows what is on disk, and after damage nobody knows what is in
    /// the file: only a fresh start can tell.
    fn end_if_hopeless(&self, error: &rusqlite::Error) {
        let code = match error {
            rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code,
            _ => return,
        };
        let unsynced = matches!(
            code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_IOERR_TRUNCATE
        );
        if unsynced {
            tracing::error!(
                "the disk failed to keep what was written to it; the program ends, so that the next start sees what is really there: check the disk first"
            );
            std::process::exit(5);
        }
        if database::is_damage(error) {
            self.end_damaged();
        }
    }

    fn end_damaged(&self) -> ! {
        match &self.memory.location {
            Location::File(path) => {
                database::mark_damaged(path);
                tracing::error!(
                    database = %path.display(),
                    "the database is damaged; the program ends, and the next start sets the file aside"
                );
            }
            Location::Memory => {
                tracing::error!(
                    "the database in memory is damaged; the program ends: please report it"
                );
            }
        }
        std::process::exit(5);
    }
}
