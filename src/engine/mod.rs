//! The running program: rules kept and reloaded, events taken in, runs carried to their end.
//! It brings the other parts together; it parses nothing, judges nothing and decides no next step.

mod clock;
mod commands;
mod daemon;
mod handle;
mod intake;
mod limits;
mod metrics;
mod rulebook;
mod runner;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::action;
use crate::action::secret::MissingSecret;
use crate::core::config::Config;
use crate::source::admin::SocketError;
use crate::source::http::ListenError;
use crate::store::StoreError;
use crate::store::sqlite::OpenError;

pub use clock::{Clock, SystemClock};
pub use daemon::data_folder::{DataFolder, FolderError};
pub use daemon::shutdown::{UnfinishedWork, interrupted};
pub use daemon::{DEFAULT_ADDRESS, DaemonOptions, daemon, performer, reload};
pub use handle::Engine;
pub use intake::batch::{EventReport, act};
pub use intake::match_bytes::{IncomingEvent, Matcher};
pub use intake::submit::SubmittedEvent;
pub use intake::{read_event, sources};
pub use metrics::Metrics;
pub use rulebook::endpoints::{Endpoints, WeakSecret, unverified_sources};
pub use rulebook::secrets;
pub use rulebook::{ConfigFile, LoadedRulebook, Progress, ProgressFn, Rulebook, RulebookPaths};
pub use runner::performer::{Perform, ReloadablePerformer};
pub use runner::report::{RunReport, StepReport};

/// How much the engine does at a time, and how long it takes to stop.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Runs at work together. Most of a run is waiting for somebody else's server, so 16 keep two
    /// cores far from busy, while a burst cannot flood a receiver or spawn commands without end.
    pub concurrency: usize,
    /// Runs of one rule at work together.
    pub per_rule: usize,
    /// Requests to one host and port under way together.
    pub per_host: usize,
    /// How long work in flight may take to end when the program is told to stop.
    pub grace: Duration,
    pub clock: Arc<dyn Clock>,
    /// The address of the door, where others than this machine reach it.
    pub open_at: Option<SocketAddr>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            per_rule: 8,
            per_host: 8,
            grace: Duration::from_secs(30),
            clock: Arc::new(SystemClock::default()),
            open_at: None,
        }
    }
}

impl EngineOptions {
    /// As the configuration has them.
    pub fn of(config: &Config) -> Self {
        Self {
            concurrency: config.limits.runs,
            per_rule: config.limits.per_rule,
            per_host: config.limits.per_host,
            ..Self::default()
        }
    }
}

/// Why the engine does not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "failed to load the rules: mistakes in them or in the configuration: {}; see them with `flowtrigger check`",
        .0.diagnostics.errors()
    )]
    Rules(Box<LoadedRulebook>),
    #[error("failed to find secrets that rules or sources need:\n  {}\n`flowtrigger check` names the places that need them", lines(.0))]
    Secrets(Vec<MissingSecret>),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Action(#[from] action::Error),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("failed to serve: {0}; start the daemon again")]
    Serve(#[source] std::io::Error),
    #[error("failed to hear signals: {0}; start the daemon where signals can be handled")]
    Signals(#[source] std::io::Error),
    #[error("stopped at once by a second signal, without waiting for work in flight; see the log")]
    Interrupted,
}

fn lines(missing: &[MissingSecret]) -> String {
    let lines: Vec<String> = missing.iter().map(MissingSecret::to_string).collect();
    lines.join("\n  ")
}
