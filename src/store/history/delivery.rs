//! Requests of senders: which ones, how many, and the one that delivered an event.

use jiff::Timestamp;

use crate::store::{Delivery, DeliveryKind};

/// Which requests. An empty filter selects all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryFilter {
    /// The entry under `sources`, or its `event_source`.
    pub source: Option<String>,
    pub kind: Option<DeliveryKind>,
    pub status: Option<u16>,
    /// One of these reasons; none selects all.
    pub reasons: Vec<String>,
    /// A part of the path, the address, the reason or its detail, or of the id of the first event, in any case.
    pub text: Option<String>,
    /// Received at this time or later, or counted with a request until then.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only older ones than this, for the next page.
    pub before: Option<u64>,
}

/// One request of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    pub delivery: Delivery,
    /// Requests with the same endpoint, status and reason that followed and were only counted.
    pub omitted: u64,
    /// When the last of them was received.
    pub omitted_until: Option<Timestamp>,
}

/// How many requests a filter selects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryTotals {
    pub accepted: DeliveryCount,
    pub rejected: DeliveryCount,
}

/// Requests of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryCount {
    /// Those that are listed one by one.
    pub listed: u64,
    /// Those that were only counted.
    pub omitted: u64,
    /// Those of `omitted` that may have been received outside the time that was asked for: only the first and the
    /// last time of requests that are counted together is known.
    pub perhaps_outside: u64,
    /// When the oldest listed one was received.
    pub oldest: Option<Timestamp>,
}

/// How an event was delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDeliveryRow {
    /// The position of the event in the array of its request, from 0.
    pub index: Option<u64>,
    pub request: DeliveryMatch,
}

/// The request that delivered an event.
#[derive(Debug, Clone, PartialEq)]
pub enum DeliveryMatch {
    Listed(DeliveryRow),
    /// It is one of those that were only counted, with this row.
    Counted(DeliveryRow),
}

impl DeliveryTotals {
    pub fn of(&self, kind: DeliveryKind) -> &DeliveryCount {
        match kind {
            DeliveryKind::Accepted => &self.accepted,
            DeliveryKind::Rejected => &self.rejected,
        }
    }

    pub fn listed(&self) -> u64 {
        self.accepted.listed + self.rejected.listed
    }
}

impl DeliveryCount {
    /// All of them, listed or not.
    pub fn all(&self) -> u64 {
        self.listed + self.omitted
    }
}
