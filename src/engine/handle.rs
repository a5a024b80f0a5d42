//! The engine as others hold it: events go in, final states come out, rules are swapped underneath.
//! It refuses events once it is stopping, and never drops one that it took.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify, watch};

use super::limits::concurrency::ConcurrencyLimits;
use super::limits::rate_limit::RateLimiter;
use super::metrics::Metrics;
use super::runner::dispatcher::dispatch;
use super::state::{ActiveRulebook, EnginePhase, EngineState};
use super::{EngineError, EngineOptions, LoadedRulebook, Perform, Rulebook};
use crate::store::{Edition, Placed, Record, Settings, Store, StoreError};

/// A running engine. Cloning gives another handle to the same one.
pub struct Engine<S, P> {
    pub(super) shared: Arc<EngineState<S, P>>,
}

impl<S, P> Clone for Engine<S, P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Starts the dispatcher. Needs a tokio runtime. The store gets the rules with the first event.
    pub fn start(store: S, perform: P, rulebook: Rulebook, options: EngineOptions) -> Self {
        Self::start_with(ActiveRulebook::new(rulebook), store, perform, options)
    }

    /// The same, once the store has the rules.
    pub async fn open(
        store: S,
        perform: P,
        rulebook: Rulebook,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let active = ActiveRulebook::new(rulebook);
        active.edition(&store).await?;
        Ok(Self::start_with(active, store, perform, options))
    }

    fn start_with(active: ActiveRulebook, store: S, perform: P, options: EngineOptions) -> Self {
        let shared = Arc::new(EngineState {
            store,
            perform,
            concurrency: ConcurrencyLimits::new(options.concurrency, options.per_host),
            rate_limiter: RateLimiter::default(),
            metrics: Metrics::default(),
            since: options.clock.now(),
            options,
            active: ArcSwap::from_pointee(active),
            active_runs: Mutex::default(),
            wake: Notify::new(),
            finished: Notify::new(),
            phase: watch::Sender::new(EnginePhase::Accepting),
            intake: Arc::default(),
            dispatcher: Mutex::new(None),
        });
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&shared)));
        if let Ok(mut place) = shared.dispatcher.try_lock() {
            *place = Some(dispatcher);
        }
        Self { shared }
    }

    pub fn rulebook(&self) -> Arc<Rulebook> {
        Arc::clone(&self.shared.active.load().rulebook)
    }

    /// Judges events by new rules from now on, or keeps the old ones where the reading has errors or
    /// cannot be kept. Runs that were planned keep the rule that they were planned with. `prepare`
    /// readies the performer for them at the last moment.
    pub async fn adopt(
        &self,
        reading: LoadedRulebook,
        prepare: impl FnOnce(&P),
    ) -> Result<Arc<Rulebook>, EngineError> {
        let active = ActiveRulebook::new(reading.accepted().map_err(EngineError::Rules)?);
        active.edition(&self.shared.store).await?;
        prepare(&self.shared.perform);
        let rulebook = Arc::clone(&active.rulebook);
        self.shared.active.store(Arc::new(active));
        Ok(rulebook)
    }

    /// The runs as the store has them once all of them came to their end.
    pub async fn settled(&self, runs: &[Placed]) -> Result<Vec<Record>, StoreError> {
        loop {
            let mut ended = std::pin::pin!(self.shared.finished.notified());
            // Listening first: an end between the look and the wait is not missed.
            ended.as_mut().enable();
            let mut records = Vec::with_capacity(runs.len());
            for placed in runs {
                records.extend(self.shared.store.run(placed.id).await?);
            }
            if records.iter().all(|record| record.state.is_final()) {
                return Ok(records);
            }
            ended.await;
        }
    }

    pub fn store(&self) -> &S {
        &self.shared.store
    }

    pub fn performer(&self) -> &P {
        &self.shared.perform
    }

    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }
}

impl Rulebook {
    /// As it was written.
    pub fn edition(&self) -> Edition {
        let files = self.rule_files.iter().filter_map(|id| self.files.get(*id));
        Edition {
            files: files
                .map(|file| (Arc::clone(&file.name), Arc::clone(&file.text)))
                .collect(),
            config: Arc::clone(&self.config.source),
            settings: Settings::of(&self.config),
        }
    }
}
