//! Commits events at the times of a simulation, many in one job: a backtest has as many as its archive.
//!
//! A run starts as soon as it may, and is not executed. What a gate has to know of its end comes with the event: the store
//! applies it at its time, before the next event.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use jiff::Timestamp;

use super::clock::StoreClock;
use super::codec::micros;
use super::commit::EncodedEvent;
use super::transaction::WriteTransaction;
use super::writer::Durability;
use super::{SqliteStore, VirtualClock};
use crate::store::{Advance, Committed, IncomingEvent, StoreError};
use flowtrigger_core::run::{RunId, RunState};

/// An event at its time.
#[derive(Debug, Clone)]
pub struct TimedArrival {
    /// When it is committed. The time of its receipt may be another one.
    pub at: Timestamp,
    pub incoming: IncomingEvent,
    /// The known ends of its runs.
    pub ends: Vec<RunEnd>,
}

/// How the run of a rule ends.
#[derive(Debug, Clone)]
pub struct RunEnd {
    pub rule: String,
    pub at: Timestamp,
    pub state: RunState,
}

/// Ends of runs that are later than the last event.
#[derive(Debug, Default)]
pub struct PendingEnds {
    order: BinaryHeap<Reverse<(Timestamp, u64)>>,
    states: BTreeMap<u64, RunState>,
}

impl SqliteStore {
    /// Commits events in their order, each at its time. The store must be in virtual time.
    pub async fn commit_in_time(
        &self,
        clock: &VirtualClock,
        arrivals: Vec<TimedArrival>,
        mut ends: PendingEnds,
    ) -> Result<(Vec<Committed>, PendingEnds), StoreError> {
        let clock = clock.clone();
        let encoded: Vec<(EncodedEvent, Timestamp, Vec<RunEnd>)> = arrivals
            .into_iter()
            .map(|arrival| {
                (
                    EncodedEvent::new(arrival.incoming),
                    arrival.at,
                    arrival.ends,
                )
            })
            .collect();
        let play = move |transaction: &mut WriteTransaction<'_>| {
            debug_assert!(matches!(transaction.state.clock, StoreClock::Virtual(_)));
            let mut committed = Vec::with_capacity(encoded.len());
            for (event, at, known) in encoded {
                ends.apply(at, &clock, transaction)?;
                transaction.start_due(at)?;
                clock.set(at);
                transaction.state.committed_at = Some(at);
                let mut one = transaction.commit_all(&[event])?;
                let one = one.pop().unwrap_or_default();
                for run in one.runs.iter().filter(|run| run.state == RunState::Queued) {
                    transaction.transition(run.id, &RunState::Running, at)?;
                }
                ends.add(&one, known);
                committed.push(one);
            }
            Ok((committed, ends))
        };
        self.writer.submit(Durability::Buffered, play).await
    }

    /// The states of runs now, in the order of `runs`.
    pub async fn states(&self, runs: Vec<RunId>) -> Result<Vec<RunState>, StoreError> {
        let read = move |transaction: &mut WriteTransaction<'_>| {
            let states = runs.into_iter().map(|run| transaction.run_state(run));
            states.collect::<Result<Vec<_>, _>>()
        };
        self.writer.submit(Durability::Buffered, read).await
    }
}

impl WriteTransaction<'_> {
    /// Starts the runs whose debounce window has ended.
    fn start_due(&mut self, until: Timestamp) -> Result<(), StoreError> {
        let due: Vec<i64> = {
            let mut statement = self
                .connection
                .prepare_cached("SELECT id FROM runs WHERE due <= ?1 ORDER BY due, id")?;
            let rows = statement.query_map([micros(until)], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for run in due {
            self.transition(RunId(run.unsigned_abs()), &RunState::Running, until)?;
        }
        Ok(())
    }
}

impl PendingEnds {
    /// Notes the ends of the runs of an event. A run that a gate stopped has none.
    fn add(&mut self, committed: &Committed, ends: Vec<RunEnd>) {
        for end in ends {
            let run = committed.runs.iter().find(|run| *run.rule == *end.rule);
            let Some(run) = run.filter(|run| !run.state.is_final()) else {
                continue;
            };
            self.order.push(Reverse((end.at, run.id.0)));
            self.states.insert(run.id.0, end.state);
        }
    }

    /// Applies the ends until a time.
    fn apply(
        &mut self,
        until: Timestamp,
        clock: &VirtualClock,
        transaction: &mut WriteTransaction<'_>,
    ) -> Result<(), StoreError> {
        while let Some(Reverse((at, run))) = self.order.peek().copied()
            && at <= until
        {
            self.order.pop();
            let Some(state) = self.states.remove(&run) else {
                continue;
            };
            clock.set(at);
            let advance = Advance {
                run: RunId(run),
                claim: None,
                entries: Vec::new(),
                state: Some(state),
            };
            transaction.advance(&advance, at)?;
        }
        Ok(())
    }
}
