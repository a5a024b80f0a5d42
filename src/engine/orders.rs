//! What a person orders: a run tried again, given up, or its event acted on anew.
//! It refuses to give up a run while its work goes on: that is stopped first.

use tracing::{error, info};

use super::Perform;
use super::handle::Engine;
use super::worker::passes;
use crate::core::rule::path::redact::is_redacted;
use crate::core::run::{RunId, State};
use crate::store::{Arrival, Occasion, Placed, Store, StoreError};

impl<S: Store, P: Perform> Engine<S, P> {
    /// A dead, held or cancelled run goes on, last in its lane, with its flow and its key.
    pub async fn revive(&self, run: RunId) -> Result<Placed, StoreError> {
        let now = self.shared.clock().now();
        let placed = self.shared.store.revive(run, now).await?;
        info!(run = run.0, rule = %placed.rule, "run ordered to go on");
        self.shared.work.notify_one();
        Ok(placed)
    }

    /// Gives a run up. One that is at work is stopped first: its request is cut off, its command and
    /// all that it started is killed.
    pub async fn cancel(&self, run: RunId) -> Result<Placed, StoreError> {
        let engine = self.clone();
        // In a task of its own: a run whose work was stopped must not be left as if it went on.
        let task = tokio::spawn(async move { engine.stop_and_cancel(run).await });
        task.await.unwrap_or(Err(StoreError::Busy))
    }

    async fn stop_and_cancel(&self, run: RunId) -> Result<Placed, StoreError> {
        let at_work = self.shared.at_work.lock().await.cancel(run);
        if let Some(worker) = &at_work {
            worker.closed().await;
        }
        let cancelled = self.shared.store.cancel(run).await;
        self.shared.ended.notify_waiters();
        self.shared.work.notify_one();
        match &cancelled {
            Ok(placed) => info!(run = run.0, rule = %placed.rule, state = "cancelled", "run"),
            Err(error) if at_work.is_some() && passes(error) => self.put_back(run).await,
            Err(_) => {}
        }
        cancelled
    }

    /// A run whose work was stopped and that could not be cancelled goes on.
    async fn put_back(&self, run: RunId) {
        let queued = Some(State::Queued);
        if let Err(error) = self.shared.store.advance(run, Vec::new(), queued).await {
            error!(run = run.0, %error, "run stopped, neither cancelled nor put back; the next start goes on with it");
        }
    }

    /// Acts anew on the event of a run, with the rules of today: with one of them, or with all that
    /// match. None match: nothing runs.
    pub async fn replay(&self, run: RunId, rule: Option<&str>) -> Result<Vec<Placed>, StoreError> {
        let unknown = StoreError::UnknownRun(run.0);
        let record = self.shared.store.run(run).await?.ok_or(unknown)?;
        if !record.error.is_null() {
            return Err(StoreError::OnlyTells(run.0));
        }
        if is_redacted(&record.event) {
            return Err(StoreError::Redacted(run.0));
        }
        let judge = self.shared.judge.load_full();
        let mut planned = judge.rulebook.plan(&record.event);
        planned.retain(|planned| rule.is_none_or(|name| planned.rule.name == name));
        if planned.is_empty() {
            return Ok(Vec::new());
        }
        let arrival = Arrival {
            edition: judge.edition(&self.shared.store).await?,
            received: self.shared.clock().now(),
            event: record.event,
            planned,
            occasion: Occasion::Replay,
        };
        let mut committed = self.commit_all(vec![arrival]).await?;
        let committed = committed.pop().expect("one arrival has one result");
        let runs = committed.runs;
        let ids: Vec<u64> = runs.iter().map(|run| run.id.0).collect();
        info!(run = run.0, runs = ?ids, "event of a run acted on anew");
        Ok(runs)
    }
}
