//! A store that is used by several engines one after the other, and records its calls.
//! Tests can make it fail and delay commits. Its content ends with the test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flowtrigger::store::awaited::AwaitedTypes;
use flowtrigger::store::history::EventRowId;
use flowtrigger::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use flowtrigger::store::{
    Advance, AnswerOutcome, AnswerState, AnswerStore, AnyStore, ClaimRequest, ClaimedRun,
    Committed, DeliveryId, DeliveryPart, GivenAnswer, IncomingEvent, LastTick, Membership,
    OutageNotice, RecoveryReport, Revision, RevisionId, RunRecord, RunStatus, Store, StoreError,
    UnmatchedEvent,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::answer_link::AnswerKey;
use flowtrigger_core::run::{RunId, RunState};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use flowtrigger_testing::test_store::empty_store_by_callers;

#[derive(Clone)]
pub struct Durable(Arc<Inner>);

struct Inner {
    store: AnyStore,
    /// Advances to fail before one succeeds.
    failures: AtomicUsize,
    /// Lines and state's word of each advance that was taken.
    advanced: Mutex<Vec<(usize, Option<&'static str>)>>,
    revisions: Mutex<Vec<Revision>>,
    arrived: Mutex<Vec<(String, RevisionId)>>,
    archived: Mutex<Vec<(String, RevisionId)>>,
    held: Mutex<Option<Arc<Semaphore>>>,
}

impl Default for Durable {
    fn default() -> Self {
        Self(Arc::new(Inner {
            store: empty_store_by_callers(),
            failures: AtomicUsize::default(),
            advanced: Mutex::default(),
            revisions: Mutex::default(),
            arrived: Mutex::default(),
            archived: Mutex::default(),
            held: Mutex::default(),
        }))
    }
}

impl Durable {
    pub fn fails(&self, times: usize) {
        self.0.failures.store(times, Ordering::SeqCst);
    }

    pub fn failures_left(&self) -> usize {
        self.0.failures.load(Ordering::SeqCst)
    }

    pub fn advanced(&self) -> Vec<(usize, Option<&'static str>)> {
        self.0.advanced.lock().unwrap().clone()
    }

    pub fn revisions(&self) -> usize {
        self.0.revisions.lock().unwrap().len()
    }

    /// Events that were received with runs, and the revision that evaluated each.
    pub fn arrived(&self) -> Vec<(String, RevisionId)> {
        self.0.arrived.lock().unwrap().clone()
    }

    pub fn archived(&self) -> Vec<(String, RevisionId)> {
        self.0.archived.lock().unwrap().clone()
    }

    /// Commits wait for permits of what is returned.
    pub fn holds_commits(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.0.held.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }
}

fn is_check(advance: &Advance) -> bool {
    advance.entries.is_empty() && advance.state.is_none()
}

impl AnswerStore for Durable {
    async fn answer(&self, given: GivenAnswer) -> Result<AnswerOutcome, StoreError> {
        self.0.store.answer(given).await
    }

    async fn answer_state(
        &self,
        run: RunId,
        step: &str,
        now: Timestamp,
    ) -> Result<AnswerState, StoreError> {
        self.0.store.answer_state(run, step, now).await
    }

    async fn answer_key(&self) -> Result<AnswerKey, StoreError> {
        self.0.store.answer_key().await
    }
}

impl Store for Durable {
    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        self.0.store.is_shared()
    }

    fn time(&self, machine: Timestamp) -> Timestamp {
        self.0.store.time(machine)
    }

    async fn beat(&self) -> Result<Membership, StoreError> {
        self.0.store.beat().await
    }

    async fn take_over(&self) -> Result<RecoveryReport, StoreError> {
        self.0.store.take_over().await
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.0.store.wakeups()
    }

    async fn commit_all(&self, arrivals: Vec<IncomingEvent>) -> Result<Vec<Committed>, StoreError> {
        let held = self.0.held.lock().unwrap().clone();
        if let Some(gate) = held {
            gate.acquire().await.unwrap().forget();
        }
        let came = arrivals.iter().map(|a| (a.event.id.clone(), a.revision));
        self.0.arrived.lock().unwrap().extend(came);
        self.0.store.commit_all(arrivals).await
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        self.0.store.claim(claim).await
    }

    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        // With a shared store, the engine asks now and then whether its claims are current.
        if advances.iter().all(is_check) {
            return self.0.store.advance_all(advances).await;
        }
        let less = |left: usize| left.checked_sub(1);
        let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.0.failures.fetch_update(success, failure, less).is_ok() {
            let failed = StoreError::Broken("injected".into());
            return advances.iter().map(|_| Err(failed.clone())).collect();
        }
        for Advance { entries, state, .. } in &advances {
            let note = (entries.len(), state.as_ref().map(RunState::as_str));
            self.0.advanced.lock().unwrap().push(note);
        }
        self.0.store.advance_all(advances).await
    }

    async fn notify_outage(&self, run: RunId, outage: OutageNotice) -> Result<(), StoreError> {
        self.0.store.notify_outage(run, outage).await
    }

    async fn retry(&self, run: RunId, now: Timestamp) -> Result<RunStatus, StoreError> {
        self.0.store.retry(run, now).await
    }

    async fn cancel(&self, run: RunId) -> Result<RunStatus, StoreError> {
        self.0.store.cancel(run).await
    }

    async fn shift_clock(&self, by: SignedDuration) -> Result<(), StoreError> {
        self.0.store.shift_clock(by).await
    }

    async fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        self.0.store.suspensions().await
    }

    async fn change_suspension(&self, change: SuspensionChange) -> Result<Option<i64>, StoreError> {
        self.0.store.change_suspension(change).await
    }

    async fn last_ticks(&self) -> Result<Vec<LastTick>, StoreError> {
        self.0.store.last_ticks().await
    }

    async fn note_ticks(&self, ticks: Vec<LastTick>, gone: Vec<String>) -> Result<(), StoreError> {
        self.0.store.note_ticks(ticks, gone).await
    }

    async fn parked(&self) -> Result<Vec<ParkedRuns>, StoreError> {
        self.0.store.parked().await
    }

    async fn parked_runs(&self, query: ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        self.0.store.parked_runs(query).await
    }

    async fn release(&self, release: Release) -> Result<u32, StoreError> {
        self.0.store.release(release).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.store.next_due().await
    }

    async fn stored_event(&self, event: EventRowId) -> Result<Option<Arc<Event>>, StoreError> {
        self.0.store.stored_event(event).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.0.store.run(run).await
    }

    async fn runs_of(&self, source: &str, event: &str) -> Result<Vec<RunRecord>, StoreError> {
        self.0.store.runs_of(source, event).await
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<RunStatus>, StoreError> {
        self.0.store.unfinished(limit).await
    }

    async fn has_queued_before(&self, time: Timestamp) -> Result<bool, StoreError> {
        self.0.store.has_queued_before(time).await
    }

    async fn oldest_queued_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.store.oldest_queued_at().await
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        self.0.store.counts().await
    }

    async fn set_revision(&self, revision: Revision) -> Result<RevisionId, StoreError> {
        let mut revisions = self.0.revisions.lock().unwrap();
        revisions.push(revision);
        Ok(RevisionId(revisions.len() as u64))
    }

    async fn integration_scopes(&self, integration: &str) -> Result<Vec<String>, StoreError> {
        self.0.store.integration_scopes(integration).await
    }

    async fn integration_settings(
        &self,
        integration: &str,
        scope: &str,
    ) -> Result<Option<Value>, StoreError> {
        self.0.store.integration_settings(integration, scope).await
    }

    async fn patch_integration_settings(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> Result<Value, StoreError> {
        self.0
            .store
            .patch_integration_settings(integration, scope, patch)
            .await
    }

    fn next_delivery(&self) -> DeliveryId {
        self.0.store.next_delivery()
    }

    fn awaited(&self) -> Arc<AwaitedTypes> {
        self.0.store.awaited()
    }

    fn archive_unmatched(
        &self,
        event: UnmatchedEvent,
        revision: RevisionId,
        _: Timestamp,
        _: Option<DeliveryPart>,
    ) {
        let id = match event {
            UnmatchedEvent::Built(event) => event.id.clone(),
            UnmatchedEvent::Scanned { brief, .. } => brief.id.clone(),
        };
        let filed = (id, revision);
        self.0.archived.lock().unwrap().push(filed);
    }
}
