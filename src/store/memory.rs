//! The store in memory: for `run` and for tests, whose runs may be forgotten when the process ends.
//! It refuses to grow without bound: finished runs, known ids and the backlog have limits.

mod commit;
mod gates;
mod lanes;
mod limits;
mod lineage;
mod redaction;
mod seen;
mod shift;
mod windows;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::core::gate::Ask;
use crate::core::rule::path::Path;
use crate::core::rule::path::redact::is_redacted;
use crate::core::run::{Line, RunId, State};
use crate::store::scopes::Scope;
use crate::store::{
    Arrival, Claim, Claimed, Committed, Edition, EditionId, Placed, Record, Store, StoreError,
    Unmatched, notice,
};
use gates::Charges;
use lanes::{Lanes, Place, Queue};
pub use limits::Limits;
use lineage::Traces;
use seen::{EventId, Seen};
use windows::Windows;

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
    traces: Traces,
    seen: Seen,
    /// Fields of events that are not kept.
    redact: Vec<Path>,
    windows: Windows,
    settings: BTreeMap<Scope, Value>,
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
        inner.wake(claim.now);
        let ids = inner.lanes.claim(claim.limit, claim.per_rule);
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
        if is_redacted(&record.event) || record.events.iter().any(|event| is_redacted(event)) {
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

    async fn config(&self, integration: &str, scope: &str) -> Result<Option<Value>, StoreError> {
        let scope = Scope::new(integration, scope);
        Ok(self.inner().settings.get(&scope).cloned())
    }

    async fn patch_config(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let scope = Scope::new(integration, scope);
        let settings = &mut self.inner().settings;
        let before = settings.get(&scope).cloned();
        if before.is_none() {
            let of_it = |known: &&Scope| known.integration == scope.integration;
            scope.has_room(settings.keys().filter(of_it).count())?;
        }
        let (patched, _) = scope.patched(before, patch)?;
        settings.insert(scope, patched.clone());
        Ok(patched)
    }

    /// Nobody asks a process that is gone.
    fn archive(&self, _: Unmatched, _: EditionId, _: Timestamp) {}
}

impl Inner {
    fn unfinished(&self) -> usize {
        self.runs.len() - self.finished.len()
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
            events: record.events.clone(),
            log: record.log.clone(),
        })
    }

    fn kept(&mut self, run: RunId) -> Result<&mut Kept, StoreError> {
        self.runs.get_mut(&run).ok_or(StoreError::UnknownRun(run.0))
    }

    /// Runs whose time has come are queued, each behind those before it in its lane.
    fn wake(&mut self, now: Timestamp) {
        for (run, queue) in self.lanes.wake(now) {
            let Some(kept) = self.runs.get_mut(&run) else {
                continue;
            };
            kept.record.state = State::Queued;
            self.windows.close(&queue.rule, &kept.asks, run);
        }
    }

    fn move_to(&mut self, run: RunId, state: State, limits: Limits) {
        let Some(kept) = self.runs.get_mut(&run) else {
            return;
        };
        let (queue, place) = (queue(&kept.record), kept.place);
        let before = std::mem::replace(&mut kept.record.state, state.clone());
        if before == State::Running {
            self.lanes.rests(&queue.rule);
        }
        if let State::Debouncing { .. } = before {
            self.windows.close(&queue.rule, &kept.asks, run);
        }
        match (state, place) {
            (State::Retrying { until }, Some(place)) => self.lanes.park(&queue, place, until),
            (State::Waiting { until } | State::Debouncing { until }, Some(place)) => {
                self.lanes.step_aside(&queue, place, until);
            }
            (State::Queued, Some(place)) => self.lanes.come_back(&queue, place),
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
