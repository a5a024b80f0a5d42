//! The store in memory: for `run` and for tests, whose runs may be forgotten when the process ends.
//! It refuses to grow without bound: finished runs, known ids and the backlog have limits.

mod gates;
mod lanes;
mod limits;
mod redaction;
mod seen;
mod shift;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::core::event::redacted::is_redacted;
use crate::core::gate::Ask;
use crate::core::rule::path::Path;
use crate::core::run::{Line, RunId, State};
use crate::store::{
    Arrival, Claim, Claimed, Committed, Edition, EditionId, Occasion, Placed, Planned, Record,
    Store, StoreError, Unmatched, notice,
};
use gates::Charges;
use lanes::{Lanes, Place, Queue};
pub use limits::Limits;
use seen::{EventId, Seen};

/// Runs and the ids of events, gone when the process ends.
#[derive(Debug)]
pub struct MemoryStore {
    limits: Limits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last_id: u64,
    runs: BTreeMap<RunId, Kept>,
    /// In the order in which they finished.
    finished: VecDeque<RunId>,
    lanes: Lanes,
    charges: Charges,
    seen: Seen,
    /// Fields of events that are not kept.
    redact: Vec<Path>,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    asks: Vec<Ask>,
    /// While it is not over.
    place: Option<Place>,
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
        let unfinished = inner.unfinished();
        let coming: usize = arrivals.iter().map(|arrival| inner.to_act(arrival)).sum();
        if coming > 0 && unfinished + coming > self.limits.unfinished {
            return Err(StoreError::Full { unfinished });
        }
        let commit = |arrival| inner.commit(arrival, self.limits);
        Ok(arrivals.into_iter().map(commit).collect())
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let mut inner = self.inner();
        let ids = inner.lanes.claim(claim.limit, claim.per_rule, claim.now);
        Ok(ids.into_iter().filter_map(|id| inner.start(id)).collect())
    }

    async fn advance(
        &self,
        run: RunId,
        lines: Vec<Line>,
        state: Option<State>,
    ) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let record = &mut inner.kept(run)?.record;
        if record.state.is_final() {
            return Ok(());
        }
        record.log.extend(lines);
        if let Some(state) = state {
            inner.move_to(run, state, self.limits);
        }
        Ok(())
    }

    async fn revive(&self, run: RunId, now: Timestamp) -> Result<Placed, StoreError> {
        let mut inner = self.inner();
        let record = &mut inner.kept(run)?.record;
        if !record.state.can_revive() {
            return Err(StoreError::cannot_revive(run, &record.state));
        }
        if is_redacted(&record.event) {
            return Err(StoreError::Redacted(run.0));
        }
        record.log.push(Line::Revived { at: now });
        record.state = State::Queued;
        let queue = queue(record);
        let placed = Placed::of(record);
        inner.finished.retain(|finished| *finished != run);
        let place = inner.lanes.join(&queue, run);
        inner.kept(run)?.place = Some(place);
        Ok(placed)
    }

    async fn cancel(&self, run: RunId) -> Result<Placed, StoreError> {
        let mut inner = self.inner();
        let record = &inner.kept(run)?.record;
        if !record.state.can_cancel() {
            return Err(StoreError::cannot_cancel(run, &record.state));
        }
        inner.finished.retain(|finished| *finished != run);
        inner.move_to(run, State::Cancelled, self.limits);
        Ok(Placed::of(&inner.kept(run)?.record))
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.inner().lanes.next_due())
    }

    async fn run(&self, run: RunId) -> Result<Option<Record>, StoreError> {
        let inner = self.inner();
        Ok(inner.runs.get(&run).map(|kept| kept.record.clone()))
    }

    async fn runs_of(&self, source: &str, event: &str) -> Result<Vec<Record>, StoreError> {
        let inner = self.inner();
        let known = inner.seen.get(&EventId::new(source, event));
        let ids = known.into_iter().flatten().map(|placed| placed.id);
        let records = ids.filter_map(|id| inner.runs.get(&id));
        Ok(records.map(|kept| kept.record.clone()).collect())
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<Placed>, StoreError> {
        let inner = self.inner();
        let records = inner.runs.values().map(|kept| &kept.record);
        let open = records.filter(|record| !record.state.is_final());
        Ok(open.take(limit).map(Placed::of).collect())
    }

    /// As its event came: this store keeps no later times.
    async fn oldest_queued(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.inner().oldest_queued())
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for kept in self.inner().runs.values() {
            *counts.entry(kept.record.state.word()).or_default() += 1;
        }
        Ok(counts)
    }

    async fn shift(&self, by: SignedDuration) -> Result<(), StoreError> {
        self.inner().shift(by);
        Ok(())
    }

    /// Rules live in the runs that were planned with them.
    async fn adopt(&self, edition: Edition) -> Result<EditionId, StoreError> {
        self.inner().redact = edition.settings.redact;
        Ok(EditionId::default())
    }

    /// Nobody asks a process that is gone.
    fn archive(&self, _: Unmatched, _: EditionId, _: Timestamp) {}
}

impl Inner {
    fn unfinished(&self) -> usize {
        self.runs.len() - self.finished.len()
    }

    /// The runs that an arrival would add to the backlog.
    fn to_act(&self, arrival: &Arrival) -> usize {
        let id = EventId::new(&arrival.event.source, &arrival.event.id);
        if arrival.occasion == Occasion::Delivery && self.seen.get(&id).is_some() {
            return 0;
        }
        let acting = |planned: &&Planned| !planned.first_state().is_final();
        arrival.planned.iter().filter(acting).count()
    }

    fn commit(&mut self, arrival: Arrival, limits: Limits) -> Committed {
        let id = EventId::new(&arrival.event.source, &arrival.event.id);
        let earlier = self.seen.get(&id).cloned().unwrap_or_default();
        if arrival.occasion == Occasion::Delivery && !earlier.is_empty() {
            return Committed {
                redelivered: true,
                runs: earlier.iter().map(|placed| self.today(placed)).collect(),
            };
        }
        let generation = self.next_generation(&arrival, &earlier);
        let mut runs = Vec::with_capacity(arrival.planned.len());
        for planned in &arrival.planned {
            runs.push(self.place(planned, &arrival, generation, limits));
        }
        if !runs.is_empty() {
            let all: Vec<Placed> = earlier.into_iter().chain(runs.iter().cloned()).collect();
            self.remember(id, &all, limits);
        }
        Committed {
            redelivered: false,
            runs,
        }
    }

    fn next_generation(&self, arrival: &Arrival, earlier: &[Placed]) -> u32 {
        if arrival.occasion == Occasion::Delivery {
            return 0;
        }
        let runs = earlier
            .iter()
            .filter_map(|placed| self.runs.get(&placed.id));
        let newest = runs.map(|kept| kept.record.generation).max();
        newest.map_or(1, |newest| newest + 1)
    }

    fn place(
        &mut self,
        planned: &Planned,
        arrival: &Arrival,
        generation: u32,
        limits: Limits,
    ) -> Placed {
        let (rule, now) = (&planned.rule.name, arrival.received);
        let closed = match arrival.occasion {
            Occasion::Delivery => self.charges.closed(rule, &planned.asks, now),
            Occasion::Replay => None,
        };
        let passed = closed.is_none();
        let run = self.keep(
            Record {
                id: RunId(self.last_id + 1),
                event: Arc::clone(&arrival.event),
                rule: Arc::clone(&planned.rule),
                received: now,
                edition: arrival.edition,
                lane: planned.lane.clone(),
                generation,
                error: Value::Null,
                state: closed.unwrap_or_else(|| planned.first_state()),
                log: Vec::new(),
            },
            planned.asks.clone(),
            limits,
        );
        if passed {
            self.charges.charge(rule, &planned.asks, run.id, now);
        }
        run
    }

    fn keep(&mut self, record: Record, asks: Vec<Ask>, limits: Limits) -> Placed {
        let id = record.id;
        self.last_id = id.0;
        let placed = Placed::of(&record);
        let over = record.state.is_final();
        let place = (!over).then(|| self.lanes.join(&queue(&record), id));
        let kept = Kept {
            record,
            asks,
            place,
        };
        self.runs.insert(id, kept);
        if over {
            self.finish(id, limits);
        }
        placed
    }

    fn remember(&mut self, id: EventId, runs: &[Placed], limits: Limits) {
        let open = |placed: &Placed| {
            let run = self.runs.get(&placed.id);
            run.is_some_and(|kept| !kept.record.state.is_final())
        };
        self.seen.insert(id, runs.to_vec(), limits.seen, open);
    }

    fn start(&mut self, id: RunId) -> Option<Claimed> {
        let record = &mut self.runs.get_mut(&id)?.record;
        record.state = State::Running;
        Some(Claimed {
            id,
            event: Arc::clone(&record.event),
            rule: Arc::clone(&record.rule),
            generation: record.generation,
            error: record.error.clone(),
            log: record.log.clone(),
        })
    }

    fn kept(&mut self, run: RunId) -> Result<&mut Kept, StoreError> {
        self.runs.get_mut(&run).ok_or(StoreError::UnknownRun(run.0))
    }

    fn move_to(&mut self, run: RunId, state: State, limits: Limits) {
        let Some(kept) = self.runs.get_mut(&run) else {
            return;
        };
        let (queue, place) = (queue(&kept.record), kept.place);
        if kept.record.state == State::Running {
            self.lanes.rests(&queue.rule);
        }
        kept.record.state = state.clone();
        match (state, place) {
            (State::Retrying { until }, Some(place)) => self.lanes.park(&queue.rule, place, until),
            (State::Queued, Some(place)) => self.lanes.ready(&queue.rule, place),
            (state, place) if state.is_final() => {
                kept.place = None;
                let notice = notice(&kept.record);
                if state.gives_back() {
                    let asks = kept.asks.clone();
                    self.charges.give_back(&queue.rule, &asks, run);
                }
                if let Some(place) = place {
                    self.lanes.leave(&queue, place);
                }
                self.finish(run, limits);
                self.tell(notice, limits);
            }
            (_, _) => {}
        }
    }

    /// Queues the run that tells of a death.
    fn tell(&mut self, notice: Option<Record>, limits: Limits) {
        if let Some(notice) = notice {
            let id = RunId(self.last_id + 1);
            self.keep(Record { id, ..notice }, Vec::new(), limits);
        }
    }

    /// Keeps a finished run for those who ask, and forgets the oldest beyond the limit.
    fn finish(&mut self, run: RunId, limits: Limits) {
        self.finished.push_back(run);
        self.let_go(run);
        while self.finished.len() > limits.finished {
            let oldest = self.finished.pop_front();
            if let Some(Kept { record, .. }) = oldest.and_then(|id| self.runs.remove(&id)) {
                let event = EventId::new(&record.event.source, &record.event.id);
                self.seen.note_last(&event, Placed::of(&record));
            }
        }
    }

    fn today(&self, placed: &Placed) -> Placed {
        let kept = self.runs.get(&placed.id);
        kept.map_or_else(|| placed.clone(), |kept| Placed::of(&kept.record))
    }
}

/// By the rule's name, so that a reload splits no lane.
fn queue(record: &Record) -> Queue {
    Queue {
        rule: record.rule.name.clone(),
        lane: record.lane.clone(),
    }
}

#[cfg(test)]
mod tests;
