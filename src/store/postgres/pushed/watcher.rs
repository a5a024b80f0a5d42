//! Looks for newly pushed rules every few seconds, on a thread with its own connection.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tracing::warn;

use super::{PushedError, PushedRevisions};
use crate::store::PushedRevision;
use crate::store::postgres::PostgresSettings;

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// The rules that were pushed last. The thread ends when this is dropped.
#[derive(Debug, Clone)]
pub struct PushedWatcher {
    newest: watch::Receiver<Arc<PushedRevision>>,
}

type Started = Result<watch::Receiver<Arc<PushedRevision>>, PushedError>;

impl PushedWatcher {
    /// Reads the rules in force and goes on looking for others. Blocks until the first are read.
    ///
    /// # Errors
    /// If the database cannot be read, or no rules were pushed.
    pub fn start(settings: PostgresSettings) -> Result<Self, PushedError> {
        let (started, first) = sync_channel(1);
        let thread = thread::Builder::new().name("pushed-rules".to_owned());
        let spawned = thread.spawn(move || watch_database(&settings, &started));
        let ended = |why: &str| PushedError::Failed(why.to_owned());
        spawned.map_err(|error| ended(&error.to_string()))?;
        let newest = first
            .recv()
            .map_err(|_| ended("the thread ended early"))??;
        Ok(Self { newest })
    }

    /// The rules that were pushed last.
    pub fn newest(&mut self) -> Arc<PushedRevision> {
        Arc::clone(&self.newest.borrow_and_update())
    }

    /// Waits until others were pushed than [`Self::newest`] returned last.
    pub async fn changed(&mut self) {
        if self.newest.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn watch_database(settings: &PostgresSettings, started: &SyncSender<Started>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            drop(started.send(Err(PushedError::Failed(error.to_string()))));
            return;
        }
    };
    runtime.block_on(async {
        let (sender, mut pushed) = match first(settings).await {
            Ok((revision, pushed)) => {
                let (sender, receiver) = watch::channel(Arc::new(revision));
                drop(started.send(Ok(receiver)));
                (sender, Some(pushed))
            }
            Err(error) => {
                drop(started.send(Err(error)));
                return;
            }
        };
        let mut was_read = true;
        while !sender.is_closed() {
            tokio::time::sleep(INTERVAL).await;
            let looked = look(settings, &mut pushed, &sender).await;
            if let (Err(error), true) = (&looked, was_read) {
                warn!(%error, "pushed rules cannot be looked for; the rules in force stay in use");
            }
            was_read = looked.is_ok();
        }
    });
}

async fn first(
    settings: &PostgresSettings,
) -> Result<(PushedRevision, PushedRevisions), PushedError> {
    let pushed = PushedRevisions::connect(settings).await?;
    let newest = pushed.newest().await?.ok_or(PushedError::Nothing)?;
    Ok((newest, pushed))
}

/// Reads the rules if others were pushed. A connection that failed is opened again the next time.
async fn look(
    settings: &PostgresSettings,
    connection: &mut Option<PushedRevisions>,
    sender: &watch::Sender<Arc<PushedRevision>>,
) -> Result<(), PushedError> {
    let pushed = match connection.take() {
        Some(pushed) => pushed,
        None => PushedRevisions::connect(settings).await?,
    };
    let known = sender.borrow().head.id;
    if pushed.newest_id().await?.is_some_and(|id| id != known)
        && let Some(revision) = pushed.newest().await?
    {
        sender.send_replace(Arc::new(revision));
    }
    *connection = Some(pushed);
    Ok(())
}
