//! The running program: rules kept and reloaded, events taken in, runs carried to their end.
//! It brings the other parts together; it parses nothing, judges nothing and decides no next step.

mod batch;
mod daemon;
mod dispatcher;
mod handle;
mod ingest;
mod perform;
mod report;
mod rulebook;
pub mod secrets;
mod shutdown;
mod worker;

use std::time::Duration;

use crate::action;
use crate::action::secret::Missing;
use crate::source::http::ListenError;
use crate::store::StoreError;

pub use batch::{EventReport, act};
pub use daemon::{Daemon, daemon, hands, reload};
pub use handle::{Engine, Submitted};
pub use ingest::{read_event, sources};
pub use perform::{Hands, Perform};
pub use report::{RunReport, StepReport};
pub use rulebook::{ConfigFile, Places, Reading, Rulebook};
pub use shutdown::{Left, interrupted};

/// How much the engine does at a time, and how long it takes to stop.
#[derive(Debug, Clone)]
pub struct Options {
    /// Runs at work together. Most of a run is waiting for somebody else's server, so 16 keep two
    /// cores far from busy, while a burst cannot flood a receiver or spawn commands without end.
    pub concurrency: usize,
    /// How long work in flight may take to end when the program is told to stop.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 16,
            grace: Duration::from_secs(30),
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
    Rules(Box<Reading>),
    #[error("failed to find secrets that rules need:\n  {}\n`flowtrigger check` names the places that need them", lines(.0))]
    Secrets(Vec<Missing>),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Action(#[from] action::Error),
    #[error("failed to serve: {0}; start the daemon again")]
    Serve(#[source] std::io::Error),
    #[error("failed to hear signals: {0}; start the daemon where signals can be handled")]
    Signals(#[source] std::io::Error),
    #[error("stopped at once by a second signal, without waiting for work in flight; see the log")]
    Interrupted,
}

fn lines(missing: &[Missing]) -> String {
    let lines: Vec<String> = missing.iter().map(Missing::to_string).collect();
    lines.join("\n  ")
}
