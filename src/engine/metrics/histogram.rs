//! A histogram of durations whose counts are atomic: an observation takes no lock.

use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// The upper limits of buckets in milliseconds, in ascending order.
pub type BucketLimits = &'static [u64];

#[derive(Debug)]
pub struct DurationHistogram {
    limits: BucketLimits,
    /// By bucket; the last one has what is longer than the last limit.
    counts: Box<[AtomicU64]>,
    micros: AtomicU64,
}

impl DurationHistogram {
    pub fn new(limits: BucketLimits) -> Self {
        Self {
            limits,
            counts: (0..=limits.len()).map(|_| AtomicU64::new(0)).collect(),
            micros: AtomicU64::new(0),
        }
    }

    pub fn observe(&self, took: Duration) {
        let is_over = |limit: &u64| took > Duration::from_millis(*limit);
        let bucket = self.limits.partition_point(is_over);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl EncodeMetric for &DurationHistogram {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), Error> {
        let limits = self.limits.iter().map(|limit| *limit as f64 / 1e3);
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = limits.chain([f64::INFINITY]).zip(counts).collect();
        // Computed from the buckets that are written, so that the two agree during observations.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
