//! Rejected requests: which ones, and how far back they are kept.

use jiff::Timestamp;

use crate::store::RejectedDelivery;

/// Which rejected requests. An empty filter selects all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryFilter {
    pub source: Option<String>,
    pub reason: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only older ones than this, for the next page.
    pub before: Option<u64>,
}

/// One rejected request of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    pub id: u64,
    pub delivery: RejectedDelivery,
    /// Rejected requests just before this one that were not kept.
    pub omitted: u64,
}

/// How many rejected requests are kept, and since when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryRange {
    pub count: u64,
    /// Those that were not kept, as far as a kept one says so.
    pub omitted: u64,
    pub oldest: Option<Timestamp>,
}
