//! A count or a sequence of a rule with the value of one event, and what an arrival means in words.

use std::sync::Arc;

use jiff::Timestamp;

use crate::gate::count::EventCount;
use crate::gate::series::{
    ArrivalOutcome, EventSeries, SeriesArrival, SeriesEvent, SeriesKind, SeriesProgress,
    SeriesState, counted_at,
};
use crate::gate::{GateCheck, GateKind, for_value, format_duration};
use crate::path::Path;

/// A `count` or a `sequence` as configured in a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesGate {
    pub kind: SeriesKind,
    /// The value of a count that counts once.
    pub distinct: Option<Arc<Path>>,
    /// The event types of the steps of a sequence.
    pub steps: Arc<[String]>,
    /// Identifies the settings: after a change, events are counted anew.
    pub settings: String,
    pub item: SeriesItem,
}

/// What an event is among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesItem {
    /// No event has been read.
    Unread,
    /// The value that counts once, or the steps that it matches as a number.
    Is(String),
    /// It has no value at this path.
    Lacks(String),
}

/// A count or a sequence with the value of one event.
#[derive(Debug, Clone)]
pub struct SeriesCheck<'a> {
    pub series: EventSeries,
    gate: &'a SeriesGate,
    check: &'a GateCheck,
}

impl SeriesGate {
    pub fn as_str(&self) -> &'static str {
        match self.kind {
            SeriesKind::Count(_) => "count",
            SeriesKind::Sequence(_) => "sequence",
        }
    }

    /// The number of events, or of steps, that complete a group.
    pub fn needs(&self) -> u32 {
        match self.kind {
            SeriesKind::Count(EventCount { at_least, .. }) => at_least,
            SeriesKind::Sequence(steps) => u32::try_from(steps).unwrap_or(u32::MAX),
        }
    }
}

impl<'a> SeriesCheck<'a> {
    pub fn from_gate_check(check: &'a GateCheck) -> Option<Self> {
        match &check.kind {
            GateKind::Series(gate) => Some(Self {
                series: EventSeries::new(gate.kind, check.window.time),
                gate,
                check,
            }),
            GateKind::During(_)
            | GateKind::Dedupe
            | GateKind::Debounce { .. }
            | GateKind::Throttle { .. } => None,
        }
    }

    pub fn as_str(&self) -> &'static str {
        self.gate.as_str()
    }

    /// The value under which its events are kept. No path begins like it.
    pub fn key(&self) -> String {
        let (kind, within) = (self.gate.as_str(), self.series.within);
        format!(
            "#{kind} {within} {}\n{}",
            self.gate.settings, self.check.value
        )
    }

    /// The time at which the event counts.
    pub fn time(&self, received: Timestamp) -> Timestamp {
        counted_at(self.check.time, received)
    }

    /// The event as it is counted.
    ///
    /// # Errors
    /// Why it is not counted.
    pub fn event(&self, row: i64, received: Timestamp) -> Result<SeriesEvent, String> {
        match &self.gate.item {
            SeriesItem::Is(item) => Ok(SeriesEvent {
                time: self.time(received),
                event: row,
                item: item.clone(),
                started: None,
            }),
            SeriesItem::Unread => Err("the event was not read".to_owned()),
            SeriesItem::Lacks(path) => Err(format!("not counted: this event has no `{path}`")),
        }
    }

    /// What the event would do among those that are kept, and why it starts no run.
    pub fn outlook(
        &self,
        state: &SeriesState,
        events: Vec<SeriesEvent>,
        received: Timestamp,
    ) -> Option<String> {
        match self.event(0, received) {
            Ok(new) => {
                let ArrivalOutcome { arrival, .. } = self.series.arrive(state, events, new);
                self.why(&arrival)
            }
            Err(why) => Some(why),
        }
    }

    /// Why the event of an arrival starts no run. None if it starts one.
    pub fn why(&self, arrival: &SeriesArrival) -> Option<String> {
        let suffix = for_value(&self.check.value);
        let within = format_duration(self.check.window.time);
        Some(match arrival {
            SeriesArrival::Completes { .. } => return None,
            SeriesArrival::TooLate { accepts_from } => {
                format!("too late{suffix}: events before {accepts_from:.0} no longer count")
            }
            SeriesArrival::Counted { run, again_from } => {
                let run = run.map_or("a run".to_owned(), |run| format!("run {}", run.0));
                let group = match self.gate.kind {
                    SeriesKind::Count(_) => "window",
                    SeriesKind::Sequence(_) => "sequence",
                };
                format!(
                    "{run} has started for this {group}{suffix}; counts again from {again_from:.0}"
                )
            }
            SeriesArrival::Waits(SeriesProgress::Count(progress)) => format!(
                "{have} of {need}{suffix} within {within}; the oldest leaves at {leaves:.0}",
                have = progress.have,
                need = self.gate.needs(),
                leaves = progress.oldest_leaves,
            ),
            SeriesArrival::Waits(SeriesProgress::Sequence(Some(progress))) => format!(
                "step {have} of {need}{suffix}; waits for {next} until {until:.0}",
                have = progress.matched,
                need = self.gate.needs(),
                next = self.step(progress.matched),
                until = progress.until,
            ),
            SeriesArrival::Waits(SeriesProgress::Sequence(None)) => format!(
                "step 0 of {need}{suffix}; waits for {next}",
                need = self.gate.needs(),
                next = self.step(0),
            ),
        })
    }

    fn step(&self, index: usize) -> &str {
        self.gate.steps.get(index).map_or("", String::as_str)
    }
}
