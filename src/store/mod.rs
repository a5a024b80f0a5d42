//! Where events and runs are kept: journal and queue in one, behind one trait for every backend.
//! It decides what is a redelivery and whose turn it is; it performs nothing and judges no rule.

#[cfg(test)]
mod conformance;
mod memory;
mod scopes;
pub mod sqlite;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::core::config::{self, Archive, Config, Limits, Retention};
use crate::core::event::{Brief, Event};
use crate::core::flow::step::Flow;
use crate::core::gate::{Ask, Debounce, locals};
use crate::core::loop_guard::{Lineage, LoopAsk};
use crate::core::rule::jobspec::{Mode, Rule};
use crate::core::rule::path::Path;
use crate::core::run::{Line, RunId, State};

pub use memory::MemoryStore;
pub use scopes::SettingsError;
pub use sqlite::SqliteStore;

/// Journal and queue. Every method answers after its change is as safe as the backend makes it.
pub trait Store: Send + Sync + 'static {
    /// Whether what was committed survives the end of the process.
    const DURABLE: bool;

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

/// An event that led to no run.
#[derive(Debug, Clone)]
pub enum Unmatched {
    Built(Arc<Event>),
    /// As it came; nothing was built of it. Only what the built-in catalogue alone can read.
    Scanned {
        brief: Box<Brief>,
        raw: Box<str>,
    },
}

impl From<Arc<Event>> for Unmatched {
    fn from(event: Arc<Event>) -> Self {
        Unmatched::Built(event)
    }
}

/// An event that came, with what is to run for it.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub event: Arc<Event>,
    pub received: Timestamp,
    /// What judged it.
    pub edition: EditionId,
    pub planned: Vec<Planned>,
    pub occasion: Occasion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The event came from outside.
    Delivery,
    /// A person wants a known event acted on again: its runs get a generation of their own, and no
    /// gate is asked.
    Replay,
}

/// One rule that matched.
#[derive(Debug, Clone)]
pub struct Planned {
    pub rule: Arc<Rule>,
    /// Shadow: recorded and never acted. Never disabled: such a rule does not match.
    pub mode: Mode,
    /// The value that runs of this rule are kept apart by; None waits for no other run.
    pub lane: Option<String>,
    /// What the loop guard is asked, before its gates; None where nothing follows from the run.
    pub loop_ask: Option<LoopAsk>,
    /// What its gates are asked, in their order.
    pub asks: Vec<Ask>,
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

/// How much may be taken up.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub limit: usize,
    /// Runs of one rule at work together.
    pub per_rule: usize,
    pub now: Timestamp,
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

impl Record {
    /// The same as of a claimed run.
    pub fn locals(&self) -> Value {
        locals(self.events.iter().map(|event| &**event))
    }

    pub fn flow(&self) -> &Flow {
        flow(&self.rule, &self.error)
    }
}

fn flow<'r>(rule: &'r Rule, error: &Value) -> &'r Flow {
    match &rule.on_dead {
        Some(on_dead) if !error.is_null() => on_dead,
        Some(_) | None => &rule.flow,
    }
}

/// How much is kept, and for how long, as the configuration says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub limits: Limits,
    pub retention: Retention,
    pub archive: Archive,
    /// Fields of events that are not kept once nothing needs them.
    pub redact: Vec<Path>,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
        Self {
            limits: config.limits,
            retention: config.retention,
            archive: config.archive,
            redact: config.redact.clone(),
        }
    }
}

/// Rules and configuration as they were written at one time.
#[derive(Debug, Clone)]
pub struct Edition {
    /// Name and text of each rule file.
    pub files: Vec<(Arc<str>, Arc<str>)>,
    pub config: Arc<config::Source>,
    pub settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EditionId(pub u64);

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(
        "failed to keep the event: {unfinished} runs are unfinished, the store's limit; send it again later"
    )]
    Full { unfinished: usize },
    #[error("failed to keep the event in time: the disk is behind; send it again later")]
    Busy,
    #[error("failed to find run {0}; it may be older than what the store keeps")]
    UnknownRun(u64),
    #[error("run {run} is {state}, and only {wanted} can be {order}")]
    WrongState {
        run: u64,
        state: &'static str,
        wanted: &'static str,
        order: &'static str,
    },
    #[error(
        "run {0} tells of another run's death and acts on no event of its own; replay that run"
    )]
    OnlyTells(u64),
    #[error(
        "fields of the event of run {0} are no longer kept (`redact` in flowtrigger.yaml), and it cannot be acted on without them; have it sent again"
    )]
    Redacted(u64),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("failed to write to the data folder: {0}")]
    Broken(String),
    #[error("failed to read the database: {0}; start again, which sets the damaged file aside")]
    Damaged(String),
}

impl StoreError {
    fn cannot_revive(run: RunId, state: &State) -> Self {
        StoreError::WrongState {
            run: run.0,
            state: state.word(),
            wanted: "dead, held and cancelled runs",
            order: "retried",
        }
    }

    fn cannot_cancel(run: RunId, state: &State) -> Self {
        StoreError::WrongState {
            run: run.0,
            state: state.word(),
            wanted: "unfinished and held runs",
            order: "cancelled",
        }
    }
}

impl Planned {
    /// The debounce that gathers its event; none for what never acts.
    fn debounce(&self) -> Option<Debounce<'_>> {
        let live = (self.mode == Mode::Live).then_some(&self.asks)?;
        live.iter().find_map(Debounce::of)
    }

    /// Where a run begins that every gate lets through.
    fn first_state(&self) -> State {
        match self.mode {
            Mode::Live => State::Queued,
            Mode::Shadow => State::Shadow,
            Mode::Disabled => State::Cancelled,
        }
    }
}

impl Placed {
    fn of(record: &Record) -> Self {
        Self {
            id: record.id,
            rule: record.rule.name.as_str().into(),
            state: record.state.clone(),
        }
    }
}

/// The run that tells of a death, where the rule wants one; a death of such a run is told to nobody.
fn notice(dead: &Record) -> Option<Record> {
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
