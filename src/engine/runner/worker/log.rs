//! Log lines of a run: its attempts, states and interruptions. They contain the id of an event, no other value of
//! it, and no text that could contain a secret.

use tracing::{error, info, warn};

use super::Worker;
use super::in_flight::HeldCommand;
use crate::engine::limits::active_runs::WorkerSignal;
use crate::store::{ClaimedRun, Store, StoreError};
use flowtrigger_core::run::call_result::CallFailure;
use flowtrigger_core::run::{Attempt, RunState};

impl<S: Store, P> Worker<'_, S, P> {
    /// The error of a failed attempt comes from `action`, without secrets; nothing of the event is added.
    pub(super) fn log_attempt(&self, attempt: &Attempt) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        let (step, number) = (attempt.step.as_str(), attempt.number);
        let took_ms = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
        match &attempt.outcome {
            Ok(_) => {
                let outcome = "succeeded";
                info!(run, rule, step, number, took_ms, outcome, "attempt");
            }
            Err(CallFailure { message, .. }) => {
                let (outcome, error) = ("failed", message.as_str());
                warn!(run, rule, step, number, took_ms, outcome, error, "attempt");
            }
        }
    }

    pub(super) fn log_exit(&self, signal: WorkerSignal, held_command: HeldCommand) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        match (signal, held_command) {
            (WorkerSignal::Cancel, _) => info!(run, rule, "run stopped for cancellation"),
            (WorkerSignal::Stop, HeldCommand::InFlight) => warn!(
                run,
                rule,
                "run stopped during a command that must not run twice: the next start marks it held"
            ),
            (WorkerSignal::Stop, HeldCommand::None) if self.shared.store.is_shared() => {
                info!(
                    run,
                    rule, "run stopped; another daemon or the next start continues it"
                );
            }
            (WorkerSignal::Stop, HeldCommand::None) if self.shared.store.is_durable() => {
                info!(run, rule, "run stopped; the next start continues it");
            }
            (WorkerSignal::Stop | WorkerSignal::Continue | WorkerSignal::Lost, _) => {}
        }
    }

    /// Leaves a run whose claim has ended: what is not stored of it is dropped.
    pub(super) async fn leave_lost(&mut self) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        let record = self.shared.store.run(self.run.id).await;
        match record.ok().flatten().map(|record| record.state) {
            Some(RunState::Cancelled) => {
                info!(
                    run,
                    rule, "run stopped: it was cancelled through another daemon"
                );
            }
            Some(_) | None => {
                self.shared.metrics.count_claim_lost();
                warn!(run, rule, "run taken over by another daemon");
            }
        }
    }

    pub(super) fn log_unsaved(&self, error: &StoreError) {
        let (run, rule, lines) = (
            self.run.id.0,
            self.run.rule.name.as_str(),
            self.unsaved.len(),
        );
        error!(
            run, rule, lines, %error,
            "failed to store the run's last log entries: its last step may run again, with the same idempotency key"
        );
    }
}

/// Logs the state that a run has got.
pub(in crate::engine::runner) fn log_state(run: &ClaimedRun, state: &RunState) {
    let (event, word) = (run.event.id.as_str(), state.as_str());
    let (run, rule) = (run.id.0, run.rule.name.as_str());
    match state {
        RunState::Dead { why } => error!(run, rule, event, state = word, why, "run"),
        RunState::Retrying { until }
        | RunState::Waiting { until }
        | RunState::Awaiting { until, .. }
        | RunState::Debouncing { until } => {
            info!(run, rule, event, state = word, %until, "run")
        }
        RunState::Limited { until, why } => {
            info!(run, rule, event, state = word, why, %until, "run")
        }
        RunState::Parked { why, .. } => info!(run, rule, event, state = word, why, "run"),
        RunState::Held { why } | RunState::Suppressed { why, .. } => {
            warn!(run, rule, event, state = word, why, "run");
        }
        RunState::Skipped { why } => info!(run, rule, event, state = word, why, "run"),
        RunState::Queued
        | RunState::Running
        | RunState::Done
        | RunState::Shadow
        | RunState::Cancelled => {
            info!(run, rule, event, state = word, "run")
        }
    }
}
