//! The commands on runs and stored events: retry, cancel, replay. A run that is executing is stopped before it is cancelled.

use std::sync::Arc;

use tracing::{error, info};

use super::Perform;
use super::handle::Engine;
use super::limits::active_runs::ActiveRun;
use super::runner::worker::save::{advance_one, is_transient};
use super::state::ActiveRulebook;
use crate::store::history::EventRowId;
use crate::store::{
    Advance, ArrivalKind, Committed, IncomingEvent, PlannedRun, ReplayId, ReplayMark, RevisionId,
    RunStatus, SeenRuns, Store, StoreError,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::run::{RunId, RunState};

/// One event of a replay of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPart {
    pub event: EventRowId,
    pub replay: ReplayId,
    /// The rules that are meant.
    pub revision: RevisionId,
    pub rules: Vec<String>,
    /// The runs of the event that the replay took into account.
    pub seen: Option<SeenRuns>,
}

/// Why an event was not replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error(
        "fields of the event are no longer kept (`redact` in flowtrigger.yaml); have it sent again"
    )]
    Redacted,
    #[error("the daemon has loaded other rules since the summary")]
    OtherRules,
    #[error("the daemon is stopping")]
    Stopping,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Queues a dead, held or cancelled run again, last in its lane, with the same flow and idempotency keys.
    pub async fn retry(&self, run: RunId) -> Result<RunStatus, StoreError> {
        let now = self.shared.now();
        let placed = self.shared.store.retry(run, now).await?;
        info!(run = run.0, rule = %placed.rule, "run queued again");
        self.shared.wake.notify_one();
        Ok(placed)
    }

    /// Cancels a run. If it is executing, it is stopped first: its request is aborted, its command and all
    /// child processes are killed.
    pub async fn cancel(&self, run: RunId) -> Result<RunStatus, StoreError> {
        let engine = self.clone();
        // A separate task: if the caller goes away, a stopped run must not stay `running`.
        let task = tokio::spawn(async move { engine.stop_and_cancel(run).await });
        task.await.unwrap_or(Err(StoreError::Busy))
    }

    async fn stop_and_cancel(&self, run: RunId) -> Result<RunStatus, StoreError> {
        let at_work = self.shared.active_runs.lock().await.cancel(run);
        for worker in &at_work {
            worker.signals.closed().await;
        }
        let cancelled = self.shared.store.cancel(run).await;
        self.shared.finished.notify_waiters();
        self.shared.wake.notify_one();
        match &cancelled {
            Ok(placed) => {
                let rules = self.shared.metrics.rules();
                rules.count_ended(&placed.rule, placed.state.as_str());
                info!(run = run.0, rule = %placed.rule, state = "cancelled", "run");
            }
            Err(error) if is_transient(error) => {
                for worker in at_work {
                    let claim = worker.claim;
                    self.requeue(ActiveRun { run, claim }).await;
                }
            }
            Err(_) => {}
        }
        cancelled
    }

    /// Queues a run again that was stopped and could not be cancelled, unless its claim has ended.
    async fn requeue(&self, ActiveRun { run, claim }: ActiveRun) {
        let queued = Advance {
            run,
            claim: Some(claim),
            entries: Vec::new(),
            state: Some(RunState::Queued),
        };
        if let Err(error) = advance_one(&self.shared.store, queued).await {
            error!(run = run.0, %error, "run stopped, but neither cancelled nor queued again; the next start continues it");
        }
    }

    /// Plans new runs for the event of a run with the current rules: with one of them, or with all that match.
    pub async fn replay(
        &self,
        run: RunId,
        rule: Option<&str>,
    ) -> Result<Vec<RunStatus>, StoreError> {
        let unknown = StoreError::UnknownRun(run.0);
        let record = self.shared.store.run(run).await?.ok_or(unknown)?;
        if !record.error.is_null() {
            return Err(StoreError::OnlyTells(run.0));
        }
        if is_redacted(&record.event) {
            return Err(StoreError::Redacted(run.0));
        }
        let active = self.shared.active.load_full();
        let mut planned = active.rulebook.plan(&record.event);
        planned.retain(|planned| rule.is_none_or(|name| planned.rule.name == name));
        let mark = ReplayMark::default();
        let committed = self.plan_again(&active, record.event, planned, mark);
        let runs = committed.await?.runs;
        let ids: Vec<u64> = runs.iter().map(|run| run.id.0).collect();
        info!(run = run.0, runs = ?ids, "run replayed");
        Ok(runs)
    }

    /// Plans new runs for a stored event, with some of the current rules. A run that the same replay has started
    /// before is returned instead of a new one, and so is a run that another command has planned or continued meanwhile.
    pub async fn replay_event(&self, part: ReplayPart) -> Result<Committed, ReplayError> {
        if !self.shared.accepting() {
            return Err(ReplayError::Stopping);
        }
        let active = self.shared.active.load_full();
        if active.revision(&self.shared.store).await? != part.revision {
            return Err(ReplayError::OtherRules);
        }
        let event = self.shared.store.stored_event(part.event).await?;
        let event = event.ok_or(StoreError::UnknownEvent)?;
        if is_redacted(&event) {
            return Err(ReplayError::Redacted);
        }
        let mut planned = active.rulebook.plan(&event);
        planned.retain(|planned| part.rules.contains(&planned.rule.name));
        let mark = ReplayMark {
            event: Some(part.event),
            replay: Some(part.replay),
            seen: part.seen,
        };
        let id = event.id.clone();
        let committed = self.plan_again(&active, event, planned, mark).await?;
        let runs: Vec<u64> = committed.runs.iter().map(|run| run.id.0).collect();
        info!(event = id, replay = %part.replay, ?runs, "event replayed");
        Ok(committed)
    }

    async fn plan_again(
        &self,
        active: &ActiveRulebook,
        event: Arc<Event>,
        planned: Vec<PlannedRun>,
        mark: ReplayMark,
    ) -> Result<Committed, StoreError> {
        if planned.is_empty() {
            return Ok(Committed::default());
        }
        let arrival = IncomingEvent {
            revision: active.revision(&self.shared.store).await?,
            received: self.shared.now(),
            event,
            planned,
            occasion: ArrivalKind::Replay(mark),
            delivery: None,
        };
        let mut committed = self.commit_all(vec![arrival]).await?;
        Ok(committed.pop().expect("one arrival has one result"))
    }
}
