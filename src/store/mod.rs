//! Where events and runs are kept: journal and queue in one, behind one trait for every backend.
//! It decides what is a redelivery and whose turn it is; it performs nothing and judges no rule.

#[cfg(test)]
mod conformance;
mod memory;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;

use crate::core::event::Event;
use crate::core::rule::jobspec::{Mode, Rule};
use crate::core::run::{Attempt, RunId, State};

pub use memory::{Limits, MemoryStore};

/// Journal and queue. Every method answers after its change is as safe as the backend makes it.
pub trait Store: Send + Sync + 'static {
    /// Whether what was committed survives the end of the process.
    const DURABLE: bool;

    /// Commits events with their planned runs, all or none, in this order. An event whose id is
    /// known from its source is a redelivery: it gets its earlier runs, and nothing runs twice. An
    /// event without runs is not remembered, so that a rule written later may still meet it.
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

    /// Takes runs whose turn it is, by store row, and makes them running. A run owns its lane while
    /// it is queued, running or retrying; only the first of a lane is ever claimed.
    fn claim(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Claimed>, StoreError>> + Send;

    /// Adds a line to the log of a run.
    fn append(
        &self,
        run: RunId,
        attempt: Attempt,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Where a running run stands now. A final state gives its lane to the next.
    fn set_state(
        &self,
        run: RunId,
        state: State,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// When the next retrying run is due.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    fn run(&self, run: RunId) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// The runs that an event led to, by the event's source and id.
    fn runs_of(
        &self,
        source: &str,
        event: &str,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Runs that are queued, running or retrying, by store row.
    fn unfinished(&self) -> impl Future<Output = Result<Vec<Placed>, StoreError>> + Send;

    /// How many runs stand in each state, by its word.
    fn counts(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<&'static str, u64>, StoreError>> + Send;
}

/// An event that came, with what is to run for it.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub event: Arc<Event>,
    pub planned: Vec<Planned>,
}

/// One rule that matched.
#[derive(Debug, Clone)]
pub struct Planned {
    pub rule: Arc<Rule>,
    /// Shadow: recorded and never acted. Never disabled: such a rule does not match.
    pub mode: Mode,
    /// The value that runs of this rule are kept apart by; None waits for no other run.
    pub lane: Option<String>,
}

/// What became of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The event was known: these are its earlier runs.
    pub redelivered: bool,
    pub runs: Vec<Placed>,
}

/// A run and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub id: RunId,
    pub rule: Arc<str>,
    pub state: State,
}

/// A run to go on with.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: RunId,
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    /// A replay raises it; a retry keeps it. Part of every step's idempotency key.
    pub generation: u32,
    pub log: Vec<Attempt>,
}

/// All that is known of a run.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: RunId,
    pub event: Arc<Event>,
    pub rule: Arc<Rule>,
    pub lane: Option<String>,
    pub generation: u32,
    pub state: State,
    pub log: Vec<Attempt>,
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(
        "failed to keep the event: {unfinished} runs are unfinished, the store's limit; send it again later"
    )]
    Full { unfinished: usize },
    #[error("failed to find run {0}; it may be older than what the store keeps")]
    UnknownRun(u64),
}
