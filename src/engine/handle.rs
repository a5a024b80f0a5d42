//! The engine as others hold it: events go in, final states come out, rules are swapped underneath.
//! It refuses events once it is stopping, and never drops one that it took.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, OnceCell, RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::at_work::AtWork;
use super::clock::Clock;
use super::dispatcher::dispatch;
use super::metrics::Metrics;
use super::places::Places;
use super::rates::Rates;
use super::{EngineError, Options, Perform, Reading, Rulebook};
use crate::store::{Edition, EditionId, Placed, Record, Settings, Store, StoreError};

/// A running engine. Cloning gives another handle to the same one.
pub struct Engine<S, P> {
    pub(super) shared: Arc<Shared<S, P>>,
}

impl<S, P> Clone for Engine<S, P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

/// What the dispatcher, the workers and the handles have in common.
pub(super) struct Shared<S, P> {
    pub store: S,
    pub perform: P,
    pub options: Options,
    pub places: Places,
    pub rates: Rates,
    pub metrics: Metrics,
    pub since: Timestamp,
    pub judge: ArcSwap<Judge>,
    pub at_work: Mutex<AtWork>,
    /// There may be a run to claim.
    pub work: Notify,
    /// Some run came to its end.
    pub ended: Notify,
    pub phase: watch::Sender<Phase>,
    /// Held for reading while events are taken in, so that stopping waits for what is half taken.
    pub door: Arc<RwLock<()>>,
    pub dispatcher: Mutex<Option<JoinHandle<()>>>,
}

/// A rulebook and the name under which the store keeps it: in use together, and given up together.
pub(super) struct Judge {
    pub rulebook: Arc<Rulebook>,
    edition: OnceCell<EditionId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    Accepting,
    /// Nothing new; work in flight may take until then.
    Draining {
        until: Instant,
    },
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Starts the dispatcher. Needs a tokio runtime. The store gets the rules with the first event.
    pub fn start(store: S, perform: P, rulebook: Rulebook, options: Options) -> Self {
        Self::judging_by(Judge::new(rulebook), store, perform, options)
    }

    /// The same, once the store has the rules.
    pub async fn open(
        store: S,
        perform: P,
        rulebook: Rulebook,
        options: Options,
    ) -> Result<Self, StoreError> {
        let judge = Judge::new(rulebook);
        judge.edition(&store).await?;
        Ok(Self::judging_by(judge, store, perform, options))
    }

    fn judging_by(judge: Judge, store: S, perform: P, options: Options) -> Self {
        let shared = Arc::new(Shared {
            store,
            perform,
            places: Places::new(options.concurrency, options.per_host),
            rates: Rates::default(),
            metrics: Metrics::default(),
            since: options.clock.now(),
            options,
            judge: ArcSwap::from_pointee(judge),
            at_work: Mutex::default(),
            work: Notify::new(),
            ended: Notify::new(),
            phase: watch::Sender::new(Phase::Accepting),
            door: Arc::default(),
            dispatcher: Mutex::new(None),
        });
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&shared)));
        if let Ok(mut place) = shared.dispatcher.try_lock() {
            *place = Some(dispatcher);
        }
        Self { shared }
    }

    pub fn rulebook(&self) -> Arc<Rulebook> {
        Arc::clone(&self.shared.judge.load().rulebook)
    }

    /// Judges events by new rules from now on, or keeps the old ones where the reading has errors or
    /// cannot be kept. Runs that were planned keep the rule that they were planned with. `prepare`
    /// readies the performer for them at the last moment.
    pub async fn adopt(
        &self,
        reading: Reading,
        prepare: impl FnOnce(&P),
    ) -> Result<Arc<Rulebook>, EngineError> {
        let judge = Judge::new(reading.accepted().map_err(EngineError::Rules)?);
        judge.edition(&self.shared.store).await?;
        prepare(&self.shared.perform);
        let rulebook = Arc::clone(&judge.rulebook);
        self.shared.judge.store(Arc::new(judge));
        Ok(rulebook)
    }

    /// The runs as the store has them once all of them came to their end.
    pub async fn settled(&self, runs: &[Placed]) -> Result<Vec<Record>, StoreError> {
        loop {
            let mut ended = std::pin::pin!(self.shared.ended.notified());
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

impl<S, P> Shared<S, P> {
    pub fn accepting(&self) -> bool {
        *self.phase.borrow() == Phase::Accepting
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.options.clock
    }
}

impl Judge {
    fn new(rulebook: Rulebook) -> Self {
        Self {
            rulebook: Arc::new(rulebook),
            edition: OnceCell::new(),
        }
    }

    /// Kept by the store before any event is judged.
    pub async fn edition<S: Store>(&self, store: &S) -> Result<EditionId, StoreError> {
        let keep = || store.adopt(self.rulebook.edition());
        self.edition.get_or_try_init(keep).await.copied()
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
