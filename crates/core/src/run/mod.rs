//! A run executes a rule's flow for one event: its states, its log entries and its idempotency key.

pub mod call_result;
pub(crate) mod retry;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use crate::run::call_result::{CallFailure, CallResult, Reply};
pub use crate::run::retry::RetryPolicy;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// The state of a run. Pages, commands and metrics use the names from [`RunState::as_str`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    Queued,
    /// A `debounce` collects events until none has arrived for a while.
    Debouncing {
        until: Timestamp,
    },
    Running,
    /// Waiting for the next attempt of a failed step.
    Retrying {
        until: Timestamp,
    },
    /// Waiting until a limit lets the next attempt start: nothing failed. It is a kind of `retrying`.
    Limited {
        until: Timestamp,
        /// The limit, as `waits for the rate limit of connection …`.
        why: String,
    },
    /// At a `wait` step. Other runs of its lane do not wait for it.
    Waiting {
        until: Timestamp,
    },
    Done,
    Skipped {
        why: String,
    },
    /// Evaluated and recorded, but never executed.
    Shadow,
    Dead {
        why: String,
    },
    /// Stopped until an operator decides.
    Held {
        why: String,
    },
    /// Stopped by a gate before it started.
    Suppressed {
        /// The name of the gate: `dedupe`, `throttle`.
        gate: String,
        why: String,
    },
    Cancelled,
}

/// The names of all states, in the order in which a run passes through them.
pub const STATES: [&str; 12] = [
    "queued",
    "debouncing",
    "running",
    "retrying",
    "waiting",
    "done",
    "skipped",
    "shadow",
    "suppressed",
    "held",
    "dead",
    "cancelled",
];

impl RunState {
    pub fn as_str(&self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Debouncing { .. } => "debouncing",
            RunState::Running => "running",
            RunState::Retrying { .. } | RunState::Limited { .. } => "retrying",
            RunState::Waiting { .. } => "waiting",
            RunState::Done => "done",
            RunState::Skipped { .. } => "skipped",
            RunState::Shadow => "shadow",
            RunState::Dead { .. } => "dead",
            RunState::Held { .. } => "held",
            RunState::Suppressed { .. } => "suppressed",
            RunState::Cancelled => "cancelled",
        }
    }

    /// Whether the run stays as it is unless an operator acts.
    pub fn is_final(&self) -> bool {
        match self {
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Waiting { .. } => false,
            RunState::Done
            | RunState::Skipped { .. }
            | RunState::Shadow
            | RunState::Dead { .. }
            | RunState::Held { .. }
            | RunState::Suppressed { .. }
            | RunState::Cancelled => true,
        }
    }

    /// Whether `runs retry` applies.
    pub fn can_revive(&self) -> bool {
        match self {
            RunState::Dead { .. } | RunState::Held { .. } | RunState::Cancelled => true,
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Waiting { .. }
            | RunState::Done
            | RunState::Skipped { .. }
            | RunState::Shadow
            | RunState::Suppressed { .. } => false,
        }
    }

    /// Whether `runs cancel` applies.
    pub fn can_cancel(&self) -> bool {
        match self {
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Waiting { .. }
            | RunState::Held { .. } => true,
            RunState::Done
            | RunState::Skipped { .. }
            | RunState::Shadow
            | RunState::Dead { .. }
            | RunState::Suppressed { .. }
            | RunState::Cancelled => false,
        }
    }

    /// Whether the run's admission by a `dedupe` is released, because it did not do its work.
    pub fn gives_back(&self) -> bool {
        match self {
            RunState::Dead { .. } | RunState::Cancelled | RunState::Skipped { .. } => true,
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Waiting { .. }
            | RunState::Done
            | RunState::Shadow
            | RunState::Held { .. }
            | RunState::Suppressed { .. } => false,
        }
    }

    /// The gate that suppressed the run.
    pub fn gate(&self) -> Option<&str> {
        match self {
            RunState::Suppressed { gate, .. } => Some(gate),
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Waiting { .. }
            | RunState::Done
            | RunState::Skipped { .. }
            | RunState::Shadow
            | RunState::Dead { .. }
            | RunState::Held { .. }
            | RunState::Cancelled => None,
        }
    }

    /// The time when a waiting run continues.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            RunState::Debouncing { until }
            | RunState::Retrying { until }
            | RunState::Limited { until, .. }
            | RunState::Waiting { until } => Some(*until),
            RunState::Queued
            | RunState::Running
            | RunState::Done
            | RunState::Skipped { .. }
            | RunState::Shadow
            | RunState::Dead { .. }
            | RunState::Held { .. }
            | RunState::Suppressed { .. }
            | RunState::Cancelled => None,
        }
    }

    /// The reason, for states that have one.
    pub fn why(&self) -> Option<&str> {
        match self {
            RunState::Skipped { why }
            | RunState::Limited { why, .. }
            | RunState::Dead { why }
            | RunState::Held { why }
            | RunState::Suppressed { why, .. } => Some(why),
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Waiting { .. }
            | RunState::Done
            | RunState::Shadow
            | RunState::Cancelled => None,
        }
    }
}

/// One entry of a run's log. The log is the only state of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum LogEntry {
    /// A command that must not run twice is about to start. Written before it starts.
    Started {
        /// The step's path in the flow.
        step: String,
        number: u32,
        at: Timestamp,
    },
    /// The run reached a `wait`, which ends at `until` even if the clock is changed.
    Waiting {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
        until: Timestamp,
    },
    Attempt(Attempt),
    /// The failure of a step, or of the whole flow (`catch`), was caught.
    Caught {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
        /// `error.…` for the catch.
        error: Value,
    },
    /// An operator retried the run: earlier attempts no longer count.
    Revived {
        at: Timestamp,
    },
    /// A worker claimed the run: whatever started before is no longer in progress. Never stored; the
    /// worker adds it.
    Claimed {
        /// The end of the wait that the claim ended, whatever the clock says now.
        over: Option<Timestamp>,
    },
}

impl LogEntry {
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            LogEntry::Attempt(attempt) => Some(attempt),
            LogEntry::Started { .. }
            | LogEntry::Waiting { .. }
            | LogEntry::Caught { .. }
            | LogEntry::Revived { .. }
            | LogEntry::Claimed { .. } => None,
        }
    }
}

/// One attempt of one step and its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The step's path in the flow: its name after the names of the enclosing steps, such as
    /// `each[2].page`. `each[2]` itself is the end of that item.
    pub step: String,
    /// Counts from 1.
    pub number: u32,
    pub started: Timestamp,
    pub took: Duration,
    pub outcome: CallResult,
}

impl Attempt {
    /// Whether this is the end of a `for_each` item instead of an attempt.
    pub fn ends_an_item(&self) -> bool {
        self.step.ends_with(']')
    }
}

/// Returns the idempotency key of a step's request, the same for every attempt and after every restart.
/// `step` is the step's path in the flow, so that each item of a list has its own key. Replaying an event
/// increases the generation and thereby changes the key.
pub fn idempotency_key(event_id: &str, rule: &str, step: &str, generation: u32) -> String {
    let hash = hash(&[event_id, rule, step, &generation.to_string()]);
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Hashes each part after its length, so that different lists of parts never have the same input.
fn hash(parts: &[&str]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_each_part() {
        let key = idempotency_key("e", "r", "s", 0);
        assert_eq!(key.len(), 32);
        assert_eq!(key, idempotency_key("e", "r", "s", 0));
        for other in [
            idempotency_key("f", "r", "s", 0),
            idempotency_key("e", "q", "s", 0),
            idempotency_key("e", "r", "t", 0),
            idempotency_key("e", "r", "s", 1),
            idempotency_key("er", "", "s", 0),
        ] {
            assert_ne!(key, other);
        }
    }
}
