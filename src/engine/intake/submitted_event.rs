//! An event that was accepted: under which id, with which outcome, and how it is logged.

use tracing::{debug, info, warn};

use crate::engine::metrics::EventOutcome;
use crate::store::{BodyComparison, Committed, RunStatus};
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::loop_guard::GATE;

/// An event that was accepted.
#[derive(Debug, Clone)]
pub struct SubmittedEvent {
    pub event: EventSummary,
    /// The rules that match it today, by name.
    pub matched: Vec<String>,
    pub committed: Committed,
}

impl SubmittedEvent {
    /// The id under which the event is stored: that of its first delivery.
    pub fn id(&self) -> &str {
        let first = self.committed.first.as_ref();
        first.map_or(self.event.id.as_str(), |first| &first.id)
    }

    /// The entry that received the event, if it is not the one with the name of the source.
    fn entry(&self) -> Option<&str> {
        let endpoint = self.event.endpoint.as_str();
        (endpoint != self.event.source).then_some(endpoint)
    }

    fn log_redelivery(&self, runs: &[u64]) {
        let (event, r#type) = (self.id(), self.event.event_type.as_str());
        match self.differed() {
            true => warn!(
                event,
                at = self.entry(),
                r#type,
                ?runs,
                "event redelivered: same id, different body; nothing ran for it. If the id names an object and not an event, set another `id` for the source"
            ),
            false => {
                info!(event, at = self.entry(), r#type, ?runs, "event redelivered");
            }
        }
    }

    /// Whether it is a redelivery with another body.
    pub(super) fn differed(&self) -> bool {
        let first = self.committed.first.as_ref();
        match first.map(|first| first.body) {
            Some(BodyComparison::Different) => self.committed.redelivered,
            Some(BodyComparison::Equal | BodyComparison::Unknown) | None => false,
        }
    }

    pub(in crate::engine) fn outcome(&self) -> EventOutcome {
        match (self.committed.redelivered, self.matched.is_empty()) {
            (true, _) => EventOutcome::Redelivered,
            (false, true) => EventOutcome::Unmatched,
            (false, false) => EventOutcome::Accepted,
        }
    }

    /// Runs that a gate suppressed, and why; none for a redelivery, whose runs were reported before.
    pub(super) fn suppressed(&self) -> impl Iterator<Item = (&str, &RunStatus, &str)> {
        let runs = self.committed.runs.iter();
        let new = runs.filter(|_| !self.committed.redelivered);
        new.filter_map(|run| Some((run.state.gate()?, run, run.state.why()?)))
    }

    /// Logs ids, names and states only: no log contains the text of a ticket. Fields from outside are
    /// quoted, so that they cannot pass for log lines of their own.
    pub fn log(&self) {
        let (event, r#type) = (self.event.id.as_str(), self.event.event_type.as_str());
        let continued = self.committed.continued.iter().map(|run| run.id.0);
        let continued: Vec<u64> = continued.collect();
        if !continued.is_empty() {
            info!(
                event,
                at = self.entry(),
                r#type,
                ?continued,
                "event continued runs that waited for it"
            );
        }
        if self.outcome() == EventOutcome::Unmatched {
            return log_unmatched(&self.event);
        }
        let runs = self.committed.runs.iter().map(|run: &RunStatus| run.id.0);
        let runs: Vec<u64> = runs.collect();
        let matched = self.matched.join(",");
        match self.outcome() {
            EventOutcome::Redelivered => self.log_redelivery(&runs),
            EventOutcome::Accepted | EventOutcome::Unmatched => {
                info!(
                    event,
                    at = self.entry(),
                    r#type,
                    matched,
                    ?runs,
                    "event accepted"
                );
            }
        }
        for (gate, run, why) in self.suppressed().filter(|(gate, _, _)| *gate == GATE) {
            let rule = &*run.rule;
            warn!(
                run = run.id.0,
                rule, event, gate, why, "run suppressed by loop guard"
            );
        }
        let held = |run: &&RunStatus| self.committed.loops.held.contains(&run.id);
        for run in self.committed.runs.iter().filter(held) {
            let (rule, why) = (&*run.rule, run.state.why());
            warn!(run = run.id.0, rule, event, why, "run held by loop guard");
        }
        log_warnings(event, &self.event.warnings);
    }
}

pub fn log_unmatched(event: &EventSummary) {
    let (id, r#type) = (event.id.as_str(), event.event_type.as_str());
    debug!(event = id, r#type, "event matched no rule");
    log_warnings(id, &event.warnings);
}

fn log_warnings(event: &str, warnings: &[String]) {
    for warning in warnings {
        debug!(event, warning, "event read with a warning");
    }
}
