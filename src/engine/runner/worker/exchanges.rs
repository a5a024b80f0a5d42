//! Records the exchanges of a run's attempts, within what the configuration keeps. The store gets them once the
//! attempts themselves are stored.

use std::sync::Arc;

use super::Worker;
use super::in_flight::before;
use crate::action::exchange::field_mask::FieldMask;
use crate::action::exchange::{ExchangeRecorder, RecordScope};
use crate::store::{ClaimedRun, Store};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::archive::ExchangeScope;
use flowtrigger_core::path::redact::values;
use flowtrigger_core::run::Attempt;
use flowtrigger_core::run::exchange::{AttemptEnd, RecordedExchange};

/// The recorder of an attempt, and of which attempts the content is kept.
#[derive(Debug, Clone)]
pub struct AttemptRecorder {
    recorder: Arc<ExchangeRecorder>,
    kept: ExchangeScope,
}

impl AttemptRecorder {
    pub fn recorder(&self) -> Arc<ExchangeRecorder> {
        Arc::clone(&self.recorder)
    }
}

impl<S: Store, P> Worker<'_, S, P> {
    pub(super) fn attempt_recorder(&self) -> AttemptRecorder {
        let active = self.shared.active.load();
        let config = &active.rulebook.config;
        let kept = config.archive.exchanges;
        let scope = match (self.shared.store.is_durable(), kept) {
            // Nothing reads the exchanges of a store that ends with its process.
            (false, _) => RecordScope::Nothing,
            (true, ExchangeScope::Full | ExchangeScope::Failures) => RecordScope::Content {
                limit: usize::try_from(config.archive.exchange_size).unwrap_or(usize::MAX),
            },
            (true, ExchangeScope::Off) => RecordScope::Target,
        };
        let mask = field_mask(&self.run, config);
        AttemptRecorder {
            recorder: Arc::new(ExchangeRecorder::new(scope, mask)),
            kept,
        }
    }

    /// Keeps the exchange of an attempt that has ended.
    pub(super) fn keep_exchange(&mut self, recorder: &AttemptRecorder, attempt: &Attempt) {
        let Some(exchange) = recorder.recorder.take() else {
            return;
        };
        let has_content = match recorder.kept {
            ExchangeScope::Full => true,
            ExchangeScope::Failures => attempt.outcome.is_err(),
            ExchangeScope::Off => false,
        };
        let target = exchange.target();
        if target.is_none() && !has_content {
            return;
        }
        self.unsaved_exchanges.push(RecordedExchange {
            run: self.run.id,
            step: attempt.step.clone(),
            attempt: attempt.number,
            started: attempt.started,
            target,
            end: Some(AttemptEnd::of(attempt)),
            exchange: has_content.then_some(exchange),
        });
    }

    /// Keeps the exchanges of the attempts in flight, which are stopped and have no result.
    pub(super) fn keep_interrupted_exchanges(&self) {
        let now = self.shared.now();
        for ((step, number), recorder) in self.in_flight.recorders() {
            let Some(exchange) = recorder.recorder.take() else {
                continue;
            };
            let has_content = match recorder.kept {
                ExchangeScope::Full | ExchangeScope::Failures => true,
                ExchangeScope::Off => false,
            };
            self.shared.store.record_exchange(RecordedExchange {
                run: self.run.id,
                step: step.clone(),
                attempt: *number,
                started: before(now, exchange.timing().total),
                target: exchange.target(),
                end: None,
                exchange: has_content.then_some(exchange),
            });
        }
    }

    /// Hands the exchanges to the store, after the log entries of their attempts.
    pub(super) fn save_exchanges(&mut self) {
        for exchange in self.unsaved_exchanges.drain(..) {
            self.shared.store.record_exchange(exchange);
        }
    }
}

fn field_mask(run: &ClaimedRun, config: &Config) -> FieldMask {
    if config.redact.is_empty() {
        return FieldMask::default();
    }
    let events = std::iter::once(&run.event).chain(&run.events);
    let found: Vec<_> = events
        .flat_map(|event| values(event, &config.redact))
        .collect();
    FieldMask::new(&found)
}
