//! Decides in virtual time which matches of rules with gates become runs. The gates are those of the daemon: a store in
//! memory commits the events at their times.

use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::EngineError;
use crate::report::backtest::outcome::MatchOutcome;
use crate::report::error::CommandError;
use crate::store::sqlite::VirtualClock;
use crate::store::sqlite::virtual_time::{PendingEnds, RunEnd, TimedArrival};
use crate::store::{
    ArrivalKind, IncomingEvent, PlannedRun, RevisionId, SqliteStore, StoreError, StoreSettings,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::{RunId, RunState};

/// Events of one job of the store.
const BATCH: usize = 256;

/// An event whose gates decide.
#[derive(Debug)]
pub struct GatedEvent {
    pub event: Arc<Event>,
    pub received: Timestamp,
    /// When it is committed.
    pub at: Timestamp,
    pub planned: Vec<PlannedRun>,
    pub ends: Vec<RunEnd>,
    /// The numbers under which the caller gets the outcomes, in the order of `planned`; `None` of those that it does not
    /// need.
    pub numbers: Vec<Option<usize>>,
}

/// What the gates decided of a match.
#[derive(Debug, Clone, Copy)]
pub struct GatedOutcome {
    pub number: usize,
    pub outcome: MatchOutcome,
}

/// The gates of one set of rules.
#[derive(Debug)]
pub struct GateSimulation {
    runtime: tokio::runtime::Runtime,
    clock: VirtualClock,
    store: SqliteStore,
    /// Events that wait for the next job.
    batch: Vec<GatedEvent>,
    ends: PendingEnds,
    /// Runs that a later event of their debounce window may replace.
    debouncing: Vec<(RunId, usize)>,
}

impl GateSimulation {
    pub fn new() -> Result<Self, CommandError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
        let clock = VirtualClock::default();
        let store = SqliteStore::in_virtual_time(&clock, StoreSettings::simulated());
        Ok(Self {
            runtime,
            store: store.map_err(EngineError::from)?,
            clock,
            batch: Vec::new(),
            ends: PendingEnds::default(),
            debouncing: Vec::new(),
        })
    }

    /// Adds the next event in the order of the commits. Outcomes follow when a batch is full.
    pub fn add(
        &mut self,
        event: GatedEvent,
        outcomes: &mut Vec<GatedOutcome>,
    ) -> Result<(), CommandError> {
        self.batch.push(event);
        match self.batch.len() < BATCH {
            true => Ok(()),
            false => self.commit(outcomes),
        }
    }

    /// Decides on the last events, and on the debounce windows that are left.
    pub fn finish(&mut self, outcomes: &mut Vec<GatedOutcome>) -> Result<(), CommandError> {
        self.commit(outcomes)?;
        let debouncing = std::mem::take(&mut self.debouncing);
        let runs = debouncing.iter().map(|(run, _)| *run).collect();
        let states = self.runtime.block_on(self.store.states(runs));
        let states = states.map_err(failed)?;
        let known = debouncing.iter().zip(&states);
        outcomes.extend(known.map(|((_, number), state)| GatedOutcome {
            number: *number,
            outcome: MatchOutcome::of_state(state),
        }));
        Ok(())
    }

    fn commit(&mut self, outcomes: &mut Vec<GatedOutcome>) -> Result<(), CommandError> {
        let mut numbers = Vec::with_capacity(self.batch.len());
        let arrivals = std::mem::take(&mut self.batch).into_iter().map(|event| {
            numbers.push(event.numbers);
            TimedArrival {
                at: event.at,
                incoming: IncomingEvent {
                    event: event.event,
                    received: event.received,
                    revision: RevisionId::default(),
                    planned: event.planned,
                    occasion: ArrivalKind::Delivery,
                    delivery: None,
                },
                ends: event.ends,
            }
        });
        let arrivals: Vec<TimedArrival> = arrivals.collect();
        let ends = std::mem::take(&mut self.ends);
        let commit = self.store.commit_in_time(&self.clock, arrivals, ends);
        let (committed, ends) = self.runtime.block_on(commit).map_err(failed)?;
        self.ends = ends;
        for (committed, numbers) in committed.into_iter().zip(numbers) {
            for (run, number) in committed.runs.into_iter().zip(numbers) {
                let Some(number) = number else { continue };
                match run.state {
                    RunState::Debouncing { .. } => self.debouncing.push((run.id, number)),
                    state => outcomes.push(GatedOutcome {
                        number,
                        outcome: MatchOutcome::of_state(&state),
                    }),
                }
            }
        }
        Ok(())
    }
}

fn failed(error: StoreError) -> CommandError {
    CommandError::runtime(format!("failed to simulate the gates: {error}"))
}
