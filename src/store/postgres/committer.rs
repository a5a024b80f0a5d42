//! The thread that commits: takes the jobs that wait together, locks what they concern, decides them in the workspace and
//! commits them as one transaction in three round trips.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::connector::Connector;
use super::counts::{RunTally, write_counts};
use super::discover::{check_summaries, check_waiters, check_windows, discover};
use super::error::PostgresError;
use super::job::{BatchJob, KnownRows};
use super::load::load;
use super::schema::ensure_days;
use super::scope::BatchScope;
use super::session::{Param, Pipeline, PostgresSession};
use super::shared::{Counter, NOW, Shared, TimeSource};
use super::subjects::{NotedSubjects, VERSION, read_subjects};
use super::versions::intern;
use super::workspace::Workspace;
use super::write_back::write_back;
use crate::store::sqlite::writer_state::ReservedNumbers;
use crate::store::{StoreError, StoreSettings};
use flowtrigger_core::rule::Rule;

/// Jobs in one transaction: enough to share its cost, few enough to keep the first from waiting long.
const MAX_BATCH: usize = 256;
/// How often a transaction is repeated that conflicts with others.
const MAX_ATTEMPTS: usize = 8;

/// Inserts the keys that do not exist, and locks them all, in ascending order.
const LOCK: &str = "INSERT INTO keys (key) SELECT key FROM unnest($1::bigint[]) AS wanted(key)
    ON CONFLICT (key) DO UPDATE SET key = keys.key WHERE false";

/// A new setting, or a job.
pub enum CommitRequest {
    Job(Box<dyn BatchJob>),
    /// From now on these limits count, and these fields are redacted.
    Settings(Box<StoreSettings>),
}

pub struct Committer {
    shared: Arc<Shared>,
    connector: Connector,
    workspace: Workspace,
    tally: RunTally,
    noted: NotedSubjects,
    /// Days whose partitions exist.
    days: HashSet<i64>,
    /// Its rows in `run_counts`.
    counter: i64,
}

impl Committer {
    pub fn new(
        shared: Arc<Shared>,
        connector: Connector,
        settings: StoreSettings,
    ) -> Result<Self, PostgresError> {
        Ok(Self {
            shared,
            connector,
            workspace: Workspace::new(settings)?,
            tally: RunTally::default(),
            noted: NotedSubjects::default(),
            days: HashSet::new(),
            counter: 0,
        })
    }

    /// Works until all senders are gone.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<CommitRequest>) {
        while let Some(first) = inbox.recv().await {
            let mut jobs = Vec::new();
            self.take(first, &mut jobs);
            while jobs.len() < MAX_BATCH
                && let Ok(next) = inbox.try_recv()
            {
                self.take(next, &mut jobs);
            }
            if !jobs.is_empty() {
                self.commit(jobs).await;
            }
        }
    }

    fn take(&mut self, request: CommitRequest, jobs: &mut Vec<Box<dyn BatchJob>>) {
        match request {
            CommitRequest::Job(job) => jobs.push(job),
            CommitRequest::Settings(settings) => self.workspace.state().settings = *settings,
        }
    }

    async fn commit(&mut self, mut jobs: Vec<Box<dyn BatchJob>>) {
        let began = Instant::now();
        let shared = Arc::clone(&self.shared);
        let _in_progress = shared.commits.progress.begin();
        let result = self.transact(&mut jobs).await;
        let result = match result {
            Err(error) if jobs.len() > 1 && self.connector.is_connected() => {
                // One job may be the reason: each is committed alone.
                tracing::warn!(%error, jobs = jobs.len(), "batch not committed; committing its jobs one by one");
                for job in jobs {
                    let mut alone = vec![job];
                    let result = self.transact(&mut alone).await;
                    self.finish(alone, result, began);
                }
                return;
            }
            result => result,
        };
        self.finish(jobs, result, began);
    }

    fn finish(
        &self,
        jobs: Vec<Box<dyn BatchJob>>,
        result: Result<(), PostgresError>,
        began: Instant,
    ) {
        self.shared.commits.count(jobs.len(), began.elapsed());
        let result = result.map_err(|error| {
            if self.shared.health.fail(&error.to_string(), Instant::now()) {
                tracing::error!(%error, "store commit failed");
            }
            StoreError::from(error)
        });
        if result.is_ok() {
            self.shared.health.recover();
        }
        for job in jobs {
            job.finish(result.clone());
        }
    }

    /// Repeats the transaction while it conflicts with those of other daemons.
    async fn transact(&mut self, jobs: &mut [Box<dyn BatchJob>]) -> Result<(), PostgresError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let result = self.attempt(jobs).await;
            self.workspace.clear()?;
            match result {
                Err(error) if error.is_repeatable() && attempt < MAX_ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(attempt as u64)).await;
                }
                Err(error) if error.is_missing_partition() && attempt < MAX_ATTEMPTS => {
                    self.days.clear();
                }
                result => return result,
            }
        }
    }

    async fn attempt(&mut self, jobs: &mut [Box<dyn BatchJob>]) -> Result<(), PostgresError> {
        let session = self.connector.session().await?;
        let rules = distinct_rules(jobs);
        intern(session, &mut self.workspace, &rules).await?;
        self.tally.refresh(session).await?;
        let subjects: Vec<_> = jobs.iter().flat_map(|job| job.subjects()).collect();
        self.noted.note(session, &self.shared, &subjects).await?;
        let awaited = self.shared.awaited.load_full();
        self.workspace.state().awaited.store(Arc::clone(&awaited));
        let mut scope = BatchScope {
            awaited_version: awaited.version,
            ..BatchScope::default()
        };
        let rows = KnownRows {
            queues: &self.workspace.state().queues,
            awaited: &awaited,
        };
        for job in jobs.iter() {
            scope.add(&job.scope(&rows));
        }
        discover(session, &mut scope).await?;
        let membership = self.shared.member();
        self.counter = membership.counter(Counter::Commits);
        let missing = Self::transaction(
            session,
            &mut self.workspace,
            &self.days,
            &self.shared,
            &mut self.tally,
            (&scope, jobs),
            self.counter,
        )
        .await;
        let missing = match missing {
            Ok(missing) if missing.is_empty() => return Ok(()),
            Ok(missing) => missing,
            Err(error) => {
                self.connector.roll_back(&error).await;
                if matches!(error, PostgresError::Outdated) {
                    // Perhaps another daemon has added what its runs wait for.
                    read_subjects(self.connector.session().await?, &self.shared).await?;
                }
                return Err(error);
            }
        };
        // Partitions are created by a transaction of their own; the one of the jobs is repeated.
        let ended = session.plain("ROLLBACK").await;
        let created = match ended {
            Ok(()) => ensure_days(session, &missing).await,
            Err(error) => Err(error),
        };
        match created {
            Ok(()) => {
                self.days.extend(missing);
                Err(PostgresError::Outdated)
            }
            Err(error) => {
                self.connector.roll_back(&error).await;
                Err(error)
            }
        }
    }

    /// Commits the jobs. If partitions of days are missing, returns these, and the transaction is still open.
    async fn transaction(
        session: &PostgresSession,
        workspace: &mut Workspace,
        days: &HashSet<i64>,
        shared: &Shared,
        tally: &mut RunTally,
        (scope, jobs): (&BatchScope, &mut [Box<dyn BatchJob>]),
        counter: i64,
    ) -> Result<Vec<i64>, PostgresError> {
        let keys: BTreeSet<i64> = scope.keys();
        let mut begin = Pipeline::default();
        begin.plain(session.begin().await?);
        begin.query(LOCK, vec![Param::ints(keys)]);
        // Drawn after the lock: the order of ids and positions of a lane is that of its commits.
        let draws = [scope.new_events, scope.new_runs, scope.new_positions];
        let draws = draws.map(|count| Param::int(count as i64)).to_vec();
        let drawn = begin.query(&draw_numbers(), draws);
        let answers = session.run(&begin).await?;
        let drawn = &answers[drawn][0];
        let database_now: i64 = drawn.try_get(0)?;
        let now = Timestamp::from_microsecond(database_now).unwrap_or(Timestamp::UNIX_EPOCH);
        let committed_at = match shared.time {
            TimeSource::Database => Some(now),
            TimeSource::Caller => None,
        };
        let given = scope_time(jobs);
        if let Some(given) = given {
            shared.note_given(given);
        }
        let now = shared.time(now);
        let gates_at = committed_at.or(given).unwrap_or(now);
        let numbers = |index: usize| -> Result<VecDeque<i64>, PostgresError> {
            Ok(drawn.try_get::<_, Vec<i64>>(index)?.into())
        };
        let reserved = ReservedNumbers {
            events: numbers(1)?,
            runs: numbers(2)?,
            positions: numbers(3)?,
        };
        if scope.awaited_version != (drawn.try_get(4)?, drawn.try_get(5)?) {
            return Err(PostgresError::Outdated);
        }
        load(session, workspace, scope, gates_at).await?;
        check_waiters(workspace, scope)?;
        check_windows(workspace, scope)?;
        check_summaries(workspace, scope)?;
        workspace.begin(now, committed_at, reserved, tally);
        workspace.set_claims();
        for job in jobs.iter_mut() {
            job.execute(workspace)?;
        }
        let mut write = write_back(workspace, shared.member().daemon)?;
        let missing: Vec<i64> = write
            .days
            .iter()
            .copied()
            .filter(|day| !days.contains(day))
            .collect();
        if !missing.is_empty() {
            return Ok(missing);
        }
        write_counts(&mut write.pipeline, counter, &write.counts);
        write.pipeline.plain("COMMIT");
        session.run(&write.pipeline).await?;
        tally.add(&write.counts);
        if write.has_ready {
            shared.notifier.changed();
        }
        Ok(missing)
    }
}

/// The clock, numbers for new events, runs and positions, and the version of what runs wait for.
fn draw_numbers() -> String {
    let draw = |sequence: &str, count: &str| {
        format!("ARRAY(SELECT nextval('{sequence}') FROM generate_series(1, {count}))")
    };
    format!(
        "SELECT ({NOW}), {}, {}, {}, {VERSION}",
        draw("event_ids", "$1"),
        draw("run_ids", "$2"),
        draw("positions", "$3")
    )
}

fn distinct_rules(jobs: &[Box<dyn BatchJob>]) -> Vec<Arc<Rule>> {
    let mut seen = HashSet::new();
    let rules = jobs.iter().flat_map(|job| job.rules());
    rules
        .filter(|rule| seen.insert(rule.version.fingerprint))
        .collect()
}

/// The earliest time that a job of a test gives.
fn scope_time(jobs: &[Box<dyn BatchJob>]) -> Option<Timestamp> {
    jobs.iter().filter_map(|job| job.time()).min()
}
