//! The handle of a running engine: submit events, wait for final states, replace the rules. While the engine
//! stops, it rejects events; accepted events are never dropped.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Mutex, Notify, watch};

use super::lease::Lease;
use super::limits::concurrency::ConcurrencyLimits;
use super::limits::rate_limit::RateLimiter;
use super::link_key::LinkKey;
use super::metrics::Metrics;
use super::reloads::{ReloadActivity, Reloads};
use super::rulebook::empty_paths::EmptyPaths;
use super::runner::dispatcher::{SHARED_POLL, dispatch};
use super::runner::lease_keeper::keep_lease;
use super::runner::suspension_keeper::keep_suspensions;
use super::state::{ActiveRulebook, EnginePhase, EngineState};
use super::{EngineError, EngineOptions, LoadedRulebook, Perform, Rulebook};
use crate::store::awaited::AwaitedSubject;
use crate::store::{Revision, RunRecord, RunStatus, Store, StoreError, StoreSettings};

/// A running engine. Clones are handles to the same engine.
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
    /// Starts the dispatcher; needs a tokio runtime. The rules are stored with the first event.
    pub fn start(store: S, perform: P, rulebook: Rulebook, options: EngineOptions) -> Self {
        Self::start_with(
            ActiveRulebook::new(rulebook, options.clock.now()),
            store,
            perform,
            options,
        )
    }

    /// Stores the rules, then starts.
    pub async fn open(
        store: S,
        perform: P,
        rulebook: Rulebook,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let active = ActiveRulebook::new(rulebook, options.clock.now());
        active.revision(&store).await?;
        let engine = Self::start_with(active, store, perform, options);
        engine.shared.load_link_key().await?;
        Ok(engine)
    }

    fn start_with(active: ActiveRulebook, store: S, perform: P, options: EngineOptions) -> Self {
        let lease = Lease::new(store.is_shared());
        let shared = Arc::new(EngineState {
            store,
            perform,
            concurrency: ConcurrencyLimits::new(options.concurrency, options.per_host),
            rate_limiter: RateLimiter::default(),
            lease,
            suspensions: Arc::default(),
            metrics: Metrics::default(),
            link_key: LinkKey::default(),
            empty_paths: EmptyPaths::default(),
            since: options.clock.now(),
            options,
            active: ArcSwap::from_pointee(active),
            failed_reload: ArcSwapOption::empty(),
            reloads: Reloads::default(),
            overdue_ticks: ArcSwapOption::empty(),
            certificates: ArcSwap::default(),
            active_runs: Mutex::default(),
            wake: Notify::new(),
            finished: Notify::new(),
            phase: watch::Sender::new(EnginePhase::Accepting),
            intake: Arc::default(),
            dispatcher: Mutex::new(None),
            lease_keeper: Mutex::new(None),
            suspension_keeper: Mutex::new(None),
        });
        let rulebook = shared.active.load();
        let rulebook = &rulebook.rulebook;
        shared.metrics.set_names(&rulebook.rules, &rulebook.config);
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&shared)));
        if let Ok(mut place) = shared.dispatcher.try_lock() {
            *place = Some(dispatcher);
        }
        if shared.store.is_shared() {
            shared.metrics.register_lease();
        }
        if shared.store.is_shared()
            && let Ok(mut place) = shared.lease_keeper.try_lock()
        {
            let shared = Arc::clone(&shared);
            *place = Some(tokio::spawn(async move { keep_lease(&shared).await }));
        }
        if shared.store.is_durable()
            && let Ok(mut place) = shared.suspension_keeper.try_lock()
        {
            let shared = Arc::clone(&shared);
            *place = Some(tokio::spawn(async move { keep_suspensions(&shared).await }));
        }
        Self { shared }
    }

    pub fn rulebook(&self) -> Arc<Rulebook> {
        Arc::clone(&self.shared.active.load().rulebook)
    }

    /// Replaces the rules, or keeps the current ones if the new ones have errors or cannot be stored. Planned
    /// runs keep the rule that they were planned with. `prepare` updates the performer just before.
    pub async fn adopt(
        &self,
        reading: LoadedRulebook,
        prepare: impl FnOnce(&P),
    ) -> Result<Arc<Rulebook>, EngineError> {
        let now = self.shared.now();
        let active = ActiveRulebook::new(reading.accepted().map_err(EngineError::Rules)?, now);
        active.revision(&self.shared.store).await?;
        prepare(&self.shared.perform);
        let rulebook = Arc::clone(&active.rulebook);
        let metrics = &self.shared.metrics;
        metrics.set_names(&rulebook.rules, &rulebook.config);
        self.shared.active.store(Arc::new(active));
        Ok(rulebook)
    }

    /// Waits until all runs have finished, and returns them.
    pub async fn settled(&self, runs: &[RunStatus]) -> Result<Vec<RunRecord>, StoreError> {
        loop {
            let mut ended = std::pin::pin!(self.shared.finished.notified());
            // Registered before the read, so that a run that finishes in between is not missed.
            ended.as_mut().enable();
            let mut records = Vec::with_capacity(runs.len());
            for placed in runs {
                records.extend(self.shared.store.run(placed.id).await?);
            }
            if records.iter().all(|record| record.state.is_final()) {
                return Ok(records);
            }
            match self.shared.store.is_shared() {
                false => ended.await,
                // A run may end on another daemon.
                true => tokio::select! {
                    () = ended => {}
                    () = self.shared.clock().sleep(SHARED_POLL) => {}
                },
            }
        }
    }

    /// Changes when a reload begins and when it ends.
    pub fn reload_activity(&self) -> watch::Receiver<ReloadActivity> {
        self.shared.reloads.activity()
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
    /// The rule files and the configuration as text.
    pub fn revision(&self) -> Revision {
        let files = self.rule_files.iter().filter_map(|id| self.files.get(*id));
        Revision {
            files: files
                .map(|file| (Arc::clone(&file.name), Arc::clone(&file.text)))
                .collect(),
            config: Arc::clone(&self.config.source),
            settings: StoreSettings::from_config(&self.config),
            awaited: AwaitedSubject::of_rules(self.rules.rules.iter().map(|rule| &**rule)),
        }
    }
}
