//! The store in memory: for `run`, for tests, and for a daemon that may forget its runs when it ends.
//! It refuses to grow without bound: finished runs, known ids and the backlog have limits.

mod lanes;
mod seen;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::core::rule::jobspec::Mode;
use crate::core::run::{Attempt, RunId, State};
use crate::store::{Arrival, Claimed, Committed, Placed, Planned, Record, Store, StoreError};
use lanes::Lanes;
use seen::{EventId, Seen};

/// Runs and the ids of events, gone when the process ends.
#[derive(Debug)]
pub struct MemoryStore {
    limits: Limits,
    inner: Mutex<Inner>,
}

/// What bounds the memory. Runs of one event share it, and it is let go with the last of them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Finished runs that can still be looked up; the oldest are forgotten first.
    pub finished: usize,
    /// Events, by id, whose redelivery is recognised: some 20 MB when full. A sender that repeats
    /// an event later than this many others runs it again.
    pub seen: usize,
    /// Runs queued, running or retrying. Beyond it nothing is accepted.
    pub unfinished: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            finished: 10_000,
            seen: 100_000,
            unfinished: 20_000,
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    last_id: u64,
    runs: BTreeMap<RunId, Record>,
    /// In the order in which they finished.
    finished: VecDeque<RunId>,
    lanes: Lanes,
    seen: Seen,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl MemoryStore {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            inner: Mutex::default(),
        }
    }

    /// No method leaves the maps half changed, so that a panic elsewhere spoils nothing.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    const DURABLE: bool = false;

    async fn commit_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Committed>, StoreError> {
        let mut inner = self.inner();
        let unfinished = inner.runs.len() - inner.finished.len();
        let coming: usize = arrivals.iter().map(Arrival::to_act).sum();
        if coming > 0 && unfinished + coming > self.limits.unfinished {
            return Err(StoreError::Full { unfinished });
        }
        let commit = |arrival| inner.commit(arrival, self.limits);
        Ok(arrivals.into_iter().map(commit).collect())
    }

    async fn claim(&self, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        let mut inner = self.inner();
        let ids = inner.lanes.claim(limit, now);
        Ok(ids.into_iter().filter_map(|id| inner.start(id)).collect())
    }

    async fn append(&self, run: RunId, attempt: Attempt) -> Result<(), StoreError> {
        self.inner().record(run)?.log.push(attempt);
        Ok(())
    }

    async fn set_state(&self, run: RunId, state: State) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let record = inner.record(run)?;
        if record.state.is_final() {
            return Ok(());
        }
        record.state = state.clone();
        match state {
            State::Retrying { until } => inner.lanes.park(run, until),
            State::Queued => inner.lanes.ready(run),
            State::Running => {}
            State::Done
            | State::Skipped { .. }
            | State::Shadow
            | State::Dead { .. }
            | State::Cancelled => {
                inner.leave_lane(run);
                inner.keep(run, self.limits);
            }
        }
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.inner().lanes.next_due())
    }

    async fn run(&self, run: RunId) -> Result<Option<Record>, StoreError> {
        Ok(self.inner().runs.get(&run).cloned())
    }

    async fn runs_of(&self, source: &str, event: &str) -> Result<Vec<Record>, StoreError> {
        let inner = self.inner();
        let known = inner.seen.get(&EventId::new(source, event));
        let ids = known.into_iter().flatten().map(|placed| placed.id);
        Ok(ids.filter_map(|id| inner.runs.get(&id).cloned()).collect())
    }

    async fn unfinished(&self) -> Result<Vec<Placed>, StoreError> {
        let inner = self.inner();
        let open = inner.runs.values().filter(|run| !run.state.is_final());
        Ok(open.map(Placed::of).collect())
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for run in self.inner().runs.values() {
            *counts.entry(run.state.word()).or_default() += 1;
        }
        Ok(counts)
    }
}

impl Inner {
    fn commit(&mut self, arrival: Arrival, limits: Limits) -> Committed {
        let id = EventId::new(&arrival.event.source, &arrival.event.id);
        if let Some(earlier) = self.seen.get(&id) {
            return Committed {
                redelivered: true,
                runs: earlier.iter().map(|placed| self.today(placed)).collect(),
            };
        }
        let event = arrival.event;
        let planned = arrival.planned.into_iter();
        let runs: Vec<Placed> = planned
            .map(|planned| self.place(planned, Arc::clone(&event), limits))
            .collect();
        if !runs.is_empty() {
            self.remember(id, &runs, limits);
        }
        Committed {
            redelivered: false,
            runs,
        }
    }

    fn place(
        &mut self,
        planned: Planned,
        event: Arc<crate::core::event::Event>,
        limits: Limits,
    ) -> Placed {
        self.last_id += 1;
        let id = RunId(self.last_id);
        let record = Record {
            id,
            event,
            state: planned.first_state(),
            rule: planned.rule,
            lane: planned.lane,
            generation: 0,
            log: Vec::new(),
        };
        let placed = Placed::of(&record);
        if !record.state.is_final() {
            self.lanes.join(record.lane_id(), id);
        }
        self.runs.insert(id, record);
        if placed.state.is_final() {
            self.keep(id, limits);
        }
        placed
    }

    fn remember(&mut self, id: EventId, runs: &[Placed], limits: Limits) {
        let open = |placed: &Placed| {
            let run = self.runs.get(&placed.id);
            run.is_some_and(|run| !run.state.is_final())
        };
        self.seen.insert(id, runs.to_vec(), limits.seen, open);
    }

    fn start(&mut self, id: RunId) -> Option<Claimed> {
        let record = self.runs.get_mut(&id)?;
        record.state = State::Running;
        Some(Claimed {
            id,
            event: Arc::clone(&record.event),
            rule: Arc::clone(&record.rule),
            generation: record.generation,
            log: record.log.clone(),
        })
    }

    fn record(&mut self, run: RunId) -> Result<&mut Record, StoreError> {
        self.runs.get_mut(&run).ok_or(StoreError::UnknownRun(run.0))
    }

    fn leave_lane(&mut self, run: RunId) {
        if let Some(record) = self.runs.get(&run) {
            self.lanes.leave(record.lane_id(), run);
        }
    }

    /// Keeps a finished run for those who ask, and forgets the oldest beyond the limit.
    fn keep(&mut self, run: RunId, limits: Limits) {
        self.finished.push_back(run);
        while self.finished.len() > limits.finished {
            if let Some(record) = self
                .finished
                .pop_front()
                .and_then(|id| self.runs.remove(&id))
            {
                let event = EventId::new(&record.event.source, &record.event.id);
                self.seen.note_last(&event, Placed::of(&record));
            }
        }
    }

    fn today(&self, placed: &Placed) -> Placed {
        self.runs
            .get(&placed.id)
            .map_or_else(|| placed.clone(), Placed::of)
    }
}

impl Arrival {
    fn to_act(&self) -> usize {
        let acting = |planned: &&Planned| !planned.first_state().is_final();
        self.planned.iter().filter(acting).count()
    }
}

impl Planned {
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

impl Record {
    /// By the rule's name, so that a reload splits no lane.
    fn lane_id(&self) -> Option<lanes::LaneId> {
        let value = self.lane.clone()?;
        Some(lanes::LaneId {
            rule: self.rule.name.clone(),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, arrival, live_rule, now};

    #[tokio::test]
    async fn conforms() {
        conformance::suite(MemoryStore::default).await;
    }

    fn small() -> MemoryStore {
        MemoryStore::new(Limits {
            finished: 2,
            seen: 3,
            unfinished: 2,
        })
    }

    async fn finish_all(store: &MemoryStore) {
        for run in store.claim(100, now()).await.unwrap() {
            store.set_state(run.id, State::Done).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_full_backlog_accepts_nothing_of_an_array() {
        let store = small();
        let rule = live_rule("a");
        let arrivals = (0..3).map(|n| arrival(&format!("e{n}"), &rule)).collect();
        let refused = store.commit_all(arrivals).await;
        assert_eq!(refused, Err(StoreError::Full { unfinished: 0 }));
        assert!(store.unfinished().await.unwrap().is_empty());
        store.commit(arrival("e0", &rule)).await.unwrap();
        store.commit(arrival("e1", &rule)).await.unwrap();
        assert!(store.commit(arrival("e2", &rule)).await.is_err());
        finish_all(&store).await;
        assert!(store.commit(arrival("e2", &rule)).await.is_ok());
    }

    #[tokio::test]
    async fn a_forgotten_run_still_answers_a_redelivery() {
        let store = small();
        let rule = live_rule("a");
        let mut first = None;
        for n in 0..3 {
            let committed = store.commit(arrival(&format!("e{n}"), &rule)).await;
            first = first.or(committed.ok());
            finish_all(&store).await;
        }
        let first = first.unwrap();
        assert!(store.run(first.runs[0].id).await.unwrap().is_none());
        let again = store.commit(arrival("e0", &rule)).await.unwrap();
        assert!(again.redelivered);
        assert_eq!(again.runs[0].id, first.runs[0].id);
        assert_eq!(again.runs[0].state, State::Done);
        store.commit(arrival("e3", &rule)).await.unwrap();
        let forgotten = store.commit(arrival("e0", &rule)).await.unwrap();
        assert!(!forgotten.redelivered);
    }

    #[tokio::test]
    async fn the_id_of_unfinished_work_is_never_forgotten() {
        let store = MemoryStore::new(Limits {
            seen: 2,
            ..Limits::default()
        });
        let (open, shadow) = (live_rule("a"), live_rule("s"));
        store.commit(arrival("open", &open)).await.unwrap();
        for n in 0..5 {
            let mut done = arrival(&format!("e{n}"), &shadow);
            done.planned[0].mode = Mode::Shadow;
            store.commit(done).await.unwrap();
        }
        assert!(
            store
                .commit(arrival("open", &open))
                .await
                .unwrap()
                .redelivered
        );
    }
}
