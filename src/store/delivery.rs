//! A request that was rejected, as a store keeps it: everything but its headers and its body.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

/// Rejected requests that are kept; beyond that the oldest are deleted.
pub const MAX_DELIVERIES: u64 = 10_000;

/// A rejected request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedDelivery {
    pub received: Timestamp,
    /// The source at its path, if there is one.
    pub source: Option<Arc<str>>,
    /// Empty, as is the path, if the request could not be read.
    pub method: String,
    pub path: String,
    /// The address of the sender, if it is known.
    pub peer: Option<IpAddr>,
    /// The value of the metric label `reason`.
    pub reason: String,
    pub status: u16,
    /// Bytes of the body, if the sender announced them.
    pub size: Option<u64>,
    pub detail: String,
}
