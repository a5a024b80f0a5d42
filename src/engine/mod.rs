//! The engine: loads and reloads rules, accepts events and executes runs.
//! Parsing, matching and the decision of a run's next step are in `flowtrigger-core`.

mod answer_command;
mod answers;
mod clock;
mod commands;
mod daemon;
mod fixed_settings;
mod handle;
mod intake;
mod lease;
mod limits;
mod link_key;
mod listener_certificate;
mod metrics;
mod reloads;
mod rulebook;
mod runner;
mod state;
mod store_location;
mod suspensions;
mod ticks;
mod traces;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::action;
use crate::action::secret::MissingSecret;
use crate::source::admin::SocketError;
use crate::source::http::ListenError;
use crate::store::postgres::pushed::PushedError;
use crate::store::sqlite::DatabaseOpenError;
use crate::store::{StoreError, StoreOpenError};
use flowtrigger_core::config::Config;

pub use flowtrigger_core::config::listen::DEFAULT_ADDRESS;

pub use answer_command::{AnswerCommand, AnswerError};
pub use clock::{Clock, SystemClock};
pub use daemon::activation::{ActivatedSockets, ActivationError};
pub use daemon::data_folder::{DataFolder, FolderError};
pub use daemon::page::{OpenHistory, PageParts, PageRoutes, sends_logins_in_clear};
pub use daemon::reload::reload;
pub use daemon::shutdown::{UnfinishedWork, interrupted};
pub use daemon::watcher::{WATCH_INTERVAL, WatchMode};
pub use daemon::{DaemonOptions, daemon, performer};
pub use handle::Engine;
pub use intake::batch::{EventReport, act};
pub use intake::match_bytes::{Matcher, ReceivedEvent};
pub use intake::submitted_event::SubmittedEvent;
pub use intake::{read_event, sources};
pub use listener_certificate::{
    CertificateLook, ListenerCertificate, ListenerCertificateError, TlsListener,
};
pub use metrics::{Metrics, Series, lost_log_lines};
pub use reloads::ReloadActivity;
pub use rulebook::endpoints::{Endpoints, WeakSecret, unverified_sources};
pub use rulebook::policy::{check_rules, check_sources};
pub use rulebook::secrets;
pub use rulebook::unsaved::UnsavedTexts;
pub use rulebook::{
    ConfigFile, LoadedRulebook, Progress, ProgressFn, Rulebook, RulebookPaths, is_rule_file,
};
pub use runner::performer::{Perform, ReloadablePerformer};
pub use runner::report::{RunReport, StepReport};
pub use store_location::store_location;
pub use suspensions::known::{UnknownName, host_target, known_target};
pub use suspensions::pause::{NotPaused, PauseCommand};

/// Limits of the engine, and how long it may take to stop.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Concurrent runs. A run mostly waits for a server, so 16 runs use little of two cores, while a burst of
    /// events cannot flood a receiver or start an unlimited number of commands.
    pub concurrency: usize,
    /// Concurrent runs of one rule.
    pub per_rule: usize,
    /// Concurrent requests to one host and port.
    pub per_host: usize,
    /// How long work in flight may take to finish when the program stops.
    pub grace: Duration,
    pub clock: Arc<dyn Clock>,
    /// Where events are received; `None` if the engine has no listener.
    pub address: Option<SocketAddr>,
    /// The same, if other machines can reach it.
    pub public_address: Option<SocketAddr>,
    /// Whether runs wait for receivers in an outage as long as their retry policy says. Otherwise a step has at most 5
    /// attempts if its policy has no maximum.
    pub waits_for_receivers: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            per_rule: 8,
            per_host: 8,
            grace: Duration::from_secs(30),
            clock: Arc::new(SystemClock::default()),
            address: None,
            public_address: None,
            waits_for_receivers: true,
        }
    }
}

impl EngineOptions {
    /// The limits of a configuration.
    pub fn from_config(config: &Config) -> Self {
        Self {
            concurrency: config.limits.runs,
            per_rule: config.limits.per_rule,
            per_host: config.limits.per_host,
            ..Self::default()
        }
    }
}

/// Why the engine did not start, or did not stop normally.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "failed to load the rules: {} in rules or configuration; `flowtrigger check` shows them",
        errors(.0.diagnostics.errors())
    )]
    Rules(Box<LoadedRulebook>),
    #[error("missing secrets: {}", list(.0))]
    Secrets(Vec<MissingSecret>),
    #[error(
        "the files of rules and configuration changed each time they were read; reload when all are written"
    )]
    FilesChanging,
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Activation(#[from] ActivationError),
    #[error(transparent)]
    Certificate(#[from] ListenerCertificateError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Open(#[from] StoreOpenError),
    #[error(transparent)]
    Action(#[from] action::Error),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Pushed(#[from] PushedError),
    #[error(
        "pushed rules are in a database, and none is configured; set `store: {{ postgres: … }}` in flowtrigger.yaml, or FLOWTRIGGER_STORE"
    )]
    PushedWithoutDatabase,
    #[error("failed to serve requests: {0}; start the daemon again")]
    Serve(#[source] std::io::Error),
    #[error(
        "failed to install signal handlers: {0}; start the daemon where signals can be handled"
    )]
    Signals(#[source] std::io::Error),
    #[error(
        "stopped immediately by a second signal, without waiting for work in flight; see the log"
    )]
    Interrupted,
}

impl From<DatabaseOpenError> for EngineError {
    fn from(error: DatabaseOpenError) -> Self {
        StoreOpenError::from(error).into()
    }
}

fn errors(count: usize) -> String {
    match count {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}

/// On one line: it is also a field of a log line.
fn list(missing: &[MissingSecret]) -> String {
    let all: Vec<String> = missing.iter().map(MissingSecret::to_string).collect();
    all.join("; ")
}
