//! The buckets of the histograms of attempts and commits.

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Buckets from 5 ms to about 3 minutes.
pub fn attempt_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 16))
}

/// Buckets from 0.1 ms to about 3 s, after which senders get a 503.
pub fn commit_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 16))
}
