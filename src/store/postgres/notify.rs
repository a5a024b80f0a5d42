//! Tells other daemons that runs may be claimed, and hears it from them: at most some fifty times a second, because Postgres
//! lets one transaction with a notification commit at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::connection::listen;
use super::connector::Connector;
use super::settings::{ConnectionSettings, StatementMode};
use super::shared::Shared;

/// The time between two notifications.
const INTERVAL: Duration = Duration::from_millis(20);
/// The time between two attempts to listen.
const RETRY_AFTER: Duration = Duration::from_secs(2);

const CHANNEL: &str = "flowtrigger_ready";

#[derive(Debug)]
pub struct Notifier {
    /// This daemon has queued runs.
    queued: Notify,
    /// Counts what was heard.
    heard: watch::Sender<u64>,
}

impl Default for Notifier {
    fn default() -> Self {
        Self {
            queued: Notify::new(),
            heard: watch::Sender::new(0),
        }
    }
}

impl Notifier {
    /// Runs may be claimed that could not be before.
    pub fn changed(&self) {
        self.queued.notify_one();
    }

    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Wakes this daemon.
    pub fn wake(&self) {
        self.heard.send_modify(|count| *count += 1);
    }
}

/// Sends notifications until the store is gone.
pub async fn send(shared: Arc<Shared>, mut connector: Connector) {
    loop {
        shared.notifier.queued.notified().await;
        if shared.member().daemons > 1
            && let Ok(session) = connector.session().await
        {
            // A lost notification costs a second: every daemon also looks by itself.
            drop(session.plain(&format!("NOTIFY {CHANNEL}")).await);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Listens until the store is gone. Behind a pooler that gives each transaction another connection nothing is heard.
pub async fn hear(shared: Arc<Shared>, settings: ConnectionSettings) {
    if settings.mode == StatementMode::Unnamed {
        return;
    }
    loop {
        if let Ok((session, mut heard)) = listen(&settings, CHANNEL).await {
            while heard.recv().await.is_some() {
                shared.notifier.wake();
            }
            drop(session);
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}
