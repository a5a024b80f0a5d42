//! A run executes a rule's flow for one event: its states, its log entries and its idempotency key.

pub mod answer_link;
pub mod call_result;
pub mod cause;
pub mod commander;
pub mod exchange;
pub mod passed_gates;
pub(crate) mod retry;
pub mod retry_after;
pub mod span_ids;
pub mod step_retry;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::event::Event;
pub use crate::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
pub use crate::run::retry::RetryPolicy;
pub use crate::run::step_retry::StepRetry;

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
    /// Waiting until what it needs is no longer suspended: a receiver that is down, or something that is paused. It is a
    /// kind of `retrying`.
    Parked {
        /// The key of what is suspended, as `connection chat`.
        on: String,
        why: String,
    },
    /// At a `wait` step. Other runs of its lane do not wait for it.
    Waiting {
        until: Timestamp,
    },
    /// At a `wait_for` step, for an event or an answer. It is a kind of `waiting`.
    Awaiting {
        /// The step's path in the flow.
        step: String,
        /// When nothing is expected any more: the end of the wait, and for events the grace after it.
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

/// What can be true of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateProperty {
    Final,
    CanRevive,
    CanCancel,
    Releases,
    HoldsLane,
    Redactable,
}

impl RunState {
    pub fn as_str(&self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Debouncing { .. } => "debouncing",
            RunState::Running => "running",
            RunState::Retrying { .. } | RunState::Limited { .. } | RunState::Parked { .. } => {
                "retrying"
            }
            RunState::Waiting { .. } | RunState::Awaiting { .. } => "waiting",
            RunState::Done => "done",
            RunState::Skipped { .. } => "skipped",
            RunState::Shadow => "shadow",
            RunState::Dead { .. } => "dead",
            RunState::Held { .. } => "held",
            RunState::Suppressed { .. } => "suppressed",
            RunState::Cancelled => "cancelled",
        }
    }

    fn properties(&self) -> &'static [StateProperty] {
        use StateProperty::{CanCancel, CanRevive, Final, HoldsLane, Redactable, Releases};
        match self {
            RunState::Queued
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Limited { .. }
            | RunState::Parked { .. } => &[HoldsLane, CanCancel],
            RunState::Debouncing { .. } | RunState::Waiting { .. } | RunState::Awaiting { .. } => {
                &[CanCancel]
            }
            RunState::Done | RunState::Shadow | RunState::Suppressed { .. } => &[Final, Redactable],
            RunState::Skipped { .. } => &[Final, Releases, Redactable],
            RunState::Dead { .. } => &[Final, CanRevive, Releases],
            RunState::Held { .. } => &[Final, CanRevive, CanCancel],
            RunState::Cancelled => &[Final, CanRevive, Releases, Redactable],
        }
    }

    fn has(&self, property: StateProperty) -> bool {
        self.properties().contains(&property)
    }

    /// Whether the run stays as it is unless an operator acts.
    pub fn is_final(&self) -> bool {
        self.has(StateProperty::Final)
    }

    /// Whether `runs retry` applies.
    pub fn can_revive(&self) -> bool {
        self.has(StateProperty::CanRevive)
    }

    /// Whether `runs cancel` applies.
    pub fn can_cancel(&self) -> bool {
        self.has(StateProperty::CanCancel)
    }

    /// Whether the run's admission by a `dedupe` is released, because it did not do its work.
    pub fn gives_back(&self) -> bool {
        self.has(StateProperty::Releases)
    }

    /// Whether the run holds its lane, and counts for the backlog.
    pub fn holds_lane(&self) -> bool {
        self.has(StateProperty::HoldsLane)
    }

    /// Whether the run no longer needs its event: it is over, and nobody is expected to retry it.
    pub fn is_redactable(&self) -> bool {
        self.has(StateProperty::Redactable)
    }

    /// The gate that suppressed the run.
    pub fn gate(&self) -> Option<&str> {
        let RunState::Suppressed { gate, .. } = self else {
            return None;
        };
        Some(gate)
    }

    /// The key of what is suspended, if the run waits for the end of that.
    pub fn parked_on(&self) -> Option<&str> {
        let RunState::Parked { on, .. } = self else {
            return None;
        };
        Some(on)
    }

    /// The path of the `wait_for` step at which the run waits.
    pub fn awaited(&self) -> Option<&str> {
        let RunState::Awaiting { step, .. } = self else {
            return None;
        };
        Some(step)
    }

    /// The time when a waiting run continues.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            RunState::Debouncing { until }
            | RunState::Retrying { until }
            | RunState::Limited { until, .. }
            | RunState::Waiting { until }
            | RunState::Awaiting { until, .. } => Some(*until),
            RunState::Queued
            | RunState::Running
            | RunState::Parked { .. }
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
            | RunState::Parked { why, .. }
            | RunState::Dead { why }
            | RunState::Held { why }
            | RunState::Suppressed { why, .. } => Some(why),
            RunState::Queued
            | RunState::Debouncing { .. }
            | RunState::Running
            | RunState::Retrying { .. }
            | RunState::Waiting { .. }
            | RunState::Awaiting { .. }
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
    /// The run reached a `wait` or a `wait_for`, which ends at `until` even if the clock is changed.
    Waiting {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
        until: Timestamp,
    },
    Attempt(Attempt),
    /// An event came that a `wait_for` waits for. It decides the step.
    Arrived {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
        /// Which of the events of the step it is, from 1.
        number: u32,
        /// Its body, with `event` for its header.
        event: Value,
    },
    /// A person answered a `wait_for`. It decides the step.
    Answered {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
        answer: String,
        /// Who answered, as far as it is known: an object.
        by: Value,
    },
    /// Nothing came that a `wait_for` waits for. It decides the step.
    Expired {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
    },
    /// The failure of a step, or of the whole flow (`catch`), was caught.
    Caught {
        /// The step's path in the flow.
        step: String,
        at: Timestamp,
        /// `error.…` for the catch.
        error: Value,
    },
    /// An operator retried the run: earlier attempts no longer count. A `wait` keeps its end.
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
        let LogEntry::Attempt(attempt) = self else {
            return None;
        };
        Some(attempt)
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

/// What distinguishes an event from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventIdentity<'a> {
    pub id: &'a str,
    /// The entry under `sources` that received it; `None` for the entry with the name of the source.
    pub endpoint: Option<&'a str>,
}

impl<'a> EventIdentity<'a> {
    pub fn of(event: &'a Event) -> Self {
        Self {
            id: &event.id,
            endpoint: (event.endpoint != event.source).then_some(&*event.endpoint),
        }
    }
}

/// Returns the idempotency key of a step's request, the same for every attempt and after every restart.
/// `step` is the step's path in the flow, so that each item of a list has its own key. Replaying an event
/// increases the generation and thereby changes the key.
pub fn idempotency_key(
    event: EventIdentity<'_>,
    rule: &str,
    step: &str,
    generation: u32,
) -> String {
    let generation = generation.to_string();
    let mut parts = vec![event.id, rule, step, &generation];
    parts.extend(event.endpoint);
    let hash = hash(&parts);
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
        let event = |id| EventIdentity { id, endpoint: None };
        let at = |endpoint| EventIdentity {
            id: "e",
            endpoint: Some(endpoint),
        };
        let key = idempotency_key;
        let one = key(event("e"), "r", "s", 0);
        assert_eq!(one.len(), 32);
        assert_eq!(one, key(event("e"), "r", "s", 0));
        for other in [
            key(event("f"), "r", "s", 0),
            key(event("e"), "q", "s", 0),
            key(event("e"), "r", "t", 0),
            key(event("e"), "r", "s", 1),
            key(event("er"), "", "s", 0),
            key(at("north"), "r", "s", 0),
            key(at("south"), "r", "s", 0),
        ] {
            assert_ne!(one, other);
        }
    }
}
