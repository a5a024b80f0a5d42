//! Metrics by rule: the events that it matched, and its runs that ended.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::ConstCounter;

use super::encode::family;
use super::named::NamedCounts;
use flowtrigger_core::run::STATES;

/// Rules with counts of their own.
const MAX_RULES: usize = 1_000;
/// States whose counts are written even if no run has ended in them: an increase from 0 is visible then.
const ALWAYS_WRITTEN: [&str; 3] = ["done", "held", "dead"];

#[derive(Debug, Clone)]
pub struct RuleMetrics(Arc<NamedCounts<RuleCounts>>);

#[derive(Debug, Default)]
struct RuleCounts {
    matched: AtomicU64,
    /// By state, in the order of [`STATES`]. Only states in which a run ends are counted.
    ended: [AtomicU64; STATES.len()],
    /// By result, in the order of [`SHADOW_RESULTS`].
    compared: [AtomicU64; SHADOW_RESULTS.len()],
}

/// What comparing a rule with its shadow version says of an event that at least one of them matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShadowResult {
    Same,
    OnlyRule,
    OnlyShadow,
}

const SHADOW_RESULTS: [(ShadowResult, &str); 3] = [
    (ShadowResult::Same, "same"),
    (ShadowResult::OnlyRule, "only_rule"),
    (ShadowResult::OnlyShadow, "only_shadow"),
];

impl Default for RuleMetrics {
    fn default() -> Self {
        Self(Arc::new(NamedCounts::new(MAX_RULES)))
    }
}

impl RuleMetrics {
    pub fn set_names(&self, names: impl IntoIterator<Item = String>) {
        self.0.set_names(names);
    }

    pub fn count_matched(&self, rule: &str) {
        self.0.count(rule, |counts| {
            counts.matched.fetch_add(1, Ordering::Relaxed)
        });
    }

    /// Counts an event that a rule and its shadow version were compared for.
    pub fn count_compared(&self, rule: &str, result: ShadowResult) {
        let mut results = SHADOW_RESULTS.iter();
        let Some(index) = results.position(|(known, _)| *known == result) else {
            return;
        };
        self.0.count(rule, |counts| {
            counts.compared[index].fetch_add(1, Ordering::Relaxed)
        });
    }

    /// `state` is one of [`STATES`].
    pub fn count_ended(&self, rule: &str, state: &str) {
        let Some(index) = STATES.iter().position(|known| *known == state) else {
            return;
        };
        self.0.count(rule, |counts| {
            counts.ended[index].fetch_add(1, Ordering::Relaxed)
        });
    }
}

impl Collector for RuleMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let rules = self.0.read();
        let matched = rules.iter().map(|(rule, counts)| {
            let count = counts.matched.load(Ordering::Relaxed);
            ([("rule", &**rule)], ConstCounter::new(count))
        });
        family(
            &mut encoder,
            "flowtrigger_rule_events_matched",
            "Accepted events that matched, by rule",
            None,
            matched,
        )?;
        let ended = rules.iter().flat_map(|(rule, counts)| {
            let states = STATES.iter().zip(&counts.ended);
            let states = states.map(|(state, count)| (*state, count.load(Ordering::Relaxed)));
            let written =
                states.filter(|(state, count)| *count > 0 || ALWAYS_WRITTEN.contains(state));
            written.map(|(state, count)| {
                (
                    [("rule", &**rule), ("state", state)],
                    ConstCounter::new(count),
                )
            })
        });
        family(
            &mut encoder,
            "flowtrigger_rule_runs_ended",
            "Runs that ended on this daemon, by rule and state",
            None,
            ended,
        )?;
        let compared = rules.iter().flat_map(|(rule, counts)| {
            let read = counts
                .compared
                .iter()
                .map(|count| count.load(Ordering::Relaxed));
            let read: Vec<u64> = read.collect();
            // Most rules have no shadow version.
            let results = SHADOW_RESULTS.iter().zip(read.clone());
            let results = results.filter(move |_| read.iter().any(|count| *count > 0));
            results.map(|((_, result), count)| {
                (
                    [("rule", &**rule), ("result", *result)],
                    ConstCounter::new(count),
                )
            })
        });
        family(
            &mut encoder,
            "flowtrigger_shadow_comparisons",
            "Events that a rule or its shadow version matched, by rule and by which of them starts a run",
            None,
            compared,
        )
    }
}
