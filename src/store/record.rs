//! A run as a store returns it: its full record, what a worker needs, or its status.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

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
    /// `error.…` of a run that reports on a dead one; null of any other.
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
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    /// A replay increments it, a retry keeps it. Part of every step's idempotency key.
    pub generation: u32,
    /// `error.…` of a run that reports on a dead one; null of any other.
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

    /// The flow that it executes: the rule's, or its `on_dead` flow.
    pub fn flow(&self) -> &Flow {
        flow(&self.rule, &self.error)
    }
}

pub(super) fn flow<'r>(rule: &'r Rule, error: &Value) -> &'r Flow {
    match &rule.on_dead {
        Some(on_dead) if !error.is_null() => on_dead,
        Some(_) | None => &rule.flow,
    }
}

/// The `on_dead` run of a dead or held run, if its rule has that flow. An `on_dead` run has none.
pub(super) fn on_dead_run(dead: &RunRecord) -> Option<RunRecord> {
    let (RunState::Dead { why } | RunState::Held { why }) = &dead.state else {
        return None;
    };
    if dead.rule.on_dead.is_none() || !dead.error.is_null() {
        return None;
    }
    Some(RunRecord {
        error: json!({
            "message": why,
            "run": dead.id.0,
            "rule": dead.rule.name,
            "attempts": dead.log.iter().filter_map(LogEntry::attempt).count(),
        }),
        lane: None,
        events: Vec::new(),
        lineage: Causation::default(),
        state: RunState::Queued,
        log: Vec::new(),
        ..dead.clone()
    })
}
