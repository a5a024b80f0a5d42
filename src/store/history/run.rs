//! Runs as a list: the filter, the page, and one row.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::EventRowId;
use crate::store::ReplayId;
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::run::{RunId, RunState};
use flowtrigger_core::suspension::SuspensionTarget;

/// Which runs; a field that is not set takes any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    pub ids: Vec<RunId>,
    pub rule: Option<String>,
    /// Names of states; an empty list takes all.
    pub states: Vec<String>,
    /// The key of the event: the ticket.
    pub key: Option<String>,
    /// The event's id.
    pub event: Option<String>,
    /// The entry under `sources` that received the event.
    pub endpoint: Option<String>,
    /// When it was planned: from this time on, and before that one.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Part of the reason for its state, or of the message of a failed attempt; case does not matter.
    pub error: Option<String>,
    /// Part of the address of a request that it sent; case does not matter.
    pub sent_to: Option<String>,
    /// The stored event.
    pub row: Option<EventRowId>,
    /// The replay that planned it.
    pub replay: Option<ReplayId>,
    /// What has to continue or work again before the run continues.
    pub waiting_for: Option<SuspensionTarget>,
    /// How a rule and its shadow version compare: only runs that tell it.
    pub comparison: Option<RunComparison>,
}

/// What a run tells of a rule and its shadow version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunComparison {
    /// Both start a run for the event.
    Same,
    /// Only the rule of this run does.
    Different,
}

/// How many runs pass a filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// By the name of their state. States without runs are left out.
    pub by_state: BTreeMap<String, u64>,
    /// Whether there may be older runs, which are not counted.
    pub is_capped: bool,
}

/// Which part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    /// Only runs older than this one.
    pub before: Option<RunId>,
}

/// One run of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub id: RunId,
    pub rule: String,
    pub state: RunState,
    pub planned: Timestamp,
    /// When its state changed last.
    pub changed: Timestamp,
    pub source: String,
    /// The entry under `sources` that received its event.
    pub endpoint: String,
    pub event_type: String,
    pub event: String,
    /// The stored event.
    pub event_row: EventRowId,
    pub key: Option<String>,
    pub attempts: u64,
    /// The message of the last failed attempt.
    pub error: Option<String>,
    /// The run that it reports on, of a notice: the dead one, the first of several, or the one that noticed an outage.
    pub tells_of: Option<RunId>,
    pub reports: ReportedFailures,
    /// The run that reports that this one is dead.
    pub told_by: Option<DeathNotice>,
    /// The replay that planned it.
    pub replay: Option<ReplayId>,
    pub lineage: Causation,
    /// Of a rule that is compared with another one: whether that one matched the event too.
    pub counterpart: Option<bool>,
    /// The gate that suppressed the run of that other rule for the same event.
    pub counterpart_gate: Option<String>,
}

/// What a notice reports besides one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedFailures {
    /// The dead runs, or how often runs began to wait for the receiver; 0 if it is no notice.
    pub count: u64,
    /// The receiver that fails.
    pub receiver: Option<String>,
}

/// The run that reports a dead one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeathNotice {
    pub run: RunId,
    /// Dead runs that it reports besides this one.
    pub others: u64,
    /// When it continues, if it waits.
    pub due: Option<Timestamp>,
}

impl RunFilter {
    /// Takes one run.
    pub fn one(run: RunId) -> Self {
        Self {
            ids: vec![run],
            ..Self::default()
        }
    }

    /// Whether it takes every run.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl RunTotals {
    /// The runs of all states.
    pub fn all(&self) -> u64 {
        self.by_state.values().sum()
    }
}

impl Page {
    /// The newest runs, at most `limit`.
    pub fn first(limit: usize) -> Self {
        Self {
            limit,
            before: None,
        }
    }
}
