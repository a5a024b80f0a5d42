//! Metrics of the exporter of traces.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::Metrics;

/// What became of the traces of ended runs.
#[derive(Debug, Clone, Default)]
pub struct TraceMetrics {
    exported: Counter,
    dropped: Family<DropLabels, Counter>,
    rejected_spans: Counter,
    failures: Counter,
    lag: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabels {
    reason: &'static str,
}

/// Why traces are never exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DroppedTraces {
    /// More waited than are kept.
    Backlog,
    /// The collector will not accept them.
    Rejected,
}

impl DroppedTraces {
    const ALL: [Self; 2] = [Self::Backlog, Self::Rejected];

    fn as_str(self) -> &'static str {
        match self {
            DroppedTraces::Backlog => "backlog",
            DroppedTraces::Rejected => "rejected",
        }
    }
}

impl Metrics {
    /// Adds the metrics of a daemon that may export traces.
    pub fn register_traces(&self) -> TraceMetrics {
        let traces = TraceMetrics::default();
        for reason in DroppedTraces::ALL {
            traces.drop_traces(reason, 0);
        }
        let name = |name: &str| format!("flowtrigger_{name}");
        self.with(|registry| {
            registry.register(
                name("traces_exported"),
                "Runs whose traces a collector accepted",
                traces.exported.clone(),
            );
            registry.register(
                name("traces_dropped"),
                "Runs whose traces are never exported, by reason",
                traces.dropped.clone(),
            );
            registry.register(
                name("trace_spans_rejected"),
                "Spans that a collector rejected beside others that it accepted",
                traces.rejected_spans.clone(),
            );
            registry.register(
                name("trace_export_failures"),
                "Attempts to export traces that have to be repeated",
                traces.failures.clone(),
            );
            registry.register_with_unit(
                name("trace_lag"),
                "Time since the end of the oldest run whose trace waits to be exported",
                Unit::Seconds,
                traces.lag.clone(),
            );
        });
        traces
    }
}

impl TraceMetrics {
    pub fn count_exported(&self, runs: usize) {
        self.exported.inc_by(runs as u64);
    }

    pub fn drop_traces(&self, reason: DroppedTraces, runs: u64) {
        let reason = reason.as_str();
        self.dropped
            .get_or_create(&DropLabels { reason })
            .inc_by(runs);
    }

    pub fn count_rejected_spans(&self, spans: u64) {
        self.rejected_spans.inc_by(spans);
    }

    pub fn count_failure(&self) {
        self.failures.inc();
    }

    pub fn set_lag(&self, lag: Duration) {
        self.lag.set(lag.as_secs_f64());
    }
}
