//! Rules and configuration as of one time, by which events are judged, and how much is kept by them.
//! It refuses to read either; both come as they were written.

use std::sync::Arc;
use std::time::Duration;

use crate::core::config::{self, Archive, Archived, Config, Limits, Retention};
use crate::core::rule::path::Path;

/// Rules and configuration as they were written at one time.
#[derive(Debug, Clone)]
pub struct Edition {
    /// Name and text of each rule file.
    pub files: Vec<(Arc<str>, Arc<str>)>,
    pub config: Arc<config::Source>,
    pub settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EditionId(pub u64);

/// Unfinished runs that a store in memory accepts.
const MEMORY_BACKLOG: usize = 20_000;
/// Bytes that a store in memory uses before it deletes the oldest finished runs.
const MEMORY_BYTES: u64 = 64 * 1024 * 1024;

/// How much is kept, and for how long, as the configuration says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub limits: Limits,
    pub retention: Retention,
    pub archive: Archive,
    /// Fields of events that are not kept once nothing needs them.
    pub redact: Vec<Path>,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
        Self {
            limits: config.limits,
            retention: config.retention,
            archive: config.archive,
            redact: config.redact.clone(),
        }
    }

    /// The limits of a store in memory, whatever is configured: they bound the memory of one process.
    /// Unmatched events are not kept, and nothing is deleted because of its age.
    pub fn in_memory() -> Self {
        Self {
            limits: Limits {
                backlog: MEMORY_BACKLOG,
                per_rule_backlog: MEMORY_BACKLOG,
                ..Limits::default()
            },
            retention: Retention {
                keep_for: Duration::MAX,
                at_most: MEMORY_BYTES,
            },
            archive: Archive {
                events: Archived::Off,
                ..Archive::default()
            },
            redact: Vec::new(),
        }
    }
}
