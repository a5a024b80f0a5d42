//! Metrics of reloads: their results, and when the last one succeeded.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Default)]
pub struct ReloadMetrics {
    results: Family<ResultLabels, Counter>,
    last_success: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

impl ReloadMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "flowtrigger_reloads",
            "Loads of rules and configuration, by result",
            self.results.clone(),
        );
        registry.register_with_unit(
            "flowtrigger_reload_last_success_timestamp",
            "When rules and configuration were last loaded, at the start or later",
            Unit::Seconds,
            self.last_success.clone(),
        );
    }

    /// Shows both results before the first reload.
    pub(super) fn start_at_zero(&self) {
        for result in ["ok", "failed"] {
            drop(self.results.get_or_create(&ResultLabels { result }));
        }
    }

    /// The start loads the rules too.
    pub fn note_start(&self, at: Timestamp) {
        self.last_success.set(seconds(at));
    }

    pub fn count(&self, result: Result<(), ()>, at: Timestamp) {
        let name = match result {
            Ok(()) => "ok",
            Err(()) => "failed",
        };
        self.results
            .get_or_create(&ResultLabels { result: name })
            .inc();
        if result.is_ok() {
            self.last_success.set(seconds(at));
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}
