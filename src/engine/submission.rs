//! Taking events in: judged, committed all or none, and those without a run filed for later questions.
//! It refuses to be left half done: whoever hangs up meanwhile stops nothing.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::OwnedRwLockReadGuard;
use tracing::{debug, info, warn};

use super::handle::{Engine, Judge};
use super::metrics::Taken;
use super::{Perform, Rulebook};
use crate::core::event::{Brief, Event};
use crate::core::loop_guard::GATE;
use crate::core::rule::jobspec::Rule;
use crate::store::{
    Arrival, Committed, EditionId, Occasion, Placed, Planned, Store, StoreError, Unmatched,
};

/// An event that was taken in.
#[derive(Debug, Clone)]
pub struct Submitted {
    pub event: Arc<Event>,
    /// The rules that match it today, by name.
    pub matched: Vec<String>,
    pub committed: Committed,
}

/// An event with what is to run for it.
#[derive(Debug)]
pub struct Judged {
    pub event: Arc<Event>,
    planned: Vec<Planned>,
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Takes events in: all or none. Their runs start by themselves.
    pub async fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, StoreError> {
        let judge = self.shared.judge.load_full();
        let judged = events.into_iter();
        let judged = judged.map(|event| Judged::of(event, &judge.rulebook));
        let judged = judged.collect();
        self.submit_to(judge, judged, None).await
    }

    /// In a task of its own, which holds the door open until all is done.
    pub(super) async fn submit_to(
        &self,
        judge: Arc<Judge>,
        judged: Vec<Judged>,
        door: Option<OwnedRwLockReadGuard<()>>,
    ) -> Result<Vec<Submitted>, StoreError> {
        let engine = self.clone();
        let task = tokio::spawn(async move {
            let submitted = engine.take(&judge, judged).await;
            drop(door);
            submitted
        });
        match task.await {
            Ok(submitted) => submitted,
            Err(fault) => match fault.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The program ends.
                Err(_) => Err(StoreError::Busy),
            },
        }
    }

    async fn take(&self, judge: &Judge, judged: Vec<Judged>) -> Result<Vec<Submitted>, StoreError> {
        let edition = judge.edition(&self.shared.store).await?;
        let received = self.shared.clock().now();
        let mut committed = self.commit(&judged, edition, received).await?;
        let submitted: Vec<Submitted> = judged
            .into_iter()
            .zip(&mut committed)
            .map(|(judged, committed)| Submitted {
                matched: judged.names(),
                event: judged.event,
                committed: std::mem::take(committed),
            })
            .collect();
        for submitted in &submitted {
            submitted.log();
            let taken = submitted.taken();
            self.shared.metrics.taken(&submitted.event.source, taken);
            for (gate, _, _) in submitted.suppressed() {
                self.shared.metrics.suppressed(gate);
            }
            if taken == Taken::Unmatched {
                let event = Arc::clone(&submitted.event);
                self.shared.store.archive(event.into(), edition, received);
            }
        }
        Ok(submitted)
    }

    /// Files an event that no rule wants.
    pub(super) async fn pass_by(
        &self,
        judge: &Judge,
        brief: &Brief,
        event: Unmatched,
    ) -> Result<(), StoreError> {
        let edition = judge.edition(&self.shared.store).await?;
        let received = self.shared.clock().now();
        log_unmatched(brief);
        self.shared.metrics.taken(&brief.source, Taken::Unmatched);
        self.shared.store.archive(event, edition, received);
        Ok(())
    }

    /// What becomes of each event, in the order in which they stand. They are committed in the order
    /// in which they happened; those without a run are no work for the store, so that they are
    /// answered however much it has to do.
    async fn commit(
        &self,
        judged: &[Judged],
        edition: EditionId,
        received: Timestamp,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut order: Vec<usize> = (0..judged.len()).collect();
        order.retain(|index| !judged[*index].planned.is_empty());
        order.sort_by_key(|index| (position(&judged[*index].event), *index));
        let arrivals = order.iter().map(|index| Arrival {
            event: Arc::clone(&judged[*index].event),
            received,
            edition,
            planned: judged[*index].planned.clone(),
            occasion: Occasion::Delivery,
        });
        let arrivals: Vec<Arrival> = arrivals.collect();
        let mut committed = vec![Committed::default(); judged.len()];
        for (index, one) in order.into_iter().zip(self.commit_all(arrivals).await?) {
            committed[index] = one;
        }
        Ok(committed)
    }

    pub(super) async fn commit_all(
        &self,
        arrivals: Vec<Arrival>,
    ) -> Result<Vec<Committed>, StoreError> {
        if arrivals.is_empty() {
            return Ok(Vec::new());
        }
        let clock = self.shared.clock();
        let began = clock.elapsed();
        let committed = self.shared.store.commit_all(arrivals).await?;
        let took = clock.elapsed().saturating_sub(began);
        self.shared.metrics.committed(took);
        self.shared.work.notify_one();
        Ok(committed)
    }
}

impl Judged {
    pub fn of(event: Event, rulebook: &Rulebook) -> Self {
        let rules = rulebook.rules.matches(&event).into_iter().map(Arc::clone);
        Self::by(rules.collect(), event)
    }

    /// An event that these rules match.
    pub fn by(rules: Vec<Arc<Rule>>, event: Event) -> Self {
        Self {
            planned: rules.iter().map(|rule| planned(rule, &event)).collect(),
            event: Arc::new(event),
        }
    }

    fn names(&self) -> Vec<String> {
        self.planned.iter().map(|p| p.rule.name.clone()).collect()
    }
}

impl Rulebook {
    /// The rules that match, and how their runs wait for each other.
    pub fn plan(&self, event: &Event) -> Vec<Planned> {
        let matches = self.rules.matches(event).into_iter();
        matches.map(|rule| planned(rule, event)).collect()
    }
}

fn planned(rule: &Arc<Rule>, event: &Event) -> Planned {
    Planned {
        rule: Arc::clone(rule),
        mode: rule.mode,
        lane: rule.lane_of(event),
        loop_ask: rule.loop_ask_of(event),
        asks: rule.asks_of(event),
    }
}

/// Where an event stands in the update that it is a part of; some shapes write it as text.
fn position(event: &Event) -> Option<i64> {
    let position = event.body.pointer("/meta/sequence/position")?;
    let text = || position.as_str()?.trim().parse().ok();
    position.as_i64().or_else(text)
}

impl Submitted {
    fn taken(&self) -> Taken {
        match (self.committed.redelivered, self.matched.is_empty()) {
            (true, _) => Taken::Redelivered,
            (false, true) => Taken::Unmatched,
            (false, false) => Taken::Accepted,
        }
    }

    /// Runs that a gate kept from beginning, and why; those of a redelivery were told before.
    fn suppressed(&self) -> impl Iterator<Item = (&str, &Placed, &str)> {
        let runs = self.committed.runs.iter();
        let new = runs.filter(|_| !self.committed.redelivered);
        new.filter_map(|run| Some((run.state.gate()?, run, run.state.why()?)))
    }

    /// Ids, names and states only: what a ticket says stands in no log. What came from outside is
    /// written quoted, so that it cannot pass for a line of its own.
    fn log(&self) {
        let (event, r#type) = (self.event.id.as_str(), self.event.event_type.as_str());
        if self.taken() == Taken::Unmatched {
            return log_unmatched(&Brief::of(&self.event));
        }
        let runs = self.committed.runs.iter().map(|run: &Placed| run.id.0);
        let runs: Vec<u64> = runs.collect();
        let matched = self.matched.join(",");
        match self.taken() {
            Taken::Redelivered => info!(event, r#type, ?runs, "event came again"),
            Taken::Accepted | Taken::Unmatched => {
                info!(event, r#type, matched, ?runs, "event taken");
            }
        }
        for (gate, run, why) in self.suppressed().filter(|(gate, _, _)| *gate == GATE) {
            let rule = &*run.rule;
            warn!(
                run = run.id.0,
                rule, event, gate, why, "run suppressed: a loop, as it looks"
            );
        }
        log_warnings(event, &self.event.warnings);
    }
}

fn log_unmatched(event: &Brief) {
    let (id, r#type) = (event.id.as_str(), event.event_type.as_str());
    debug!(event = id, r#type, "event matched no rule");
    log_warnings(id, &event.warnings);
}

fn log_warnings(event: &str, warnings: &[String]) {
    for warning in warnings {
        debug!(event, warning, "event read with a warning");
    }
}
