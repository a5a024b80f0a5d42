//! A run is one rule's flow for one event: its state, its attempts, and when to try again.
//! It refuses to know who performs it or where it is kept.

mod call_result;
mod retry;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use call_result::{CallFailure, CallResult, Reply};
pub use retry::Retry;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// Where a run stands. Every page, command and metric uses these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Queued,
    /// A gate gathers events until none has come for a while.
    Debouncing {
        until: Timestamp,
    },
    Running,
    /// Waiting for its next try.
    Retrying {
        until: Timestamp,
    },
    /// At a `wait` of its flow; it holds up no other run.
    Waiting {
        until: Timestamp,
    },
    Done,
    Skipped {
        why: String,
    },
    /// Evaluated and recorded, never acted.
    Shadow,
    Dead {
        why: String,
    },
    /// Put aside until a person decides.
    Held {
        why: String,
    },
    /// A gate let it not begin.
    Suppressed {
        /// `dedupe`, `throttle`.
        gate: String,
        why: String,
    },
    Cancelled,
}

/// The words of all states, in the order of a run's life.
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

impl State {
    pub fn word(&self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Debouncing { .. } => "debouncing",
            State::Running => "running",
            State::Retrying { .. } => "retrying",
            State::Waiting { .. } => "waiting",
            State::Done => "done",
            State::Skipped { .. } => "skipped",
            State::Shadow => "shadow",
            State::Dead { .. } => "dead",
            State::Held { .. } => "held",
            State::Suppressed { .. } => "suppressed",
            State::Cancelled => "cancelled",
        }
    }

    /// Nothing more will happen to the run by itself.
    pub fn is_final(&self) -> bool {
        match self {
            State::Queued
            | State::Debouncing { .. }
            | State::Running
            | State::Retrying { .. }
            | State::Waiting { .. } => false,
            State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Dead { .. }
            | State::Held { .. }
            | State::Suppressed { .. }
            | State::Cancelled => true,
        }
    }

    /// Whether a person can order it to go on.
    pub fn can_revive(&self) -> bool {
        match self {
            State::Dead { .. } | State::Held { .. } | State::Cancelled => true,
            State::Queued
            | State::Debouncing { .. }
            | State::Running
            | State::Retrying { .. }
            | State::Waiting { .. }
            | State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Suppressed { .. } => false,
        }
    }

    /// Whether a person can give it up.
    pub fn can_cancel(&self) -> bool {
        match self {
            State::Queued
            | State::Debouncing { .. }
            | State::Running
            | State::Retrying { .. }
            | State::Waiting { .. }
            | State::Held { .. } => true,
            State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Dead { .. }
            | State::Suppressed { .. }
            | State::Cancelled => false,
        }
    }

    /// Whether the run counts for a `dedupe`: what never did its work gives its place back.
    pub fn gives_back(&self) -> bool {
        match self {
            State::Dead { .. } | State::Cancelled | State::Skipped { .. } => true,
            State::Queued
            | State::Debouncing { .. }
            | State::Running
            | State::Retrying { .. }
            | State::Waiting { .. }
            | State::Done
            | State::Shadow
            | State::Held { .. }
            | State::Suppressed { .. } => false,
        }
    }

    /// The gate that is closed, where one is.
    pub fn gate(&self) -> Option<&str> {
        match self {
            State::Suppressed { gate, .. } => Some(gate),
            State::Queued
            | State::Debouncing { .. }
            | State::Running
            | State::Retrying { .. }
            | State::Waiting { .. }
            | State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Dead { .. }
            | State::Held { .. }
            | State::Cancelled => None,
        }
    }

    /// When it goes on by itself, where it waits for a time.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            State::Debouncing { until } | State::Retrying { until } | State::Waiting { until } => {
                Some(*until)
            }
            State::Queued
            | State::Running
            | State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Dead { .. }
            | State::Held { .. }
            | State::Suppressed { .. }
            | State::Cancelled => None,
        }
    }

    /// Why, where the state carries a reason.
    pub fn why(&self) -> Option<&str> {
        match self {
            State::Skipped { why }
            | State::Dead { why }
            | State::Held { why }
            | State::Suppressed { why, .. } => Some(why),
            State::Queued
            | State::Debouncing { .. }
            | State::Running
            | State::Retrying { .. }
            | State::Waiting { .. }
            | State::Done
            | State::Shadow
            | State::Cancelled => None,
        }
    }
}

/// One line of a run's log. The log is the only memory of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A command that must not run twice is about to start; written before it does.
    Started {
        /// The step's place in the flow.
        step: String,
        number: u32,
        at: Timestamp,
    },
    /// The run came to a `wait`, which is over then, whatever the clock does meanwhile.
    Waiting {
        /// The step's place in the flow.
        step: String,
        at: Timestamp,
        until: Timestamp,
    },
    Attempt(Attempt),
    /// A step's failure, or that of the whole flow (`catch`), led on to what is to run then.
    Caught {
        /// The step's place in the flow.
        step: String,
        at: Timestamp,
        /// `error.…` of what runs then.
        error: Value,
    },
    /// A person ordered the run to go on: tries before this count no more.
    Revived {
        at: Timestamp,
    },
    /// A worker took the run up: whatever had started before is no longer under way. Never kept:
    /// whoever takes a run up adds it.
    Claimed {
        /// What the run waited for until then is over, whatever the clock says now.
        over: Option<Timestamp>,
    },
}

impl Line {
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Line::Attempt(attempt) => Some(attempt),
            Line::Started { .. }
            | Line::Waiting { .. }
            | Line::Caught { .. }
            | Line::Revived { .. }
            | Line::Claimed { .. } => None,
        }
    }
}

/// One try of one step and what it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The step's place in the flow: its name, behind the names of the steps that it stands in, as in
    /// `each[2].page`; `each[2]` itself is the end of that item.
    pub step: String,
    /// Counts from 1.
    pub number: u32,
    pub started: Timestamp,
    pub took: Duration,
    pub outcome: CallResult,
}

impl Attempt {
    /// Whether it is no try of anything, but the end of an item of a list.
    pub fn ends_an_item(&self) -> bool {
        self.step.ends_with(']')
    }
}

/// The key that a step's request carries, the same for every try and after every restart. `step` is its
/// place in the flow, which tells the items of a list apart. Repeating a run on purpose raises the
/// generation and thereby changes it.
pub fn idempotency_key(event_id: &str, rule: &str, step: &str, generation: u32) -> String {
    let hash = hash(&[event_id, rule, step, &generation.to_string()]);
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Each part with its length before it, so that no two lists of parts look alike.
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
    fn the_key_changes_with_each_of_its_parts_and_with_nothing_else() {
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
