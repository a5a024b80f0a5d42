//! A daemon's handle to a store that other daemons use too: all handles of one store share its rows and claims. A test
//! decides whether beats arrive, how many daemons there are, and whether answers are lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flowtrigger::store::history::EventRowId;
use flowtrigger::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use flowtrigger::store::{
    Advance, AnswerOutcome, AnswerState, AnswerStore, AnyStore, ClaimRequest, ClaimedRun,
    Committed, DeliveryId, DeliveryPart, GivenAnswer, IncomingEvent, Membership, OutageNotice,
    RecoveryReport, Revision, RevisionId, RunRecord, RunStatus, Store, StoreError, UnmatchedEvent,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::answer_link::AnswerKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use flowtrigger_testing::test_store::empty_store_by_callers;

#[derive(Clone)]
pub struct Member(Arc<Inner>);

struct Inner {
    store: AnyStore,
    membership: Mutex<Membership>,
    unreachable: AtomicBool,
    /// Advances that are written and not answered.
    lost_answers: AtomicUsize,
    /// `per_rule` of the last claim.
    per_rule: AtomicUsize,
    wakeups: watch::Sender<u64>,
    /// What the next take-over reports.
    recovered: Mutex<RecoveryReport>,
    offset: Mutex<SignedDuration>,
}

impl Default for Member {
    fn default() -> Self {
        Self::of(empty_store_by_callers())
    }
}

impl Member {
    pub fn of(store: AnyStore) -> Self {
        Self(Arc::new(Inner {
            store,
            membership: Mutex::new(Membership::alone()),
            unreachable: AtomicBool::default(),
            lost_answers: AtomicUsize::default(),
            per_rule: AtomicUsize::default(),
            wakeups: watch::Sender::new(0),
            recovered: Mutex::default(),
            offset: Mutex::default(),
        }))
    }

    /// The store behind it, as another daemon changes it.
    pub fn other(&self) -> &AnyStore {
        &self.0.store
    }

    pub fn set_membership(&self, daemons: usize, rank: usize) {
        *self.0.membership.lock().unwrap() = Membership {
            daemon: 1,
            daemons,
            rank,
        };
    }

    pub fn set_reachable(&self, reachable: bool) {
        self.0.unreachable.store(!reachable, Ordering::SeqCst);
    }

    pub fn lose_answers(&self, count: usize) {
        self.0.lost_answers.store(count, Ordering::SeqCst);
    }

    pub fn answers_to_lose(&self) -> usize {
        self.0.lost_answers.load(Ordering::SeqCst)
    }

    pub fn claimed_per_rule(&self) -> usize {
        self.0.per_rule.load(Ordering::SeqCst)
    }

    pub fn wake(&self) {
        self.0.wakeups.send_modify(|count| *count += 1);
    }

    pub fn recovers(&self, report: RecoveryReport) {
        *self.0.recovered.lock().unwrap() = report;
    }

    /// Sets the clock of the store before or after that of the machine.
    pub fn set_clock(&self, offset: SignedDuration) {
        *self.0.offset.lock().unwrap() = offset;
    }
}

impl AnswerStore for Member {
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

impl Store for Member {
    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn time(&self, machine: Timestamp) -> Timestamp {
        machine + *self.0.offset.lock().unwrap()
    }

    async fn beat(&self) -> Result<Membership, StoreError> {
        match self.0.unreachable.load(Ordering::SeqCst) {
            true => Err(StoreError::Unreachable("connection refused".into())),
            false => Ok(*self.0.membership.lock().unwrap()),
        }
    }

    async fn take_over(&self) -> Result<RecoveryReport, StoreError> {
        Ok(std::mem::take(&mut *self.0.recovered.lock().unwrap()))
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.0.wakeups.subscribe()
    }

    async fn commit_all(&self, arrivals: Vec<IncomingEvent>) -> Result<Vec<Committed>, StoreError> {
        self.0.store.commit_all(arrivals).await
    }

    async fn claim(&self, claim: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        self.0.per_rule.store(claim.per_rule, Ordering::SeqCst);
        self.0.store.claim(claim).await
    }

    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        let results = self.0.store.advance_all(advances).await;
        let less = |left: usize| left.checked_sub(1);
        let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
        let lost = &self.0.lost_answers;
        match lost.fetch_update(success, failure, less) {
            Err(_) => results,
            Ok(_) => {
                let lost = StoreError::Unreachable("connection reset".into());
                results.iter().map(|_| Err(lost.clone())).collect()
            }
        }
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

    async fn shift_clock(&self, _: SignedDuration) -> Result<(), StoreError> {
        panic!("a daemon does not move the clock of a shared store")
    }

    async fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        self.0.store.suspensions().await
    }

    async fn change_suspension(&self, change: SuspensionChange) -> Result<Option<i64>, StoreError> {
        self.0.store.change_suspension(change).await
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
        self.0.store.set_revision(revision).await
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
        let store = &self.0.store;
        store
            .patch_integration_settings(integration, scope, patch)
            .await
    }

    fn next_delivery(&self) -> DeliveryId {
        self.0.store.next_delivery()
    }

    fn archive_unmatched(
        &self,
        _: UnmatchedEvent,
        _: RevisionId,
        _: Timestamp,
        _: Option<DeliveryPart>,
    ) {
    }
}
