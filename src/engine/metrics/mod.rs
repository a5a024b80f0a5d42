//! The Prometheus metrics. Labels are bounded: names of rules, connections and hosts come from the loaded files only, and no run
//! or ticket is a label.

mod answers;
mod buckets;
mod certificates;
mod encode;
mod histogram;
mod labels;
mod latency;
mod lease;
pub mod lost_log_lines;
mod machine;
mod named;
pub mod process_memory;
mod queue;
mod receivers;
mod reload;
mod rules;
mod series;
mod store;
mod suspended;
pub(super) mod ticks;
pub mod traces;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::store::suspension::{ParkedRuns, StoredSuspension};
use crate::store::{AnyStore, LoopFindings, Store, StoreError};
use answers::AnswerMetrics;
use buckets::{attempt_buckets, commit_buckets};
use certificates::CertificateMetrics;
use flowtrigger_core::config::Config;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::loop_guard::GATE;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::{Attempt, STATES};
use labels::{
    AttemptLabels, EventLabels, GateLabels, HighRateLabels, KindLabels, RejectedLabels, StateLabels,
};
use latency::Latencies;
use machine::MachineCollector;
use queue::QueueGauges;
use receivers::ReceiverMetrics;
use reload::ReloadMetrics;
use rules::RuleMetrics;
use store::StoreCollector;
use suspended::{SuspendedGauges, SuspendedMetrics};

pub use labels::EventOutcome;
pub(super) use queue::oldest_queued;
pub use rules::ShadowResult;
pub use series::{MINUTES_IN_MEMORY, Series};

#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    events: Family<EventLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
    runs: Family<StateLabels, Gauge<i64, AtomicI64>>,
    waiters: Gauge<f64, AtomicU64>,
    waiters_limit: Gauge<f64, AtomicU64>,
    suppressed: Family<GateLabels, Counter>,
    high_rate: Family<HighRateLabels, Counter>,
    oldest: Gauge<f64, AtomicU64>,
    attempts: Family<AttemptLabels, Counter>,
    attempt_seconds: Family<KindLabels, Histogram, fn() -> Histogram>,
    commit_seconds: Histogram,
    reloads: ReloadMetrics,
    ready: Gauge<i64, AtomicI64>,
    last_reload: Gauge<i64, AtomicI64>,
    clock_set_backs: Counter,
    rules: RuleMetrics,
    receivers: ReceiverMetrics,
    latencies: Latencies,
    suspended: SuspendedMetrics,
    pub(super) ticks: ticks::TickMetrics,
    claims_lost: Counter,
    daemons: Gauge<i64, AtomicI64>,
    beat_age: Gauge<f64, AtomicU64>,
    certificates: CertificateMetrics,
    /// The same counts by minute.
    series: Series,
    answers: AnswerMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            events: Family::default(),
            rejected: Family::default(),
            runs: Family::default(),
            waiters: Gauge::default(),
            waiters_limit: Gauge::default(),
            suppressed: Family::default(),
            high_rate: Family::default(),
            oldest: Gauge::default(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(attempt_buckets),
            commit_seconds: commit_buckets(),
            reloads: ReloadMetrics::default(),
            ready: Gauge::default(),
            last_reload: Gauge::default(),
            clock_set_backs: Counter::default(),
            rules: RuleMetrics::default(),
            receivers: ReceiverMetrics::default(),
            latencies: Latencies::default(),
            suspended: SuspendedMetrics::default(),
            ticks: ticks::TickMetrics::default(),
            claims_lost: Counter::default(),
            daemons: Gauge::default(),
            beat_age: Gauge::default(),
            certificates: CertificateMetrics::default(),
            series: Series::default(),
            answers: AnswerMetrics::default(),
        };
        metrics.with(|registry| metrics.register(registry));
        metrics.start_at_zero();
        metrics
    }
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
        self.answers.register(registry);
        registry.register(name("runs"), "Stored runs, by state", self.runs.clone());
        registry.register(
            name("waiters"),
            "Events that runs wait for in wait_for steps",
            self.waiters.clone(),
        );
        registry.register(
            name("waiters_limit"),
            "How many events runs may wait for",
            self.waiters_limit.clone(),
        );
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
        self.reloads.register(registry);
        self.ticks.register(registry);
        self.certificates.register(registry);
        registry.register(
            name("last_reload_successful"),
            "1 if the last load of rules and configuration succeeded, else 0",
            self.last_reload.clone(),
        );
        registry.register(
            name("ready"),
            "1 if events are accepted, else 0",
            self.ready.clone(),
        );
        registry.register(
            name("clock_set_backs"),
            "How often the wall clock was set back",
            self.clock_set_backs.clone(),
        );
        registry.register_collector(Box::new(self.rules.clone()));
        registry.register_collector(Box::new(self.receivers.clone()));
        registry.register_collector(Box::new(self.latencies.clone()));
        registry.register_collector(Box::new(self.suspended.clone()));
        registry.register(
            name("log_lines_lost"),
            "Log lines that could not be written",
            lost_log_lines::counter().clone(),
        );
    }

    /// Writes counters before their first count, so that alerts see its increase.
    fn start_at_zero(&self) {
        let gate = GATE.to_owned();
        drop(self.suppressed.get_or_create(&GateLabels { gate }));
        for outcome in ["held", "admitted"] {
            drop(self.high_rate.get_or_create(&HighRateLabels { outcome }));
        }
        self.reloads.start_at_zero();
        self.ticks.start_at_zero();
    }

    fn with<T>(&self, act: impl FnOnce(&mut Registry) -> T) -> T {
        let registry = self.registry.lock();
        act(&mut registry.unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Adds the metrics that only a daemon has: of its store, its process and its disk.
    pub fn extend(&self, store: AnyStore, folder: PathBuf, started: Timestamp) {
        self.with(|registry| {
            registry.register_collector(Box::new(StoreCollector(store)));
            registry.register_collector(Box::new(MachineCollector { folder, started }));
        });
    }

    /// Counts by the names of these rules, connections, hosts and sources from now on.
    pub fn set_names(&self, rules: &RuleSet, config: &Config) {
        for source in config.sources.keys() {
            for reason in ["busy", "unavailable", "no_memory"] {
                let source = source.clone();
                drop(
                    self.rejected
                        .get_or_create(&RejectedLabels { source, reason }),
                );
            }
        }
        let names = rules.rules.iter().map(|rule| rule.name.clone());
        self.rules.set_names(names);
        self.receivers.set_names(rules, config);
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
        if let Some(receiver) = call.receiver() {
            self.receivers.observe(&receiver, attempt);
        }
    }

    pub fn rules(&self) -> &RuleMetrics {
        &self.rules
    }

    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// What is suspended, and how many runs wait; `None` if that is not known.
    pub fn set_suspended(&self, stored: &[StoredSuspension], parked: Option<&[ParkedRuns]>) {
        let receivers = self.receivers.names();
        let gauges = SuspendedGauges::new(&receivers, stored, parked);
        self.suspended.set(gauges);
    }

    pub fn count_clock_set_back(&self) {
        self.clock_set_backs.inc();
    }

    /// Whether events are accepted, and whether the last reload succeeded.
    pub fn set_health(&self, ready: bool, reloaded: bool) {
        self.ready.set(ready.into());
        self.last_reload.set(reloaded.into());
    }

    pub fn set_waiters_limit(&self, limit: usize) {
        self.waiters_limit.set(limit as f64);
    }

    pub fn certificates(&self) -> &CertificateMetrics {
        &self.certificates
    }

    pub fn reloads(&self) -> &ReloadMetrics {
        &self.reloads
    }

    /// All metrics in the text format. Gauges of the store are read now.
    pub async fn text<S: Store>(&self, store: &S, now: Timestamp) -> Result<String, StoreError> {
        match QueueGauges::read(store, now).await {
            Ok(queue) => {
                for state in STATES {
                    let count = queue.counts.get(state).copied().unwrap_or_default();
                    let gauge = self.runs.get_or_create(&StateLabels { state });
                    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
                }
                let oldest = queue.oldest.unwrap_or_default();
                self.oldest.set(oldest.as_secs_f64());
                self.waiters.set(queue.waiters as f64);
            }
            // Not known while the database is away. The others are needed then most of all.
            Err(StoreError::Unreachable(_)) => {
                self.runs.clear();
                self.oldest.set(f64::NAN);
                self.waiters.set(f64::NAN);
            }
            Err(error) => return Err(error),
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.with(|registry| text::encode(&mut text, registry));
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
