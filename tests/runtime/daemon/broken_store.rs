//! A store that takes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowtrigger::store::history::EventRowId;
use flowtrigger::store::suspension::{
    ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange,
};
use flowtrigger::store::{
    Advance, AnswerOutcome, AnswerState, AnswerStore, ClaimRequest, ClaimedRun, Committed,
    DeliveryId, DeliveryPart, GivenAnswer, IncomingEvent, OutageNotice, Revision, RevisionId,
    RunRecord, RunStatus, Store, StoreError, UnmatchedEvent,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::answer_link::AnswerKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A store that takes nothing, and says why.
pub struct Broken(pub StoreError);

impl AnswerStore for Broken {
    async fn answer(&self, _: GivenAnswer) -> Result<AnswerOutcome, StoreError> {
        Err(self.0.clone())
    }

    async fn answer_state(
        &self,
        _: RunId,
        _: &str,
        _: Timestamp,
    ) -> Result<AnswerState, StoreError> {
        Err(self.0.clone())
    }

    async fn answer_key(&self) -> Result<AnswerKey, StoreError> {
        Err(self.0.clone())
    }
}

impl Store for Broken {
    fn is_durable(&self) -> bool {
        false
    }

    async fn commit_all(&self, _: Vec<IncomingEvent>) -> Result<Vec<Committed>, StoreError> {
        Err(self.0.clone())
    }

    async fn claim(&self, _: ClaimRequest) -> Result<Vec<ClaimedRun>, StoreError> {
        Ok(Vec::new())
    }

    async fn advance_all(&self, advances: Vec<Advance>) -> Vec<Result<(), StoreError>> {
        advances.iter().map(|_| Err(self.0.clone())).collect()
    }

    async fn notify_outage(&self, _: RunId, _: OutageNotice) -> Result<(), StoreError> {
        Err(self.0.clone())
    }

    async fn retry(&self, _: RunId, _: Timestamp) -> Result<RunStatus, StoreError> {
        Err(self.0.clone())
    }

    async fn cancel(&self, _: RunId) -> Result<RunStatus, StoreError> {
        Err(self.0.clone())
    }

    async fn suspensions(&self) -> Result<Vec<StoredSuspension>, StoreError> {
        Err(self.0.clone())
    }

    async fn change_suspension(&self, _: SuspensionChange) -> Result<Option<i64>, StoreError> {
        Err(self.0.clone())
    }

    async fn parked(&self) -> Result<Vec<ParkedRuns>, StoreError> {
        Err(self.0.clone())
    }

    async fn parked_runs(&self, _: ParkedQuery) -> Result<Vec<RunId>, StoreError> {
        Err(self.0.clone())
    }

    async fn release(&self, _: Release) -> Result<u32, StoreError> {
        Err(self.0.clone())
    }

    async fn shift_clock(&self, _: SignedDuration) -> Result<(), StoreError> {
        Err(self.0.clone())
    }

    async fn set_revision(&self, _: Revision) -> Result<RevisionId, StoreError> {
        Ok(RevisionId::default())
    }

    async fn integration_scopes(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Err(self.0.clone())
    }

    async fn integration_settings(&self, _: &str, _: &str) -> Result<Option<Value>, StoreError> {
        Err(self.0.clone())
    }

    async fn patch_integration_settings(
        &self,
        _: &str,
        _: &str,
        _: Value,
    ) -> Result<Value, StoreError> {
        Err(self.0.clone())
    }

    fn archive_unmatched(
        &self,
        _: UnmatchedEvent,
        _: RevisionId,
        _: Timestamp,
        _: Option<DeliveryPart>,
    ) {
    }

    fn next_delivery(&self) -> DeliveryId {
        DeliveryId::default()
    }

    fn health(&self) -> Result<(), String> {
        Err(self.0.to_string())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Err(self.0.clone())
    }

    async fn stored_event(&self, _: EventRowId) -> Result<Option<Arc<Event>>, StoreError> {
        Err(self.0.clone())
    }

    async fn run(&self, _: RunId) -> Result<Option<RunRecord>, StoreError> {
        Err(self.0.clone())
    }

    async fn runs_of(&self, _: &str, _: &str) -> Result<Vec<RunRecord>, StoreError> {
        Err(self.0.clone())
    }

    async fn unfinished(&self, _: usize) -> Result<Vec<RunStatus>, StoreError> {
        Err(self.0.clone())
    }

    async fn has_queued_before(&self, _: Timestamp) -> Result<bool, StoreError> {
        Err(self.0.clone())
    }

    async fn oldest_queued_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Err(self.0.clone())
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        Err(self.0.clone())
    }
}
