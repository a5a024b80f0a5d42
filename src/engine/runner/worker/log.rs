//! What the program's own log says of a run: its attempts, where it stands, and what was left.
//! Of an event its id alone is said, and nothing that a secret could stand in.

use tracing::{error, info, warn};

use super::Worker;
use crate::core::run::{Attempt, CallFailure, State};
use crate::engine::limits::active_runs::WorkerSignal;
use crate::store::{Store, StoreError};

impl<S: Store, P> Worker<'_, S, P> {
    /// Why a try failed is said in `action`'s words, free of secrets; nothing of the event is added.
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

    pub(super) fn log_state(&self, state: &State) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        let (event, word) = (self.run.event.id.as_str(), state.word());
        match state {
            State::Dead { why } => error!(run, rule, event, state = word, why, "run"),
            State::Retrying { until } | State::Waiting { until } | State::Debouncing { until } => {
                info!(run, rule, event, state = word, %until, "run")
            }
            State::Held { why } | State::Suppressed { why, .. } => {
                warn!(run, rule, event, state = word, why, "run");
            }
            State::Skipped { why } => info!(run, rule, event, state = word, why, "run"),
            State::Queued | State::Running | State::Done | State::Shadow | State::Cancelled => {
                info!(run, rule, event, state = word, "run")
            }
        }
    }

    pub(super) fn log_exit(&self, signal: WorkerSignal) {
        let (run, rule) = (self.run.id.0, self.run.rule.name.as_str());
        match (signal, self.in_flight.holds_command()) {
            (WorkerSignal::Cancel, _) => info!(run, rule, "run stopped, to be cancelled"),
            (WorkerSignal::Stop, true) => warn!(
                run,
                rule,
                "run stopped in the middle of a command that must not run twice: the next start holds it until a person decides"
            ),
            (WorkerSignal::Stop, false) if self.shared.store.is_durable() => {
                info!(run, rule, "run stopped; the next start goes on with it");
            }
            (WorkerSignal::Stop | WorkerSignal::Continue, _) => {}
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
            "what the run did last could not be kept: its last step may be done again, with the same key"
        );
    }
}
