//! Everything that is known of one run: its event, its rule as it was planned with, its log, its gates, its
//! debounce window, and the runs that it depends on.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{DeathNotice, EventRecord, RunRow, RunWaiter};
use crate::store::GivenCommand;
use flowtrigger_core::compile::rule_version::compile_version;
use flowtrigger_core::config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::flow::step::Flow;
use flowtrigger_core::gate::recorded::RecordedGate;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::version::{RuleVersion, StoredRuleVersion};
use flowtrigger_core::run::{LogEntry, RunId};

#[derive(Debug, Clone)]
pub struct RunDetail {
    pub row: RunRow,
    pub arrived: EventRecord,
    pub rule: RuleAtPlanning,
    pub lane: Option<String>,
    pub generation: u32,
    /// `error.…` of a notice; null of any other run.
    pub error: Value,
    /// The gate checks of its rule, in their order.
    pub asks: Vec<RecordedGate>,
    /// The gates at which it still counts.
    pub charges: Vec<GateAdmission>,
    /// The debounce window of its event.
    pub window: Option<WindowDetail>,
    pub log: Vec<LogEntry>,
    /// The runs that led to it, the nearest first, if the loop guard suppressed it.
    pub chain: Vec<RunRow>,
    /// The run that it waits for in its lane.
    pub behind: Option<RunId>,
    /// The run that reports on its death.
    pub told_by: Option<DeathNotice>,
    /// The events that it waits for or has waited for.
    pub waits: Vec<RunWaiter>,
    /// The commands that were given to it, the oldest first.
    pub commands: Vec<GivenCommand>,
    /// It was running when the process ended without shutdown, and was not claimed since.
    pub suspect: bool,
    /// How many ends of its daemon without shutdown count against it: in a data folder, those while only it was running.
    pub crashes: u32,
}

/// The rule that a run was planned with.
#[derive(Debug, Clone)]
pub struct RuleAtPlanning {
    pub version: RuleVersion,
    /// Compiled again; or the errors that this program finds in it.
    pub rule: Result<Arc<Rule>, Diagnostics>,
    /// The files that the rule's spans point into.
    pub files: Arc<Files>,
}

/// A run that counts at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateAdmission {
    pub gate: String,
    pub value: String,
    pub at: Timestamp,
    pub until: Timestamp,
}

/// Events that a debounce has collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowDetail {
    /// The run that acts on them.
    pub run: RunId,
    pub opened: Timestamp,
    pub is_open: bool,
    /// How many there are. Those that are still stored are in `gathered`, the oldest first.
    pub events: u64,
    pub gathered: Vec<WindowEvent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowEvent {
    pub event: String,
    pub came: Timestamp,
}

impl RunDetail {
    /// The flow that it runs: the rule's, or the one for dead runs.
    pub fn flow(&self) -> Option<&Flow> {
        let rule = self.rule.rule.as_ref().ok()?;
        Some(crate::store::flow(rule, &self.error))
    }
}

impl RuleAtPlanning {
    pub fn compile(kept: StoredRuleVersion, config: config::ConfigSource) -> Self {
        let version = RuleVersion::kept(kept, Arc::new(config));
        let rule = compile_version(&version, &version.config().compile());
        Self {
            files: Arc::new(version.files()),
            version,
            rule,
        }
    }
}
