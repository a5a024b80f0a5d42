//! Durations on the path of an event: of its request, in the queue, and until the end of its run.

use std::fmt::Error;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::encode::{family, single};
use super::histogram::{BucketLimits, DurationHistogram};
use crate::store::ClaimedRun;

/// From 1 ms to 10 s: senders get a 503 after 3 s.
const INGEST: BucketLimits = &[
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
];
/// From 5 ms to one hour.
const QUEUE: BucketLimits = &[
    5, 25, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000,
];
/// From 10 ms to one day: a run may wait.
const RUN: BucketLimits = &[
    10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000,
    3_600_000, 21_600_000, 86_400_000,
];
/// The states in which a worker ends a run.
const ENDS: [&str; 4] = ["done", "skipped", "held", "dead"];

#[derive(Debug, Clone)]
pub struct Latencies(Arc<LatencyHistograms>);

#[derive(Debug)]
struct LatencyHistograms {
    ingest: DurationHistogram,
    queue: DurationHistogram,
    /// In the order of [`ENDS`].
    runs: [DurationHistogram; ENDS.len()],
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Arc::new(LatencyHistograms {
            ingest: DurationHistogram::new(INGEST),
            queue: DurationHistogram::new(QUEUE),
            runs: ENDS.map(|_| DurationHistogram::new(RUN)),
        }))
    }
}

impl Latencies {
    pub fn observe_ingest(&self, took: Duration) {
        self.0.ingest.observe(took);
    }

    /// A run was claimed at this time.
    pub fn observe_queued(&self, run: &ClaimedRun, claimed: Timestamp) {
        let waited = claimed.duration_since(run.queued);
        self.observe_queue_wait(waited.try_into().unwrap_or_default());
    }

    pub fn observe_queue_wait(&self, waited: Duration) {
        self.0.queue.observe(waited);
    }

    /// `state` is the one in which a worker ended the run.
    pub fn observe_run(&self, state: &str, took: Duration) {
        let histograms = ENDS.iter().zip(&self.0.runs);
        let of_state = histograms.filter(|(end, _)| **end == state);
        of_state.for_each(|(_, histogram)| histogram.observe(took));
    }
}

impl Collector for Latencies {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let seconds = Some(&Unit::Seconds);
        single(
            &mut encoder,
            "flowtrigger_ingest_duration",
            "Time from the complete request to its answer, rejected requests included",
            seconds,
            &&self.0.ingest,
        )?;
        single(
            &mut encoder,
            "flowtrigger_queue_wait",
            "Time that runs were queued before they started",
            seconds,
            &&self.0.queue,
        )?;
        let runs = ENDS.iter().zip(&self.0.runs);
        family(
            &mut encoder,
            "flowtrigger_run_latency",
            "Time from the acceptance of an event to the end of a run, by state",
            seconds,
            runs.map(|(state, histogram)| ([("state", *state)], histogram)),
        )
    }
}
