//! Submits the ticks of rules with `every`: sleeps until the next one, and commits those that are due in order.
//! A tick stays due until it is committed. Of several daemons each may commit it; its id makes one event of it.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Perform;
use super::handle::Engine;
use super::state::{ActiveRulebook, OverdueTicks};
use crate::store::{LastTick, Store, StoreError};
use flowtrigger_core::schedule::every::MISSED_AFTER;
use plan::{DueTick, Skipped, TickPlan};

/// How long it sleeps at most: the wall clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// Ticks of one commit.
const BATCH: usize = 200;
/// Ticks that wait for the store before their absence is reported.
const OVERDUE_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// The task that submits ticks.
struct Ticker<S, P> {
    engine: Engine<S, P>,
    plan: TickPlan,
    /// The rulebook of the plan; `None` before the first one was planned.
    active: Option<Arc<ActiveRulebook>>,
    /// Whether the last attempt to use the store failed, which is logged once.
    failing: bool,
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Starts the task that submits ticks. It ends when the engine stops, or when it is aborted.
    pub fn start_ticks(&self) -> JoinHandle<()> {
        let mut ticker = Ticker {
            engine: self.clone(),
            plan: TickPlan::default(),
            active: None,
            failing: false,
        };
        tokio::spawn(async move {
            while ticker.engine.shared.accepting() {
                let worked = ticker.work().await;
                ticker.report(worked);
                let sleep = ticker.sleep();
                ticker.engine.shared.clock().sleep(sleep).await;
            }
        })
    }
}

impl<S: Store, P: Perform> Ticker<S, P> {
    /// Plans changed rules, and submits what is due.
    async fn work(&mut self) -> Result<(), StoreError> {
        let active = self.engine.shared.active.load_full();
        let is_planned = self.active.as_ref();
        if !is_planned.is_some_and(|planned| Arc::ptr_eq(planned, &active)) {
            self.plan_rules(&active).await?;
            self.active = Some(active);
        }
        for skipped in self.plan.advance(self.engine.shared.now()) {
            self.note_skipped(&skipped);
        }
        self.plan_noted().await?;
        while !self.plan.due().is_empty() {
            self.skip_committed().await?;
            if !self.submit().await? {
                return Ok(());
            }
            self.plan_noted().await?;
        }
        Ok(())
    }

    /// Takes the rules of a rulebook, each from its last tick on, or from now on if it is new.
    async fn plan_rules(&mut self, active: &ActiveRulebook) -> Result<(), StoreError> {
        let store = &self.engine.shared.store;
        // Taken before the store is read. Another daemon may plan a new rule in the meantime: it would skip a tick that is
        // earlier than the time that is noted here.
        let now = self.engine.shared.now();
        let known = store.last_ticks().await?;
        let rules = &active.rulebook.rules.rules;
        let gone = self.plan.set_rules(rules, known, now);
        if !gone.is_empty() {
            store.note_ticks(Vec::new(), gone).await?;
        }
        Ok(())
    }

    /// Stores the last ticks that are not stored yet.
    async fn plan_noted(&mut self) -> Result<(), StoreError> {
        let unnoted = self.plan.unnoted();
        if unnoted.is_empty() {
            return Ok(());
        }
        let store = &self.engine.shared.store;
        store.note_ticks(unnoted, Vec::new()).await?;
        self.plan.noted();
        Ok(())
    }

    /// Removes what another daemon committed.
    async fn skip_committed(&mut self) -> Result<(), StoreError> {
        let store = &self.engine.shared.store;
        if store.is_shared() {
            let known: Vec<LastTick> = store.last_ticks().await?;
            self.plan.skip_committed(&known);
        }
        Ok(())
    }

    /// Commits the next ticks. Returns whether the engine still accepts events.
    async fn submit(&mut self) -> Result<bool, StoreError> {
        let shared = &self.engine.shared;
        let intake = Arc::clone(&shared.intake).read_owned().await;
        if !shared.accepting() {
            return Ok(false);
        }
        let batch: Vec<DueTick> = self.plan.due().iter().take(BATCH).cloned().collect();
        let events = batch.iter().filter_map(DueTick::event).collect();
        let submitted = self.engine.submit(events).await?;
        drop(intake);
        let now = shared.now();
        let metrics = &shared.metrics.ticks;
        for (tick, submitted) in batch.iter().zip(&submitted) {
            metrics.count(submitted.outcome().as_str());
            metrics.observe_lateness(lateness(tick.at, now));
        }
        self.plan.committed(batch.len());
        Ok(true)
    }

    fn note_skipped(&self, skipped: &Skipped) {
        let metrics = &self.engine.shared.metrics.ticks;
        metrics.count("skipped");
        let Skipped {
            rule, since, until, ..
        } = skipped;
        match skipped.left_out {
            Some(left_out) => warn!(
                rule = &**rule,
                %since,
                %until,
                left_out,
                "too many missed ticks: the oldest ones are left out"
            ),
            None => info!(rule = &**rule, %since, %until, "missed ticks skipped"),
        }
    }

    /// Logs the first of several failures, and lets the daemon report ticks that are overdue.
    fn report(&mut self, worked: Result<(), StoreError>) {
        let shared = &self.engine.shared;
        let oldest = self.plan.due().front().map(|tick| tick.at);
        let overdue = oldest.filter(|at| shared.now().duration_since(*at) > OVERDUE_AFTER);
        let error = worked.err();
        let state = overdue.map(|since| {
            Arc::new(OverdueTicks {
                since,
                count: self.plan.due().len(),
                reason: error.as_ref().map(StoreError::to_string),
            })
        });
        shared.overdue_ticks.store(state);
        match (&error, self.failing) {
            (Some(error), false) => {
                warn!(%error, "ticks of rules could not be committed; trying again");
            }
            (None, true) => info!("ticks of rules are committed again"),
            (Some(_), true) | (None, false) => {}
        }
        self.failing = error.is_some();
    }

    /// How long nothing is due, as far as is known.
    fn sleep(&self) -> Duration {
        // What could not be committed is tried again after a while.
        if !self.plan.due().is_empty() {
            return LONGEST_SLEEP;
        }
        let now = self.engine.shared.now();
        let until = self.plan.next().map(|next| next.duration_since(now));
        // The time of the next one may have come meanwhile.
        let until = until.map(|until| Duration::try_from(until).unwrap_or_default());
        // A little later, so that it is due when the task wakes.
        let until = until.map(|until| until + Duration::from_millis(1));
        until.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }
}

/// Seconds from the time of a tick until now.
fn lateness(at: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(at).as_secs_f64().max(0.0)
}

/// Whether a tick of this time is a missed one.
fn is_missed(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) > MISSED_AFTER
}
