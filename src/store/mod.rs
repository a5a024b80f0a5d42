//! Keeps events and runs: queue and log behind one trait for every backend. The store decides what is a
//! redelivery, which gates admit a run and which run is claimed next; it evaluates no rule.

#[path = "incoming.rs"]
mod arrival;
#[cfg(test)]
mod conformance;
#[path = "revision.rs"]
mod edition;
mod error;
pub mod history;
mod record;
#[path = "integration_settings.rs"]
mod scopes;
pub mod sqlite;

use std::collections::BTreeMap;
use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::core::run::{Line, RunId, State};
use record::{flow, notice};

pub use arrival::{Arrival, Committed, Occasion, Planned, Unmatched};
pub use edition::{Edition, EditionId, Settings};
pub use error::{RowError, StoreError};
pub use history::History;
pub use record::{Claimed, Placed, Record};
pub use scopes::SettingsError;
pub use sqlite::{SqliteHistory, SqliteStore};

/// Journal and queue. Every method answers after its change is as safe as the backend makes it.
pub trait Store: Send + Sync + 'static {
    /// Whether what was committed survives the end of the process.
    fn is_durable(&self) -> bool;

    /// Commits events with their planned runs, all or none, in this order. An event whose id is
    /// known from its source is a redelivery: it gets its earlier runs, and nothing runs twice.
    /// Gates are asked in here, so that no two events pass a gate for one. An event without runs is
    /// not remembered, so that a rule written later may still meet it.
    fn commit_all(
        &self,
        arrivals: Vec<Arrival>,
    ) -> impl Future<Output = Result<Vec<Committed>, StoreError>> + Send;

    fn commit(
        &self,
        arrival: Arrival,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        async {
            let mut committed = self.commit_all(vec![arrival]).await?;
            Ok(committed.pop().unwrap_or_default())
        }
    }

    /// Takes runs whose turn it is and makes them running. A run owns its lane while it is queued,
    /// running or retrying; only the first of a lane is ever claimed. One that waits, or whose debounce
    /// gathers, has no lane: when its time comes it is queued in it again, behind the owner and among the
    /// others by its age. Rules take turns, so that one with many runs holds up no other; within a rule
    /// the oldest goes first.
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Vec<Claimed>, StoreError>> + Send;

    /// Adds lines to the log of a run and, where given, says where the run stands now: both or
    /// neither. A state that gives up the lane gives it to the next. A run that is over stays as it
    /// is. When a run dies whose rule has an `on_dead` flow, the run that tells of it is queued with
    /// it.
    fn advance(
        &self,
        run: RunId,
        lines: Vec<Line>,
        state: Option<State>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A person's order: a dead, held or cancelled run is queued again, last in its lane, with its
    /// flow, its key and its log. One whose event is not kept whole any more is not.
    fn revive(
        &self,
        run: RunId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Placed, StoreError>> + Send;

    /// A person's order: a run that is not over, or held, is given up.
    fn cancel(&self, run: RunId) -> impl Future<Output = Result<Placed, StoreError>> + Send;

    /// When the next run is due that waits for a time.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    fn run(&self, run: RunId) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// The runs that an event led to, by the event's source and id.
    fn runs_of(
        &self,
        source: &str,
        event: &str,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Runs that are not over, the oldest first, at most so many.
    fn unfinished(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Placed>, StoreError>> + Send;

    /// Since when the run waits that has been queued longest.
    fn oldest_queued(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// How many runs stand in each state, by its word.
    fn counts(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<&'static str, u64>, StoreError>> + Send;

    /// The clock on the wall was set back by so much (a negative time): what waits for a time and what
    /// counts at a gate moves with it.
    fn shift(&self, by: SignedDuration) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps the rules and the configuration that events are judged by from now on. Fields that are to be
    /// redacted are let go with the last run of an event that may need them: at once where there is none,
    /// and not while one is dead or held, which a person may retry.
    fn adopt(&self, edition: Edition)
    -> impl Future<Output = Result<EditionId, StoreError>> + Send;

    /// The settings of an integration in a scope; None where none were ever made.
    fn config(
        &self,
        integration: &str,
        scope: &str,
    ) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// Lays an object over the settings, key by key at the top, and tells what they are then.
    fn patch_config(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> impl Future<Output = Result<Value, StoreError>> + Send;

    /// Files an event that led to no run, for those who ask later why. Never waits: what cannot be
    /// written soon is lost, and counted.
    fn archive(&self, event: Unmatched, edition: EditionId, received: Timestamp);
}

/// How much may be taken up.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub limit: usize,
    /// Runs of one rule at work together.
    pub per_rule: usize,
    pub now: Timestamp,
}

/// Whether a run in this state holds its lane, and counts for the backlog.
fn is_in_line(state: &State) -> bool {
    match state {
        State::Queued | State::Running | State::Retrying { .. } => true,
        State::Debouncing { .. }
        | State::Waiting { .. }
        | State::Done
        | State::Skipped { .. }
        | State::Shadow
        | State::Dead { .. }
        | State::Held { .. }
        | State::Suppressed { .. }
        | State::Cancelled => false,
    }
}

/// Whether a run in this state needs its event no more: it is over, and no retry is to be expected.
fn lets_go(state: &State) -> bool {
    match state {
        State::Done
        | State::Skipped { .. }
        | State::Suppressed { .. }
        | State::Shadow
        | State::Cancelled => true,
        State::Queued
        | State::Debouncing { .. }
        | State::Running
        | State::Retrying { .. }
        | State::Waiting { .. }
        | State::Held { .. }
        | State::Dead { .. } => false,
    }
}
