//! A run as a store returns it: its full record, what a worker needs, or its status.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::notice::flow;
use super::{ClaimId, RevisionId};
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::step::Flow;
use flowtrigger_core::gate::debounce::locals;
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// Everything that the store knows of a run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    pub id: RunId,
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    pub received: Timestamp,
    pub revision: RevisionId,
    pub lane: Option<String>,
    pub generation: u32,
    /// `error.…` of a notice; null of any other run.
    pub error: Value,
    /// What the flow reads under `events`, the oldest first; only for a debounce that keeps all events.
    pub events: Vec<Arc<Event>>,
    pub lineage: Causation,
    pub state: RunState,
    pub log: Vec<LogEntry>,
}

/// A run to execute.
#[derive(Debug, Clone)]
pub struct ClaimedRun {
    pub id: RunId,
    pub claim: ClaimId,
    /// When its event was accepted, or replayed; for an `on_dead` run, when the other run died.
    pub planned: Timestamp,
    /// When it was queued last.
    pub queued: Timestamp,
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    /// A replay increments it, a retry keeps it. Part of every step's idempotency key.
    pub generation: u32,
    /// `error.…` of a notice; null of any other run.
    pub error: Value,
    /// What the flow reads under `events`, the oldest first; only for a debounce that keeps all events.
    pub events: Vec<Arc<Event>>,
    pub log: Vec<LogEntry>,
}

/// A run and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStatus {
    pub id: RunId,
    pub rule: Arc<str>,
    pub state: RunState,
}

impl RunRecord {
    /// The names that its gates define, for the scope of its flow: an object, or null if there are none.
    pub fn locals(&self) -> Value {
        locals(self.events.iter().map(|event| &**event))
    }

    pub fn flow(&self) -> &Flow {
        flow(&self.rule, &self.error)
    }
}

impl ClaimedRun {
    /// The names that its gates define, for the scope of its flow: an object, or null if there are none.
    pub fn locals(&self) -> Value {
        locals(self.events.iter().map(|event| &**event))
    }

    /// The flow that it executes: the rule's, or that of a notice.
    pub fn flow(&self) -> &Flow {
        flow(&self.rule, &self.error)
    }
}
