//! Requests to reload, and whether a reload is in progress: for commands and for the service manager.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fixed_settings::FixedSettings;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::source::admin::ReloadResult;
use flowtrigger_core::config::Config;
use flowtrigger_core::run::commander::Commander;

/// Requests that wait for the reload in progress.
const MAX_WAITING: usize = 64;

/// The reloads of one daemon.
#[derive(Debug)]
pub(in crate::engine) struct Reloads {
    requests: mpsc::Sender<ReloadRequest>,
    /// Taken by the daemon that reloads.
    inbox: Mutex<Option<mpsc::Receiver<ReloadRequest>>>,
    activity: watch::Sender<ReloadActivity>,
    watches: AtomicBool,
    /// Those of the configuration at the start, from the first reload on.
    started_with: OnceLock<FixedSettings>,
}

/// A request to reload now.
#[derive(Debug)]
pub(in crate::engine) struct ReloadRequest {
    pub by: Commander,
    /// Gets the result.
    pub answer: oneshot::Sender<ReloadResult>,
}

/// Whether a reload is in progress. A receiver that missed one sees it by the number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReloadActivity {
    /// Reloads that have begun since the start.
    pub begun: u64,
    pub is_reloading: bool,
}

impl Default for Reloads {
    fn default() -> Self {
        let (requests, inbox) = mpsc::channel(MAX_WAITING);
        Self {
            requests,
            inbox: Mutex::new(Some(inbox)),
            activity: watch::Sender::default(),
            watches: AtomicBool::default(),
            started_with: OnceLock::new(),
        }
    }
}

impl Reloads {
    /// The requests; none comes after they were taken once.
    pub async fn take_requests(&self) -> mpsc::Receiver<ReloadRequest> {
        let taken = self.inbox.lock().await.take();
        taken.unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// Asks the daemon to reload, and waits for the result. `None` if it stops, or if the program is none.
    pub async fn request(&self, by: Commander) -> Option<ReloadResult> {
        if self.inbox.lock().await.is_some() {
            return None;
        }
        let (answer, result) = oneshot::channel();
        self.requests.try_send(ReloadRequest { by, answer }).ok()?;
        result.await.ok()
    }

    /// The settings that no reload changes. Before the first reload, `current` is the configuration of the start.
    pub fn started_with(&self, current: &Config) -> &FixedSettings {
        self.started_with.get_or_init(|| FixedSettings::of(current))
    }

    /// Changes when a reload begins and when it ends.
    pub fn activity(&self) -> watch::Receiver<ReloadActivity> {
        self.activity.subscribe()
    }

    pub fn begin(&self) {
        self.activity.send_modify(|activity| {
            activity.begun += 1;
            activity.is_reloading = true;
        });
    }

    pub fn end(&self) {
        self.activity
            .send_modify(|activity| activity.is_reloading = false);
    }

    /// Changed files are loaded automatically.
    pub fn note_watching(&self) {
        self.watches.store(true, Ordering::Relaxed);
    }

    pub fn watches(&self) -> bool {
        self.watches.load(Ordering::Relaxed)
    }
}
