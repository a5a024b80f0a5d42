//! A run is one rule's flow for one event: its state, its attempts, and when to try again.
//! It refuses to know who performs it or where it is kept.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// Where a run stands. Every page, command and metric uses these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Queued,
    Running,
    /// Waiting for its next try.
    Retrying {
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
    Cancelled,
}

impl State {
    pub fn word(&self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Retrying { .. } => "retrying",
            State::Done => "done",
            State::Skipped { .. } => "skipped",
            State::Shadow => "shadow",
            State::Dead { .. } => "dead",
            State::Cancelled => "cancelled",
        }
    }

    /// Nothing more will happen to the run by itself.
    pub fn is_final(&self) -> bool {
        match self {
            State::Queued | State::Running | State::Retrying { .. } => false,
            State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Dead { .. }
            | State::Cancelled => true,
        }
    }

    /// Why, where the state carries a reason.
    pub fn why(&self) -> Option<&str> {
        match self {
            State::Skipped { why } | State::Dead { why } => Some(why),
            State::Queued
            | State::Running
            | State::Retrying { .. }
            | State::Done
            | State::Shadow
            | State::Cancelled => None,
        }
    }
}

/// One line of a run's log: one try of one step and what it gave. The log is the only memory of a
/// run.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The step's name.
    pub step: String,
    /// Counts from 1.
    pub number: u32,
    pub started: Timestamp,
    pub took: Duration,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Succeeded {
        result: Value,
    },
    Failed {
        message: String,
        retryable: bool,
        retry_after: Option<Duration>,
    },
}

/// When a failed step is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, the first included.
    pub attempts: u32,
    pub backoff: Duration,
    pub max_delay: Duration,
}
