//! The ids of the trace and of the spans of one run. They follow from the event and the run's log alone, so that they
//! are the same after a crash, and in a request that was sent long before the run is exported.

use crate::event::trace_context::{SpanId, TraceId, TraceParent};
use crate::run::{EventIdentity, LogEntry, RunId, hash};

/// Makes the ids of one run between two `runs retry`.
#[derive(Debug, Clone)]
pub struct SpanIds<'a> {
    event: EventIdentity<'a>,
    trace: TraceId,
    run: String,
    /// How often the run was retried before.
    round: String,
}

impl<'a> SpanIds<'a> {
    /// `round` is how often the run was retried before.
    pub fn new(
        event: EventIdentity<'a>,
        delivered: Option<TraceParent>,
        run: RunId,
        round: usize,
    ) -> Self {
        Self {
            event,
            trace: delivered.map_or_else(|| trace_of(event), |parent| parent.trace),
            run: run.0.to_string(),
            round: round.to_string(),
        }
    }

    /// The trace that the delivery names, or that of the event.
    pub fn trace(&self) -> TraceId {
        self.trace
    }

    /// The span of the whole run.
    pub fn run(&self) -> SpanId {
        self.span(&["run"])
    }

    /// The time before its first step.
    pub fn queued(&self) -> SpanId {
        self.span(&["queued"])
    }

    /// All attempts of a step, by its path in the flow.
    pub fn step(&self, path: &str) -> SpanId {
        self.span(&["step", path])
    }

    pub fn attempt(&self, path: &str, number: u32) -> SpanId {
        self.span(&["attempt", path, &number.to_string()])
    }

    fn span(&self, place: &[&str]) -> SpanId {
        let mut parts = vec!["span", self.event.id, &self.run, &self.round];
        parts.extend(place);
        parts.extend(self.event.endpoint);
        let bytes: [u8; 8] = first(&hash(&parts));
        SpanId::new(bytes).unwrap_or_else(|| self.span(&[place, &[""]].concat()))
    }
}

/// The trace of an event whose delivery names none.
fn trace_of(event: EventIdentity<'_>) -> TraceId {
    let mut parts = vec!["trace", event.id];
    parts.extend(event.endpoint);
    loop {
        if let Some(id) = TraceId::new(first(&hash(&parts))) {
            return id;
        }
        parts.push("");
    }
}

fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hash[..N]);
    bytes
}

/// How often a run was retried, by its log.
pub fn rounds(log: &[LogEntry]) -> usize {
    let retried = log
        .iter()
        .filter(|entry| matches!(entry, LogEntry::Revived { .. }));
    retried.count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_the_same_each_time_and_differ_by_place() {
        let event = |id, endpoint| EventIdentity { id, endpoint };
        let ids = |event, run, round| SpanIds::new(event, None, RunId(run), round);
        let all = |ids: &SpanIds<'_>| {
            [
                ids.run(),
                ids.queued(),
                ids.step("a"),
                ids.step("a.b"),
                ids.attempt("a", 1),
                ids.attempt("a", 2),
            ]
        };
        let one = ids(event("e", None), 1, 0);
        assert_eq!(all(&one), all(&ids(event("e", None), 1, 0)));
        let others = [
            one.clone(),
            ids(event("e", None), 2, 0),
            ids(event("e", None), 1, 1),
            ids(event("f", None), 1, 0),
            ids(event("e", Some("north")), 1, 0),
        ];
        let different: BTreeSet<SpanId> = others.iter().flat_map(all).collect();
        assert_eq!(different.len(), 6 * others.len());
        let traces: BTreeSet<TraceId> = others.iter().map(SpanIds::trace).collect();
        assert_eq!(traces.len(), 3, "one for each event");
    }

    #[test]
    fn a_delivery_may_name_the_trace() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = TraceParent::parse(parent).unwrap();
        let event = EventIdentity {
            id: "e",
            endpoint: None,
        };
        let ids = SpanIds::new(event, Some(parent), RunId(1), 0);
        assert_eq!(ids.trace(), parent.trace);
        let own = SpanIds::new(event, None, RunId(1), 0);
        assert_eq!(ids.run(), own.run());
    }
}
