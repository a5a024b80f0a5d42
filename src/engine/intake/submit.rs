//! Accepts matched events: plans their runs, commits all or none, and archives events without a run.
//! The work is a task of its own, so that a client that disconnects does not interrupt it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::OwnedRwLockReadGuard;
use tracing::{debug, info, warn};

use super::delivery::{IncomingDelivery, delivered};
use super::match_bytes::{ByteMatch, Matcher, ReceivedEvent};
use crate::engine::handle::Engine;
use crate::engine::metrics::EventOutcome;
use crate::engine::state::ActiveRulebook;
use crate::engine::{Perform, Rulebook};
use crate::store::{
    ArrivalKind, BodyComparison, Committed, DeliveredEvents, DeliveryPart, IncomingEvent,
    PlannedRun, RevisionId, RunStatus, Store, StoreError, UnmatchedEvent,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::loop_guard::GATE;
use flowtrigger_core::rule::Rule;

/// An event that was accepted.
#[derive(Debug, Clone)]
pub struct SubmittedEvent {
    pub event: EventSummary,
    /// The rules that match it today, by name.
    pub matched: Vec<String>,
    pub committed: Committed,
}

/// Events that were accepted together.
struct AcceptedEvents {
    events: Vec<SubmittedEvent>,
    received: Timestamp,
}

/// A decoded event with the runs that are planned for it.
#[derive(Debug)]
pub struct MatchedEvent {
    pub event: Arc<Event>,
    planned: Vec<PlannedRun>,
    delivery: Option<DeliveryPart>,
}

/// The request that events come from.
#[derive(Debug)]
pub(in crate::engine) struct RequestContext {
    /// Held until everything is committed.
    pub intake: OwnedRwLockReadGuard<()>,
    pub delivery: IncomingDelivery,
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// A matcher for the current rules.
    pub fn matcher(&self) -> Matcher {
        Matcher::new(self.shared.active.load_full())
    }

    /// Accepts events: all or none. Their runs start automatically.
    pub async fn submit(&self, events: Vec<Event>) -> Result<Vec<SubmittedEvent>, StoreError> {
        let active = self.shared.active.load_full();
        let events = events.into_iter();
        let events = events.map(|event| MatchedEvent::new(event, &active.rulebook));
        let events = events.collect();
        self.submit_with(active, events, None).await
    }

    /// Accepts an event that was matched before.
    pub async fn submit_matched(
        &self,
        incoming: ReceivedEvent,
    ) -> Result<SubmittedEvent, StoreError> {
        let ReceivedEvent { active, matched } = incoming;
        match matched {
            ByteMatch::Unmatched(brief, event) => {
                self.archive_unmatched(&active, &brief, event, None).await?;
                Ok(SubmittedEvent {
                    event: *brief,
                    matched: Vec::new(),
                    committed: Committed::default(),
                })
            }
            ByteMatch::Matched(event) => {
                let mut submitted = self.submit_with(active, vec![event], None).await?;
                Ok(submitted.pop().expect("one event was submitted"))
            }
        }
    }

    /// Accepts events in a task that holds the intake lock until all is committed.
    pub(super) async fn submit_with(
        &self,
        active: Arc<ActiveRulebook>,
        events: Vec<MatchedEvent>,
        request: Option<RequestContext>,
    ) -> Result<Vec<SubmittedEvent>, StoreError> {
        let engine = self.clone();
        let task = tokio::spawn(async move {
            let submitted = engine.accept(&active, events).await?;
            if let Some(RequestContext { intake, delivery }) = request {
                let events = delivered(&submitted.events);
                engine
                    .shared
                    .store
                    .record_delivery(delivery.accepted(events, submitted.received));
                drop(intake);
            }
            Ok(submitted.events)
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

    async fn accept(
        &self,
        active: &ActiveRulebook,
        events: Vec<MatchedEvent>,
    ) -> Result<AcceptedEvents, StoreError> {
        let revision = active.revision(&self.shared.store).await?;
        let received = self.shared.now();
        let committed = self.commit(&events, revision, received).await?;
        let mut accepted = Vec::with_capacity(events.len());
        for (matched, committed) in events.into_iter().zip(committed) {
            let submitted = SubmittedEvent {
                event: EventSummary::from_event(&matched.event),
                matched: matched.names(),
                committed,
            };
            submitted.log();
            let outcome = submitted.outcome();
            self.shared
                .metrics
                .count_event(&submitted.event.endpoint, outcome);
            for (gate, _, _) in submitted.suppressed() {
                self.shared.metrics.count_suppressed(gate);
            }
            self.shared
                .metrics
                .count_high_rate(&submitted.committed.loops);
            if outcome == EventOutcome::Unmatched {
                let event = matched.event.into();
                self.shared
                    .store
                    .archive_unmatched(event, revision, received, matched.delivery);
            }
            accepted.push(submitted);
        }
        Ok(AcceptedEvents {
            events: accepted,
            received,
        })
    }

    /// Archives the one event of a request, which no rule matches.
    pub(super) async fn archive_delivered(
        &self,
        active: &ActiveRulebook,
        brief: &EventSummary,
        event: UnmatchedEvent,
        delivery: IncomingDelivery,
    ) -> Result<(), StoreError> {
        let part = Some(delivery.whole());
        let received = self.archive_unmatched(active, brief, event, part).await?;
        let events = DeliveredEvents {
            count: 1,
            first: brief.id.clone(),
            ..DeliveredEvents::default()
        };
        self.shared
            .store
            .record_delivery(delivery.accepted(events, received));
        Ok(())
    }

    /// Archives an event that no rule matches, and returns when it was received.
    async fn archive_unmatched(
        &self,
        active: &ActiveRulebook,
        brief: &EventSummary,
        event: UnmatchedEvent,
        delivery: Option<DeliveryPart>,
    ) -> Result<Timestamp, StoreError> {
        let revision = active.revision(&self.shared.store).await?;
        let received = self.shared.now();
        log_unmatched(brief);
        self.shared
            .metrics
            .count_event(&brief.endpoint, EventOutcome::Unmatched);
        self.shared
            .store
            .archive_unmatched(event, revision, received, delivery);
        Ok(received)
    }

    /// Commits the events that have runs, in the order in which they happened, and returns the results in
    /// the order of `events`. Events without a run are not sent to the store, so that they are answered
    /// however busy it is.
    async fn commit(
        &self,
        events: &[MatchedEvent],
        revision: RevisionId,
        received: Timestamp,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.retain(|index| !events[*index].planned.is_empty());
        order.sort_by_key(|index| (position(&events[*index].event), *index));
        let arrivals = order.iter().map(|index| IncomingEvent {
            event: Arc::clone(&events[*index].event),
            received,
            revision,
            planned: events[*index].planned.clone(),
            occasion: ArrivalKind::Delivery,
            delivery: events[*index].delivery,
        });
        let arrivals: Vec<IncomingEvent> = arrivals.collect();
        let mut committed = vec![Committed::default(); events.len()];
        for (index, one) in order.into_iter().zip(self.commit_all(arrivals).await?) {
            committed[index] = one;
        }
        Ok(committed)
    }

    pub(in crate::engine) async fn commit_all(
        &self,
        arrivals: Vec<IncomingEvent>,
    ) -> Result<Vec<Committed>, StoreError> {
        if arrivals.is_empty() {
            return Ok(Vec::new());
        }
        let clock = self.shared.clock();
        let began = clock.elapsed();
        let committed = self.shared.store.commit_all(arrivals).await?;
        let took = clock.elapsed().saturating_sub(began);
        self.shared.metrics.observe_commit(took);
        self.shared.wake.notify_one();
        Ok(committed)
    }
}

impl MatchedEvent {
    pub fn new(event: Event, rulebook: &Rulebook) -> Self {
        Self::with_rules(rulebook.matching(&event), event)
    }

    /// An event with the rules that match it.
    pub fn with_rules(rules: Vec<Arc<Rule>>, event: Event) -> Self {
        Self {
            planned: rules
                .iter()
                .map(|rule| PlannedRun::new(rule, &event))
                .collect(),
            event: Arc::new(event),
            delivery: None,
        }
    }

    pub fn delivered_by(self, part: DeliveryPart) -> Self {
        Self {
            delivery: Some(part),
            ..self
        }
    }

    fn names(&self) -> Vec<String> {
        self.planned.iter().map(|p| p.rule.name.clone()).collect()
    }
}

impl Rulebook {
    /// Plans the runs of the rules that match.
    pub fn plan(&self, event: &Event) -> Vec<PlannedRun> {
        let rules = self.matching(event);
        rules
            .iter()
            .map(|rule| PlannedRun::new(rule, event))
            .collect()
    }
}

/// The event's position in the update that it is a part of; some formats write it as text.
fn position(event: &Event) -> Option<i64> {
    let position = event.body.pointer("/meta/sequence/position")?;
    let text = || position.as_str()?.trim().parse().ok();
    position.as_i64().or_else(text)
}

impl SubmittedEvent {
    /// The id under which the event is stored: that of its first delivery.
    pub fn id(&self) -> &str {
        let first = self.committed.first.as_ref();
        first.map_or(self.event.id.as_str(), |first| &first.id)
    }

    /// The entry that received the event, if it is not the one with the name of the source.
    fn entry(&self) -> Option<&str> {
        let endpoint = self.event.endpoint.as_str();
        (endpoint != self.event.source).then_some(endpoint)
    }

    fn log_redelivery(&self, runs: &[u64]) {
        let (event, r#type) = (self.id(), self.event.event_type.as_str());
        match self.differed() {
            true => warn!(
                event,
                at = self.entry(),
                r#type,
                ?runs,
                "event redelivered: same id, different body; nothing ran for it. If the id names an object and not an event, set another `id` for the source"
            ),
            false => {
                info!(event, at = self.entry(), r#type, ?runs, "event redelivered");
            }
        }
    }

    /// Whether it is a redelivery with another body.
    pub(super) fn differed(&self) -> bool {
        let first = self.committed.first.as_ref();
        match first.map(|first| first.body) {
            Some(BodyComparison::Different) => self.committed.redelivered,
            Some(BodyComparison::Equal | BodyComparison::Unknown) | None => false,
        }
    }

    pub(super) fn outcome(&self) -> EventOutcome {
        match (self.committed.redelivered, self.matched.is_empty()) {
            (true, _) => EventOutcome::Redelivered,
            (false, true) => EventOutcome::Unmatched,
            (false, false) => EventOutcome::Accepted,
        }
    }

    /// Runs that a gate suppressed, and why; none for a redelivery, whose runs were reported before.
    fn suppressed(&self) -> impl Iterator<Item = (&str, &RunStatus, &str)> {
        let runs = self.committed.runs.iter();
        let new = runs.filter(|_| !self.committed.redelivered);
        new.filter_map(|run| Some((run.state.gate()?, run, run.state.why()?)))
    }

    /// Logs ids, names and states only: no log contains the text of a ticket. Fields from outside are
    /// quoted, so that they cannot pass for log lines of their own.
    fn log(&self) {
        let (event, r#type) = (self.event.id.as_str(), self.event.event_type.as_str());
        if self.outcome() == EventOutcome::Unmatched {
            return log_unmatched(&self.event);
        }
        let runs = self.committed.runs.iter().map(|run: &RunStatus| run.id.0);
        let runs: Vec<u64> = runs.collect();
        let matched = self.matched.join(",");
        match self.outcome() {
            EventOutcome::Redelivered => self.log_redelivery(&runs),
            EventOutcome::Accepted | EventOutcome::Unmatched => {
                info!(
                    event,
                    at = self.entry(),
                    r#type,
                    matched,
                    ?runs,
                    "event accepted"
                );
            }
        }
        for (gate, run, why) in self.suppressed().filter(|(gate, _, _)| *gate == GATE) {
            let rule = &*run.rule;
            warn!(
                run = run.id.0,
                rule, event, gate, why, "run suppressed by loop guard"
            );
        }
        let held = |run: &&RunStatus| self.committed.loops.held.contains(&run.id);
        for run in self.committed.runs.iter().filter(held) {
            let (rule, why) = (&*run.rule, run.state.why());
            warn!(run = run.id.0, rule, event, why, "run held by loop guard");
        }
        log_warnings(event, &self.event.warnings);
    }
}

fn log_unmatched(event: &EventSummary) {
    let (id, r#type) = (event.id.as_str(), event.event_type.as_str());
    debug!(event = id, r#type, "event matched no rule");
    log_warnings(id, &event.warnings);
}

fn log_warnings(event: &str, warnings: &[String]) {
    for warning in warnings {
        debug!(event, warning, "event read with a warning");
    }
}
