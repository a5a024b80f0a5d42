//! Counts accepted events, the rules that they match, and runs that end when they are planned. Reads the gauges of the daemon
//! at a scrape.

use super::submitted_event::SubmittedEvent;
use crate::engine::Perform;
use crate::engine::handle::Engine;
use crate::engine::metrics::{EventOutcome, ShadowResult};
use crate::source::Ingest;
use crate::store::{Committed, PlannedRun, Store};

impl<S: Store, P: Perform> Engine<S, P> {
    /// Reads what is not counted: the state of the daemon, its lease, and what is suspended.
    pub(super) async fn read_gauges(&self) {
        let shared = &self.shared;
        let metrics = &shared.metrics;
        if let Some(age) = shared.lease.age(shared.clock().elapsed()) {
            metrics.set_lease(shared.lease.membership(), age);
        }
        let reloaded = shared.failed_reload.load().is_none();
        metrics.set_waiters_limit(self.rulebook().config.limits.waiters);
        metrics.set_health(self.ready().is_ok(), reloaded);
        let parked = shared.store.parked().await.ok();
        metrics.set_suspended(&shared.suspensions.all(), parked.as_deref());
    }

    pub(super) fn count(&self, submitted: &SubmittedEvent) {
        let metrics = &self.shared.metrics;
        let outcome = submitted.outcome();
        metrics.count_event(&submitted.event.endpoint, outcome);
        match outcome {
            EventOutcome::Accepted => {
                for rule in &submitted.matched {
                    metrics.rules().count_matched(rule);
                }
            }
            EventOutcome::Unmatched | EventOutcome::Redelivered => {}
        }
        for (gate, _, _) in submitted.suppressed() {
            metrics.count_suppressed(gate);
        }
        metrics.count_high_rate(&submitted.committed.loops);
    }

    /// Counts which of a rule and its shadow version start a run for an event.
    pub(super) fn count_comparisons(&self, planned: &[PlannedRun], committed: &Committed) {
        if committed.redelivered {
            return;
        }
        let passes = |rule: &str| {
            let run = committed.runs.iter().find(|run| &*run.rule == rule);
            run.is_some_and(|run| run.state.passes_gates())
        };
        for run in planned {
            let (Some(other), Some(both_match)) = (&run.rule.counterpart, run.counterpart) else {
                continue;
            };
            let (rule, shadow) = match run.rule.is_shadow_version() {
                // Counted with the run of the other rule.
                true if both_match => continue,
                true => (&**other, run.rule.name.as_str()),
                false => (run.rule.name.as_str(), &**other),
            };
            let result = match (passes(rule), passes(shadow)) {
                (true, true) => ShadowResult::Same,
                (true, false) => ShadowResult::OnlyRule,
                (false, true) => ShadowResult::OnlyShadow,
                (false, false) => continue,
            };
            self.shared.metrics.rules().count_compared(rule, result);
        }
    }

    /// Counts the runs that a gate suppressed, the loop guard holds, or that are in shadow mode. Those of a redelivery were
    /// counted before.
    pub(super) fn count_ended(&self, committed: &[Committed]) {
        let new = committed.iter().filter(|event| !event.redelivered);
        let runs = new.flat_map(|event| &event.runs);
        for run in runs.filter(|run| run.state.is_final()) {
            let rules = self.shared.metrics.rules();
            rules.count_ended(&run.rule, run.state.as_str());
        }
    }
}
