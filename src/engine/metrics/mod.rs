//! The Prometheus metrics. Labels are bounded: no rule, run, ticket or host is a label.

pub mod lost_log_lines;
pub mod process_memory;
mod series;
mod store;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::store::{AnyStore, LoopFindings, Membership, Store, StoreError};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::{Attempt, STATES};
use store::StoreCollector;

pub use series::{MINUTES_IN_MEMORY, Series};

#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    events: Family<EventLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
    runs: Family<StateLabels, Gauge<i64, AtomicI64>>,
    suppressed: Family<GateLabels, Counter>,
    high_rate: Family<HighRateLabels, Counter>,
    oldest: Gauge<f64, AtomicU64>,
    attempts: Family<AttemptLabels, Counter>,
    attempt_seconds: Family<KindLabels, Histogram, fn() -> Histogram>,
    commit_seconds: Histogram,
    reloads: Family<ResultLabels, Counter>,
    claims_lost: Counter,
    daemons: Gauge<i64, AtomicI64>,
    beat_age: Gauge<f64, AtomicU64>,
    /// The same counts by minute.
    series: Series,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    source: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    source: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GateLabels {
    gate: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HighRateLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    kind: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// The outcome of an accepted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    Accepted,
    Unmatched,
    Redelivered,
}

impl EventOutcome {
    fn as_str(self) -> &'static str {
        match self {
            EventOutcome::Accepted => "accepted",
            EventOutcome::Unmatched => "unmatched",
            EventOutcome::Redelivered => "redelivered",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            events: Family::default(),
            rejected: Family::default(),
            runs: Family::default(),
            suppressed: Family::default(),
            high_rate: Family::default(),
            oldest: Gauge::default(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(attempt_buckets),
            commit_seconds: commit_buckets(),
            reloads: Family::default(),
            claims_lost: Counter::default(),
            daemons: Gauge::default(),
            beat_age: Gauge::default(),
            series: Series::default(),
        };
        metrics.with(|registry| metrics.register(registry));
        metrics
    }
}

/// Buckets from 5 ms to about 3 minutes.
fn attempt_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 16))
}

/// Buckets from 0.1 ms to about 3 s, after which senders get a 503.
fn commit_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 16))
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        let name = |name: &str| format!("flowtrigger_{name}");
        registry.register(
            name("events"),
            "Accepted events, by outcome",
            self.events.clone(),
        );
        registry.register(
            name("requests_refused"),
            "Rejected requests, by reason",
            self.rejected.clone(),
        );
        registry.register(name("runs"), "Stored runs, by state", self.runs.clone());
        registry.register(
            name("suppressed"),
            "Runs that a gate suppressed, by gate",
            self.suppressed.clone(),
        );
        registry.register(
            name("loop_guard_high_rate"),
            "Runs at a rate that may be a loop, by outcome",
            self.high_rate.clone(),
        );
        registry.register_with_unit(
            name("oldest_queued_age"),
            "Age of the oldest queued run",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            name("attempts"),
            "Attempts of steps, by kind and result",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            name("attempt_duration"),
            "Duration of attempts",
            Unit::Seconds,
            self.attempt_seconds.clone(),
        );
        registry.register_with_unit(
            name("commit_duration"),
            "Duration of commits of events with their runs",
            Unit::Seconds,
            self.commit_seconds.clone(),
        );
        registry.register(
            name("reloads"),
            "Loads of rules and configuration, by result",
            self.reloads.clone(),
        );
        registry.register(
            name("log_lines_lost"),
            "Log lines that could not be written",
            lost_log_lines::counter().clone(),
        );
    }

    fn with<T>(&self, act: impl FnOnce(&mut Registry) -> T) -> T {
        let registry = self.registry.lock();
        act(&mut registry.unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Adds the metrics that only a store on disk has.
    pub fn extend(&self, store: AnyStore) {
        self.with(|registry| registry.register_collector(Box::new(StoreCollector(store))));
    }

    /// Adds the metrics that only a daemon on a shared store has.
    pub fn register_lease(&self) {
        let name = |name: &str| format!("flowtrigger_{name}");
        self.with(|registry| {
            registry.register(
                name("claims_lost"),
                "Runs that another daemon took over while this one executed them",
                self.claims_lost.clone(),
            );
            registry.register(
                name("daemons"),
                "Daemons with a lease on the store, with this one",
                self.daemons.clone(),
            );
            registry.register_with_unit(
                name("last_beat_age"),
                "Time since the lease of this daemon was renewed",
                Unit::Seconds,
                self.beat_age.clone(),
            );
        });
    }

    pub fn count_claim_lost(&self) {
        self.claims_lost.inc();
    }

    /// `age` is the time since the last successful beat.
    pub fn set_lease(&self, membership: Membership, age: Duration) {
        let daemons = i64::try_from(membership.daemons).unwrap_or(i64::MAX);
        self.daemons.set(daemons);
        self.beat_age.set(age.as_secs_f64());
    }

    /// What was counted, by minute.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// `source` is a configured one.
    pub fn count_event(&self, source: &str, outcome: EventOutcome) {
        let labels = EventLabels {
            source: source.to_owned(),
            outcome: outcome.as_str(),
        };
        self.events.get_or_create(&labels).inc();
        self.series.count_event(outcome);
    }

    /// `source` is a configured one, or empty.
    pub fn count_rejected(&self, source: &str, reason: &'static str) {
        let source = source.to_owned();
        let labels = RejectedLabels { source, reason };
        self.rejected.get_or_create(&labels).inc();
        self.series.count_rejected();
    }

    /// `gate` is the name of a gate.
    pub fn count_suppressed(&self, gate: &str) {
        let gate = gate.to_owned();
        self.suppressed.get_or_create(&GateLabels { gate }).inc();
    }

    /// Counts the runs at which the loop guard found a high rate.
    pub fn count_high_rate(&self, found: &LoopFindings) {
        for (outcome, runs) in [("held", &found.held), ("admitted", &found.admitted)] {
            let count = u64::try_from(runs.len()).unwrap_or(u64::MAX);
            if count > 0 {
                self.high_rate
                    .get_or_create(&HighRateLabels { outcome })
                    .inc_by(count);
            }
        }
    }

    pub fn observe_commit(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.series.observe_commit(took);
    }

    pub fn observe_attempt(&self, call: &Call, attempt: &Attempt) {
        let kind = call.kind();
        let result = match attempt.outcome {
            Ok(_) => "succeeded",
            Err(_) => "failed",
        };
        self.attempts
            .get_or_create(&AttemptLabels { kind, result })
            .inc();
        self.attempt_seconds
            .get_or_create(&KindLabels { kind })
            .observe(attempt.took.as_secs_f64());
        self.series.observe_attempt(attempt);
    }

    pub fn count_reload(&self, result: &'static str) {
        self.reloads.get_or_create(&ResultLabels { result }).inc();
    }

    /// All metrics in the text format. Gauges of the store are read now.
    pub async fn text<S: Store>(&self, store: &S, now: Timestamp) -> Result<String, StoreError> {
        match queue(store, now).await {
            Ok(queue) => {
                for state in STATES {
                    let count = queue.counts.get(state).copied().unwrap_or_default();
                    let gauge = self.runs.get_or_create(&StateLabels { state });
                    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
                }
                let oldest = queue.oldest.unwrap_or_default();
                self.oldest.set(oldest.as_secs_f64());
            }
            // Not known while the database is away. The others are needed then most of all.
            Err(StoreError::Unreachable(_)) => {
                self.runs.clear();
                self.oldest.set(f64::NAN);
            }
            Err(error) => return Err(error),
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.with(|registry| text::encode(&mut text, registry));
        Ok(text)
    }
}

/// What the metrics say of the queue.
struct QueueGauges {
    counts: BTreeMap<&'static str, u64>,
    oldest: Option<Duration>,
}

async fn queue<S: Store>(store: &S, now: Timestamp) -> Result<QueueGauges, StoreError> {
    Ok(QueueGauges {
        counts: store.counts().await?,
        oldest: oldest_queued(store, now).await?,
    })
}

/// The age of the oldest queued run.
pub(super) async fn oldest_queued<S: Store>(
    store: &S,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    let since = store.oldest_queued_at().await?;
    Ok(since.map(|since| now.duration_since(since).try_into().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SqliteStore, StoreSettings};
    use flowtrigger_core::run::RunId;

    #[tokio::test]
    async fn names_have_their_endings_and_every_state_its_gauge() {
        let metrics = Metrics::default();
        metrics.count_event("support", EventOutcome::Unmatched);
        metrics.count_rejected("", "unknown_source");
        metrics.observe_commit(Duration::from_millis(3));
        metrics.count_reload("ok");
        metrics.count_suppressed("loop_guard");
        metrics.count_high_rate(&LoopFindings {
            held: vec![RunId(1), RunId(2)],
            admitted: Vec::new(),
        });
        let store = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
        let text = metrics.text(&store, Timestamp::UNIX_EPOCH).await.unwrap();
        for line in [
            "flowtrigger_events_total{source=\"support\",outcome=\"unmatched\"} 1",
            "flowtrigger_requests_refused_total{source=\"\",reason=\"unknown_source\"} 1",
            "flowtrigger_runs{state=\"queued\"} 0",
            "flowtrigger_runs{state=\"suppressed\"} 0",
            "flowtrigger_suppressed_total{gate=\"loop_guard\"} 1",
            "flowtrigger_loop_guard_high_rate_total{outcome=\"held\"} 2",
            "flowtrigger_oldest_queued_age_seconds 0.0",
            "flowtrigger_commit_duration_seconds_count 1",
            "flowtrigger_reloads_total{result=\"ok\"} 1",
            "# TYPE flowtrigger_log_lines_lost counter",
            "# EOF",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        let minute = metrics.series().end_minute(1, []);
        assert_eq!((minute.unmatched, minute.rejected), (1, 1));
        assert!(minute.commits.is_some());
    }
}
