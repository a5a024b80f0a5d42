//! Starts the threads of a store: one commits, one claims, one does everything else. They end with the store.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::committer::{CommitRequest, Committer};
use super::connection::connect;
use super::connector::Connector;
use super::error::{PostgresError, PostgresOpenError};
use super::executor::{Executor, Request, Requests};
use super::job::OwnClaims;
use super::lease::{DaemonIdentity, join};
use super::notify;
use super::schema::migrate;
use super::settings::ConnectionSettings;
use super::shared::{Member, NOW, Shared, TimeSource};
use super::{ConnectionRole, PostgresStore};
use crate::store::{RecoveryReport, StoreSettings};

/// Jobs that wait for the commit thread. One commit takes them all; more than this means that the server is seconds behind.
const COMMIT_QUEUE: usize = 512;
/// How long an event may wait for a place in the queue before it is rejected.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two writes of the buffers.
const TICK: Duration = Duration::from_millis(500);
/// Between two maintenances.
const MAINTENANCE: Duration = Duration::from_secs(30);

/// The threads of a store.
#[derive(Debug, Default)]
pub struct Threads(Mutex<Vec<JoinHandle<()>>>);

impl Drop for Threads {
    fn drop(&mut self) {
        let threads = self.0.get_mut().map(std::mem::take).unwrap_or_default();
        for thread in threads {
            // The thread itself reports a panic.
            drop(thread.join());
        }
    }
}

/// Runs a future on a thread of its own, whose tasks need not be `Send`.
fn spawn<F: Future<Output = ()>>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
) -> JoinHandle<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let spawned = thread.spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime without threads can be started");
        LocalSet::new().block_on(&runtime, work());
    });
    spawned.expect("a thread can be started")
}

/// Connects, prepares the database and starts the threads.
pub async fn start(
    settings: ConnectionSettings,
    store: StoreSettings,
    role: ConnectionRole,
    time: TimeSource,
) -> Result<(PostgresStore, RecoveryReport), PostgresOpenError> {
    let shared = Arc::new(Shared::new(time));
    shared.archive.redact(&store.redact);
    let own = OwnClaims::default();
    let identity = Arc::new(Mutex::new(DaemonIdentity::of_process()));
    let (committer, commits) = mpsc::channel(COMMIT_QUEUE);
    let (claims, claim_inbox) = Requests::channel();
    let (others, other_inbox) = Requests::channel();
    let (ready, prepared) = oneshot::channel();
    let mut threads = Vec::new();
    let parts = ThreadParts {
        shared: Arc::clone(&shared),
        settings: settings.clone(),
        store: store.clone(),
        own: own.clone(),
        identity: Arc::clone(&identity),
    };
    let executor = parts.clone();
    let to_commit = committer.clone();
    threads.push(spawn("postgres", move || async move {
        let opened = open(&executor, to_commit, role).await;
        match opened {
            Err(error) => drop(ready.send(Err(error))),
            Ok((executor, report)) => {
                drop(ready.send(Ok(report)));
                work(executor, other_inbox, role, settings).await;
            }
        }
    }));
    let stopped = || PostgresOpenError::Unusable {
        server: parts.settings.server.clone(),
        why: "the thread of the store ended".to_owned(),
    };
    let report = prepared.await.map_err(|_| stopped())??;
    let claimer = parts.clone();
    let to_commit = committer.clone();
    threads.push(spawn("postgres claims", move || async move {
        match claimer.executor(to_commit) {
            Ok(mut executor) => executor.run(claim_inbox).await,
            Err(error) => tracing::error!(%error, "the thread that claims runs cannot start"),
        }
    }));
    let committing = parts.clone();
    threads.push(spawn("postgres commits", move || async move {
        let connector = Connector::new(committing.settings);
        match Committer::new(committing.shared, connector, committing.store) {
            Ok(thread) => thread.run(commits).await,
            Err(error) => tracing::error!(%error, "the thread that commits cannot start"),
        }
    }));
    let store = PostgresStore {
        shared,
        committer,
        claims,
        others,
        own,
        identity,
        redacts: Arc::new(Mutex::new(!store.redact.is_empty())),
        last_delivery: Arc::new(AtomicU64::new(0)),
        _threads: Arc::new(Threads(Mutex::new(threads))),
    };
    store
        .quarantine(&report)
        .await
        .map_err(|error| PostgresOpenError::Unusable {
            server: parts.settings.server,
            why: error.to_string(),
        })?;
    Ok((store, report))
}

/// What the threads are made of.
#[derive(Debug, Clone)]
struct ThreadParts {
    shared: Arc<Shared>,
    settings: ConnectionSettings,
    store: StoreSettings,
    own: OwnClaims,
    identity: Arc<Mutex<DaemonIdentity>>,
}

impl ThreadParts {
    fn executor(&self, committer: mpsc::Sender<CommitRequest>) -> Result<Executor, PostgresError> {
        Executor::new(
            Arc::clone(&self.shared),
            Connector::new(self.settings.clone()),
            self.store.clone(),
            self.own.clone(),
            committer,
            Arc::clone(&self.identity),
        )
    }
}

/// Prepares the database, and joins the daemons.
async fn open(
    parts: &ThreadParts,
    committer: mpsc::Sender<CommitRequest>,
    role: ConnectionRole,
) -> Result<(Executor, RecoveryReport), PostgresOpenError> {
    let unusable = |error: PostgresError| PostgresOpenError::Unusable {
        server: parts.settings.server.clone(),
        why: error.to_string(),
    };
    let session = connect(&parts.settings).await?;
    migrate(&session, &parts.settings).await?;
    let mut executor = parts.executor(committer).map_err(unusable)?;
    let mut report = RecoveryReport::default();
    match role {
        ConnectionRole::Daemon => {
            let identity = executor.identity();
            let place = join(&session, &identity, None).await.map_err(unusable)?;
            parts.shared.set_member(place);
            executor.beat().await.map_err(unusable)?;
            executor.maintain().await.map_err(unusable)?;
            report = executor.take_over().await.map_err(unusable)?;
        }
        ConnectionRole::Command => {
            parts.shared.set_member(Member::default());
            let began = std::time::Instant::now();
            let clock = session.query(NOW, Vec::new()).await.map_err(unusable)?;
            let clock = clock[0].try_get(0).map_err(PostgresError::from);
            parts.shared.note_clock(clock.map_err(unusable)?, began);
        }
    }
    Ok((executor, report))
}

/// Works until all senders are gone, then leaves.
async fn work(
    mut executor: Executor,
    mut inbox: mpsc::Receiver<Request>,
    role: ConnectionRole,
    settings: ConnectionSettings,
) {
    if role == ConnectionRole::Daemon {
        let connector = Connector::new(settings.clone());
        let shared = Arc::clone(&executor.shared);
        tokio::task::spawn_local(notify::send(Arc::clone(&shared), connector));
        tokio::task::spawn_local(notify::hear(shared, settings));
    }
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut maintained = Instant::now();
    let mut behind = false;
    loop {
        tokio::select! {
            request = inbox.recv() => match request {
                Some(request) => executor.execute(request).await,
                None => break,
            },
            _ = tick.tick() => {
                match executor.write_buffers().await {
                    // The same twice a second says nothing new.
                    Err(error) if !behind => {
                        behind = true;
                        tracing::error!(%error, "failed to store unmatched events, requests or exchanges; kept and tried again, as far as there is room");
                    }
                    Ok(()) if behind => {
                        behind = false;
                        tracing::info!("unmatched events, requests and exchanges are stored again");
                    }
                    Ok(()) | Err(_) => {}
                }
                if role == ConnectionRole::Daemon && maintained.elapsed() >= MAINTENANCE {
                    maintained = Instant::now();
                    if let Err(error) = executor.maintain().await {
                        executor.connector.roll_back(&error).await;
                        tracing::error!(%error, "store maintenance failed");
                    }
                }
            }
        }
    }
    if role == ConnectionRole::Daemon
        && let Err(error) = executor.leave().await
    {
        tracing::warn!(%error, "failed to leave the other daemons: they take over after the lease");
    }
}
