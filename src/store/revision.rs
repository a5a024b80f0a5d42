//! Rules and configuration as of one time, as they were written, and the settings of a store.

use std::sync::Arc;
use std::time::Duration;

use super::awaited::AwaitedSubject;
use flowtrigger_core::config;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::archive::{Archive, ArchiveScope};
use flowtrigger_core::config::limits::RunLimits;
use flowtrigger_core::config::retention::Retention;
use flowtrigger_core::path::Path;

/// The texts of all rules and of the configuration at one time.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Name and text of each rule file.
    pub files: Vec<(Arc<str>, Arc<str>)>,
    pub config: Arc<config::ConfigSource>,
    pub settings: StoreSettings,
    /// What runs of the rules may wait for.
    pub awaited: Vec<AwaitedSubject>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RevisionId(pub u64);

/// Unfinished runs that a store in memory accepts.
const MEMORY_BACKLOG: usize = 20_000;
/// Bytes that a store in memory uses before it deletes the oldest finished runs.
const MEMORY_BYTES: u64 = 64 * 1024 * 1024;

/// How much is kept and for how long, and how much may be unfinished.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreSettings {
    pub limits: RunLimits,
    pub retention: Retention,
    pub archive: Archive,
    /// Fields that are removed from events once no run needs them.
    pub redact: Vec<Path>,
    /// Whether the ends of runs are noted for the exporter of traces.
    pub traces: bool,
}

impl StoreSettings {
    pub fn from_config(config: &Config) -> Self {
        Self {
            limits: config.limits,
            retention: config.retention,
            archive: config.archive,
            redact: config.redact.clone(),
            traces: config.traces.is_some(),
        }
    }

    /// Settings that delete nothing: retention is up to the daemon.
    pub fn keeping_everything() -> Self {
        const AGES: Duration = Duration::from_secs(100 * 365 * 86_400);
        const ALL: u64 = 1 << 60;
        let mut settings = Self::default();
        settings.retention.keep_for = AGES;
        settings.retention.at_most = ALL;
        settings.archive.keep_for = AGES;
        settings.archive.at_most = ALL;
        settings
    }

    /// The settings of a simulation of events that were received: no backlog, and nothing is deleted.
    pub fn simulated() -> Self {
        let mut settings = Self {
            archive: Self::in_memory().archive,
            ..Self::keeping_everything()
        };
        settings.limits.backlog = 1 << 50;
        settings.limits.per_rule_backlog = 1 << 50;
        settings
    }

    /// The limits of a store in memory, whatever is configured: they bound the memory of one process.
    /// Unmatched events are not stored, and nothing is deleted because of its age.
    pub fn in_memory() -> Self {
        Self {
            limits: RunLimits {
                backlog: MEMORY_BACKLOG,
                per_rule_backlog: MEMORY_BACKLOG,
                // Its process ends with the last run, and waits for no time between notices.
                notice_every: Duration::ZERO,
                ..RunLimits::default()
            },
            retention: Retention {
                keep_for: Duration::MAX,
                at_most: MEMORY_BYTES,
            },
            archive: Archive {
                events: ArchiveScope::Off,
                ..Archive::default()
            },
            redact: Vec::new(),
            traces: false,
        }
    }
}
