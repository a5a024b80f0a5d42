//! Records what became of a request: which events it delivered, or why it was rejected.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::submitted_event::SubmittedEvent;
use crate::engine::Perform;
use crate::engine::handle::Engine;
use crate::engine::metrics::EventOutcome;
use crate::source::{EventDelivery, RejectedRequest};
use crate::store::{DeliveredEvents, Delivery, DeliveryId, DeliveryOutcome, DeliveryPart, Store};
use flowtrigger_core::config::sender_method::SenderMethod;
use flowtrigger_core::config::source::EventSource;

/// A request whose events are being accepted.
#[derive(Debug)]
pub(in crate::engine) struct IncomingDelivery {
    pub id: DeliveryId,
    endpoint: Arc<str>,
    source: Arc<str>,
    method: SenderMethod,
    path: String,
    peer: Option<IpAddr>,
    size: u64,
}

impl IncomingDelivery {
    pub fn new(id: DeliveryId, entry: &EventSource, request: &EventDelivery<'_>) -> Self {
        Self {
            id,
            endpoint: Arc::clone(request.endpoint),
            source: source(entry, request.endpoint),
            method: request.method,
            path: request.path.to_owned(),
            peer: request.peer,
            size: u64::try_from(request.body.len()).unwrap_or(u64::MAX),
        }
    }

    /// The request as the delivery of one event without an array.
    pub fn whole(&self) -> DeliveryPart {
        DeliveryPart {
            delivery: self.id,
            index: None,
        }
    }

    pub fn accepted(self, events: DeliveredEvents, received: Timestamp) -> Delivery {
        Delivery {
            id: self.id,
            received,
            endpoint: Some(self.endpoint),
            source: Some(self.source),
            method: self.method.as_str().to_owned(),
            path: self.path,
            peer: self.peer,
            status: 200,
            size: Some(self.size),
            outcome: DeliveryOutcome::Accepted(events),
        }
    }
}

/// Counts the events of a request.
pub(super) fn delivered(events: &[SubmittedEvent]) -> DeliveredEvents {
    let count = |outcome: EventOutcome| {
        let events = events.iter().filter(|event| event.outcome() == outcome);
        events.count() as u64
    };
    DeliveredEvents {
        count: events.len() as u64,
        matched: count(EventOutcome::Accepted),
        redelivered: count(EventOutcome::Redelivered),
        differed: events.iter().filter(|event| event.differed()).count() as u64,
        first: events
            .first()
            .map(|event| event.id().to_owned())
            .unwrap_or_default(),
    }
}

/// The `event_source` of an entry, which has the same name in most cases.
fn source(entry: &EventSource, endpoint: &Arc<str>) -> Arc<str> {
    match entry.source() == &**endpoint {
        true => Arc::clone(endpoint),
        false => entry.source().into(),
    }
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// Counts a request that was not accepted, and keeps what is known about it.
    pub(super) fn record_rejected_request(&self, request: RejectedRequest) {
        let name = request.source.as_deref().unwrap_or_default();
        self.shared.metrics.count_rejected(name, request.reason);
        let active = self.shared.active.load();
        let entry = active.rulebook.config.sources.get(name);
        let event_source = match (entry, &request.source) {
            (Some(entry), Some(endpoint)) => Some(source(entry, endpoint)),
            (None, _) | (_, None) => request.source.clone(),
        };
        self.shared.store.record_delivery(Delivery {
            id: self.shared.store.next_delivery(),
            received: self.shared.now(),
            endpoint: request.source,
            source: event_source,
            method: request.method,
            path: request.path,
            peer: request.peer,
            status: request.status,
            size: request.size,
            outcome: DeliveryOutcome::Rejected {
                reason: request.reason.to_owned(),
                detail: request.detail,
            },
        });
    }
}
