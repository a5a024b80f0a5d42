//! Counts the answers to questions of runs, by what became of them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Metrics;

/// What can become of an answer.
const OUTCOMES: [&str; 4] = ["accepted", "repeated", "expired", "over"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    outcome: &'static str,
}

#[derive(Debug, Default)]
pub struct AnswerMetrics(Family<AnswerLabels, Counter>);

impl AnswerMetrics {
    pub fn register(&self, registry: &mut Registry) {
        for outcome in OUTCOMES {
            drop(self.0.get_or_create(&AnswerLabels { outcome }));
        }
        registry.register(
            "flowtrigger_answers",
            "Answers to questions of runs, by what became of them",
            self.0.clone(),
        );
    }
}

impl Metrics {
    pub fn count_answer(&self, outcome: &'static str) {
        self.answers
            .0
            .get_or_create(&AnswerLabels { outcome })
            .inc();
    }
}
