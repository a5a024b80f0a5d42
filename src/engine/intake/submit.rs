//! Accepts matched events: plans their runs, commits all or none, and archives events without a run.
//! The work is a task of its own, so that a client that disconnects does not interrupt it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::OwnedRwLockReadGuard;

use super::delivery::{IncomingDelivery, delivered};
use super::match_bytes::{ByteMatch, Matcher, ReceivedEvent};
use super::submitted_event::{SubmittedEvent, log_unmatched};
use crate::engine::handle::Engine;
use crate::engine::metrics::EventOutcome;
use crate::engine::state::ActiveRulebook;
use crate::engine::{Perform, Rulebook};
use crate::store::{
    ArrivalKind, Committed, DeliveredEvents, DeliveryPart, IncomingEvent, PlannedRun, RevisionId,
    Store, StoreError, UnmatchedEvent,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::rule::Rule;

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
            ByteMatch::Unmatched(brief, event) if self.is_awaited(&active, &brief).await? => {
                let event = MatchedEvent::without_rules(event.into_event()?);
                let mut submitted = self.submit_with(active, vec![event], None).await?;
                Ok(submitted.pop().expect("one event was submitted"))
            }
            ByteMatch::Unmatched(brief, event) => {
                self.archive_unmatched(&active, &brief, event, None).await?;
                Ok(SubmittedEvent {
                    event: EventSummary::clone(&brief),
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

    /// Whether runs may wait for an event that no rule matches: then it is committed, and answered after that.
    pub(super) async fn is_awaited(
        &self,
        active: &ActiveRulebook,
        event: &EventSummary,
    ) -> Result<bool, StoreError> {
        // The revision registers what the rules in use wait for.
        let store = &self.shared.store;
        active.revision(store).await?;
        let awaited = store.awaited();
        Ok(awaited.covers(&event.source, &event.event_type))
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
            self.count_comparisons(&matched.planned, &committed);
            let submitted = SubmittedEvent {
                event: EventSummary::from_event(&matched.event),
                matched: matched.names(),
                committed,
            };
            submitted.log();
            let outcome = submitted.outcome();
            self.count(&submitted);
            if outcome == EventOutcome::Unmatched && !submitted.committed.awaited {
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

    /// Commits the events that have runs or that runs may wait for, in the order in which they happened, and returns the
    /// results in the order of `events`. Other events are not sent to the store, so that they are answered however busy it
    /// is.
    async fn commit(
        &self,
        events: &[MatchedEvent],
        revision: RevisionId,
        received: Timestamp,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut order: Vec<usize> = (0..events.len()).collect();
        let awaited = self.shared.store.awaited();
        order.retain(|index| {
            let MatchedEvent { event, planned, .. } = &events[*index];
            !planned.is_empty() || awaited.covers(&event.source, &event.event_type)
        });
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
        self.count_ended(&committed);
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
            planned: PlannedRun::of_rules(&rules, &event),
            event: Arc::new(event),
            delivery: None,
        }
    }

    /// An event that no rule matches.
    pub fn without_rules(event: Arc<Event>) -> Self {
        Self {
            event,
            planned: Vec::new(),
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
