//! One request of a sender, as a store keeps it: who sent it where, and what became of it. Has no part of its headers
//! and its body.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

/// Accepted requests that are kept; beyond that the oldest are deleted.
pub const MAX_ACCEPTED_DELIVERIES: u64 = 50_000;
/// Rejected requests that are kept. Neither kind takes places of the other.
pub const MAX_REJECTED_DELIVERIES: u64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DeliveryId(pub u64);

/// The request that delivered an event, and the place of the event in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPart {
    pub delivery: DeliveryId,
    /// The position in the array, from 0. `None` for a request with a single event.
    pub index: Option<usize>,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    /// When its events were received, or when it was rejected.
    pub received: Timestamp,
    /// The entry under `sources` at its path, if there is one.
    pub endpoint: Option<Arc<str>>,
    /// The `event_source` of that entry.
    pub source: Option<Arc<str>>,
    /// Empty, as is the path, if the request could not be read.
    pub method: String,
    pub path: String,
    /// The address of the sender, if it is known.
    pub peer: Option<IpAddr>,
    pub status: u16,
    /// Bytes of the body; of a rejected request those that the sender announced.
    pub size: Option<u64>,
    pub outcome: DeliveryOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Accepted(DeliveredEvents),
    Rejected {
        /// The value of the metric label `reason`.
        reason: String,
        /// What is wrong, in one sentence.
        detail: String,
    },
}

/// The events of an accepted request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveredEvents {
    pub count: u64,
    /// Those that a rule matched.
    pub matched: u64,
    /// Those that were known before.
    pub redelivered: u64,
    /// Those of the known ones whose body was another one than at first.
    pub differed: u64,
    /// The id of the first one, under which it is stored.
    pub first: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryKind {
    Accepted,
    Rejected,
}

impl Delivery {
    pub fn kind(&self) -> DeliveryKind {
        match self.outcome {
            DeliveryOutcome::Accepted(_) => DeliveryKind::Accepted,
            DeliveryOutcome::Rejected { .. } => DeliveryKind::Rejected,
        }
    }

    /// The reason of the rejection; `None` if it was accepted.
    pub fn reason(&self) -> Option<&str> {
        match &self.outcome {
            DeliveryOutcome::Accepted(_) => None,
            DeliveryOutcome::Rejected { reason, .. } => Some(reason),
        }
    }
}

impl DeliveryKind {
    pub const ALL: [Self; 2] = [DeliveryKind::Accepted, DeliveryKind::Rejected];

    /// The most requests of this kind that are kept.
    pub fn limit(self) -> u64 {
        match self {
            DeliveryKind::Accepted => MAX_ACCEPTED_DELIVERIES,
            DeliveryKind::Rejected => MAX_REJECTED_DELIVERIES,
        }
    }
}
