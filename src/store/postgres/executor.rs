//! A thread that executes requests one after another on a connection of its own: claims on one, questions and periodic work on
//! another, so that neither waits for the commits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::buffers::UnwrittenRows;
use super::committer::CommitRequest;
use super::connector::Connector;
use super::error::PostgresError;
use super::housekeeping::Upkeep;
use super::job::OwnClaims;
use super::lease::DaemonIdentity;
use super::low_water::LowWater;
use super::run_job::stopped;
use super::session::Param;
use super::shared::{Shared, TimeSource};
use super::subjects::NotedSubjects;
use super::versions::store_revision;
use super::workspace::Workspace;
use crate::store::awaited::AwaitedSubject;
use crate::store::{Revision, RevisionId, StoreError, StoreSettings};

/// Requests that wait for the thread.
const QUEUE_CAPACITY: usize = 512;

type Done<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type RequestWork = Box<dyn for<'a> FnOnce(&'a mut Executor) -> Done<'a> + Send>;

/// Sends requests to an executor. The thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Requests(mpsc::Sender<Request>);

pub struct Request(RequestWork);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}

pub struct Executor {
    pub shared: Arc<Shared>,
    pub connector: Connector,
    pub workspace: Workspace,
    pub own: OwnClaims,
    pub committer: mpsc::Sender<CommitRequest>,
    /// The queue that a run was claimed from last.
    pub last_served: i64,
    /// Since when this daemon has received events: since its first claim.
    pub receiving_since: Option<Timestamp>,
    /// A claim was sent whose answer was lost: runs may belong to this daemon of which it does not know.
    pub lost_claims: bool,
    /// Where the search for ready runs begins.
    pub low_water: LowWater,
    /// The number of the last claim.
    pub last_claim: u32,
    pub upkeep: Upkeep,
    pub unwritten: UnwrittenRows,
    /// What runs of the rules in use may wait for.
    pub registered: Vec<AwaitedSubject>,
    pub noted: NotedSubjects,
    identity: Arc<Mutex<DaemonIdentity>>,
}

impl Executor {
    pub fn new(
        shared: Arc<Shared>,
        connector: Connector,
        settings: StoreSettings,
        own: OwnClaims,
        committer: mpsc::Sender<CommitRequest>,
        identity: Arc<Mutex<DaemonIdentity>>,
    ) -> Result<Self, PostgresError> {
        let mut workspace = Workspace::new(settings)?;
        // What the handles of the store have buffered is written by this thread.
        workspace.state().archive_buffer = Arc::clone(&shared.archive);
        Ok(Self {
            shared,
            connector,
            workspace,
            lost_claims: false,
            own,
            committer,
            receiving_since: None,
            last_served: 0,
            low_water: LowWater::default(),
            last_claim: 0,
            upkeep: Upkeep::default(),
            unwritten: UnwrittenRows::default(),
            registered: Vec::new(),
            noted: NotedSubjects::default(),
            identity,
        })
    }

    pub fn identity(&self) -> DaemonIdentity {
        self.identity
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Works until all senders are gone.
    pub async fn run(&mut self, mut inbox: mpsc::Receiver<Request>) {
        while let Some(request) = inbox.recv().await {
            self.execute(request).await;
        }
    }

    pub async fn execute(&mut self, Request(work): Request) {
        work(self).await;
    }

    /// Stores a revision as the one that this daemon evaluates events with.
    pub async fn set_revision(&mut self, revision: &Revision) -> Result<RevisionId, StoreError> {
        let daemon = self.shared.member().daemon;
        let session = self.connector.session().await.map_err(StoreError::from)?;
        self.registered.clone_from(&revision.awaited);
        self.noted
            .note(session, &self.shared, &self.registered)
            .await
            .map_err(StoreError::from)?;
        let now = self.shared.now(Timestamp::now()).as_microsecond();
        let stored = store_revision(session, revision, daemon, now)
            .await
            .map_err(StoreError::from)?;
        self.shared.set_revision(stored.0 as i64);
        Ok(stored)
    }

    /// Moves all times that are still to come, for tests that set their clock back. Otherwise the clock of the database
    /// decides, whatever that of a daemon does.
    pub async fn shift_clock(&mut self, by: SignedDuration) -> Result<(), StoreError> {
        match self.shared.time {
            TimeSource::Database => return Ok(()),
            TimeSource::Caller => {}
        }
        if let Some(since) = &mut self.receiving_since {
            *since = since.checked_add(by).unwrap_or(*since);
        }
        let by = i64::try_from(by.as_micros()).unwrap_or_default();
        let session = self.connector.session().await.map_err(StoreError::from)?;
        for sql in [
            "UPDATE live_runs SET due = due + $1 WHERE due IS NOT NULL",
            "UPDATE windows SET opened = opened + $1 WHERE open = 1",
            "UPDATE notices SET until = until + $1",
            "UPDATE waiters SET deadline = deadline + $1 WHERE deadline IS NOT NULL AND closed IS NULL",
            "UPDATE gate_admissions SET at = at + $1, until = until + $1",
        ] {
            let moved = session.query(sql, vec![Param::int(by)]).await;
            moved.map_err(StoreError::from)?;
        }
        Ok(())
    }
}

impl Requests {
    pub fn channel() -> (Self, mpsc::Receiver<Request>) {
        let (sender, inbox) = mpsc::channel(QUEUE_CAPACITY);
        (Self(sender), inbox)
    }

    /// Executes work on the thread and waits for its result.
    pub async fn submit<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(
            &'a mut Executor,
        ) -> Pin<Box<dyn Future<Output = Result<T, StoreError>> + 'a>>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let request = Request(Box::new(move |executor| {
            Box::pin(async move {
                // The caller may have stopped waiting.
                drop(reply.send(work(executor).await));
            })
        }));
        self.0.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}
