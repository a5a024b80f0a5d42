//! Metrics of the ticks of rules with `every`: how many there were, and how late they were committed.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What became of a tick.
const OUTCOMES: [&str; 4] = ["accepted", "unmatched", "redelivered", "skipped"];

#[derive(Debug)]
pub struct TickMetrics {
    outcomes: Family<OutcomeLabels, Counter>,
    lateness: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Default for TickMetrics {
    fn default() -> Self {
        let buckets = [
            0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3_600.0,
        ];
        Self {
            outcomes: Family::default(),
            lateness: Histogram::new(buckets),
        }
    }
}

impl TickMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "flowtrigger_ticks",
            "Ticks of rules with `every`, by outcome; `skipped` counts once for missed ticks of a rule that do not run",
            self.outcomes.clone(),
        );
        registry.register_with_unit(
            "flowtrigger_tick_lateness",
            "From the time of a tick until its event was committed",
            Unit::Seconds,
            self.lateness.clone(),
        );
    }

    /// Shows all outcomes before the first tick.
    pub(super) fn start_at_zero(&self) {
        for outcome in OUTCOMES {
            drop(self.outcomes.get_or_create(&OutcomeLabels { outcome }));
        }
    }

    pub fn count(&self, outcome: &'static str) {
        let labels = OutcomeLabels { outcome };
        self.outcomes.get_or_create(&labels).inc();
    }

    pub fn observe_lateness(&self, seconds: f64) {
        self.lateness.observe(seconds);
    }
}
