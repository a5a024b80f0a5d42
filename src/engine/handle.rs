//! The engine as others hold it: events go in, final states come out, rules are swapped underneath.
//! It refuses events once it is stopping, and never drops one that it took.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, info};

use super::dispatcher::dispatch;
use super::{Options, Perform, Reading, Rulebook};
use crate::core::event::Event;
use crate::store::{
    Arrival, Committed, EditionId, Occasion, Placed, Planned, Record, Store, StoreError,
};

/// A running engine. Cloning gives another handle to the same one.
pub struct Engine<S, P> {
    shared: Arc<Shared<S, P>>,
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
    pub rulebook: ArcSwap<Rulebook>,
    /// There may be a run to claim.
    pub work: Notify,
    /// Some run came to its end.
    pub ended: Notify,
    pub phase: watch::Sender<Phase>,
    /// Held for reading while events are taken in, so that stopping waits for what is half taken.
    pub door: RwLock<()>,
    pub dispatcher: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    Accepting,
    /// Nothing new; work in flight may take until then.
    Draining {
        until: Instant,
    },
}

/// An event that was taken in.
#[derive(Debug, Clone)]
pub struct Submitted {
    pub event: Arc<Event>,
    /// The rules that match it today, by name.
    pub matched: Vec<String>,
    pub committed: Committed,
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Starts the dispatcher. Needs a tokio runtime.
    pub fn start(store: S, perform: P, rulebook: Rulebook, options: Options) -> Self {
        let shared = Arc::new(Shared {
            store,
            perform,
            options,
            rulebook: ArcSwap::from_pointee(rulebook),
            work: Notify::new(),
            ended: Notify::new(),
            phase: watch::Sender::new(Phase::Accepting),
            door: RwLock::new(()),
            dispatcher: Mutex::new(None),
        });
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&shared)));
        if let Ok(mut place) = shared.dispatcher.try_lock() {
            *place = Some(dispatcher);
        }
        Self { shared }
    }

    pub fn rulebook(&self) -> Arc<Rulebook> {
        self.shared.rulebook.load_full()
    }

    /// Judges events by new rules from now on, or keeps the old ones where the reading has errors.
    /// Runs that were planned keep the rule that they were planned with.
    pub fn adopt(&self, reading: Reading) -> Result<Arc<Rulebook>, Box<Reading>> {
        let rulebook = Arc::new(reading.accepted()?);
        self.shared.rulebook.store(Arc::clone(&rulebook));
        Ok(rulebook)
    }

    /// Takes events in: all or none. Their runs start by themselves.
    pub async fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, StoreError> {
        let rulebook = self.rulebook();
        let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
        let plans: Vec<Vec<Planned>> = events.iter().map(|e| plan(e, &rulebook)).collect();
        let matched: Vec<Vec<String>> = plans.iter().map(|plan| names(plan)).collect();
        let arrivals = events.iter().zip(plans).map(|(event, planned)| Arrival {
            event: Arc::clone(event),
            received: self.shared.now(),
            edition: EditionId::default(),
            planned,
            occasion: Occasion::Delivery,
        });
        let committed = self.shared.store.commit_all(arrivals.collect()).await?;
        self.shared.work.notify_one();
        let taken = events.into_iter().zip(matched).zip(committed);
        let submitted = taken.map(|((event, matched), committed)| Submitted {
            event,
            matched,
            committed,
        });
        let submitted: Vec<Submitted> = submitted.collect();
        submitted.iter().for_each(Submitted::log);
        Ok(submitted)
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

    pub(super) fn shared(&self) -> &Shared<S, P> {
        &self.shared
    }
}

impl<S, P> Shared<S, P> {
    pub fn accepting(&self) -> bool {
        *self.phase.borrow() == Phase::Accepting
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The rules that match, and how their runs wait for each other.
fn plan(event: &Event, rulebook: &Rulebook) -> Vec<Planned> {
    let matches = rulebook.rules.matches(event).into_iter();
    matches
        .map(|rule| Planned {
            rule: Arc::clone(rule),
            mode: rule.mode,
            lane: rule.lane_of(event),
            asks: rule.asks_of(event),
        })
        .collect()
}

fn names(plan: &[Planned]) -> Vec<String> {
    plan.iter().map(|p| p.rule.name.clone()).collect()
}

impl Submitted {
    /// Ids, names and states only: what a ticket says stands in no log. What came from outside is
    /// written quoted, so that it cannot pass for a line of its own.
    fn log(&self) {
        let (event, r#type) = (self.event.id.as_str(), self.event.event_type.as_str());
        let runs: Vec<u64> = self.committed.runs.iter().map(|run| run.id.0).collect();
        let matched = self.matched.join(",");
        if self.committed.redelivered {
            info!(event, r#type, ?runs, "event came again");
        } else if self.matched.is_empty() {
            debug!(event, r#type, "event matched no rule");
        } else {
            info!(event, r#type, matched, ?runs, "event taken");
        }
        for warning in &self.event.warnings {
            debug!(event, warning, "event read with a warning");
        }
    }
}
