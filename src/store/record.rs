//! A run as a store gives it out: all that is known of it, what it goes on with, or where it stands.
//! It refuses to move a run; that is for the store.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::EditionId;
use crate::core::event::Event;
use crate::core::flow::step::Flow;
use crate::core::gate::locals;
use crate::core::loop_guard::Lineage;
use crate::core::rule::jobspec::Rule;
use crate::core::run::{Line, RunId, State};

/// All that is known of a run.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: RunId,
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    pub received: Timestamp,
    pub edition: EditionId,
    pub lane: Option<String>,
    pub generation: u32,
    /// `error.…` of a run that tells of another one's death; null of any other.
    pub error: Value,
    /// What the flow reads under `events`, the oldest first: of a rule whose debounce keeps all alone.
    pub events: Vec<Arc<Event>>,
    pub lineage: Lineage,
    pub state: State,
    pub log: Vec<Line>,
}

/// A run to go on with.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: RunId,
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    /// A replay raises it; a retry keeps it. Part of every step's idempotency key.
    pub generation: u32,
    /// `error.…` of a run that tells of another one's death; null of any other.
    pub error: Value,
    /// What the flow reads under `events`, the oldest first: of a rule whose debounce keeps all alone.
    pub events: Vec<Arc<Event>>,
    pub log: Vec<Line>,
}

/// A run and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub id: RunId,
    pub rule: Arc<str>,
    pub state: State,
}

impl Record {
    /// The same as of a claimed run.
    pub fn locals(&self) -> Value {
        locals(self.events.iter().map(|event| &**event))
    }

    pub fn flow(&self) -> &Flow {
        flow(&self.rule, &self.error)
    }
}

impl Claimed {
    /// What its gates give names to, for the scope of its flow: an object, or null where there is
    /// none.
    pub fn locals(&self) -> Value {
        locals(self.events.iter().map(|event| &**event))
    }

    /// What it runs: the rule's flow, or the one that tells of a death.
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

/// The run that tells of a death, where the rule wants one; a death of such a run is told to nobody.
pub(super) fn notice(dead: &Record) -> Option<Record> {
    let State::Dead { why } = &dead.state else {
        return None;
    };
    if dead.rule.on_dead.is_none() || !dead.error.is_null() {
        return None;
    }
    Some(Record {
        error: json!({
            "message": why,
            "run": dead.id.0,
            "rule": dead.rule.name,
            "attempts": dead.log.iter().filter_map(Line::attempt).count(),
        }),
        lane: None,
        events: Vec::new(),
        lineage: Lineage::default(),
        state: State::Queued,
        log: Vec::new(),
        ..dead.clone()
    })
}
