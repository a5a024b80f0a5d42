//! Gates that may suppress the run of a matched rule: `dedupe`, `debounce` and `throttle`.
//! Decides on the history that the store supplies. A gate whose `per` is absent lets the run through.

pub mod debounce;
#[cfg(test)]
mod model;
pub mod reading;
pub mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::path::Path;
use crate::run::RunId;

pub use crate::gate::debounce::{
    DebounceAction, DebounceCheck, DebounceWindow, MAX_WINDOW_EVENTS, locals, replaced,
};

/// A gate as configured in a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub kind: GateKind,
    /// The value that events are grouped by. `None` groups all events of the rule.
    pub per: Option<Arc<Path>>,
    pub window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateKind {
    /// Allows one run in the window.
    Dedupe,
    /// One run for all events until none has arrived for the window (key `quiet`).
    Debounce {
        /// The longest time from the first event to the start of the run.
        at_most: Option<Duration>,
        keep: DebounceKeep,
    },
    /// Allows `limit` runs in the window.
    Throttle { limit: u32 },
}

/// Which of the collected events a debounce starts its run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebounceKeep {
    First,
    Last,
    /// The last, with all of them in `events`.
    All,
}

impl DebounceKeep {
    pub const WORDS: [&str; 3] = ["first", "last", "all"];

    pub fn as_str(self) -> &'static str {
        match self {
            DebounceKeep::First => "first",
            DebounceKeep::Last => "last",
            DebounceKeep::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "first" => Some(DebounceKeep::First),
            "last" => Some(DebounceKeep::Last),
            "all" => Some(DebounceKeep::All),
            _ => None,
        }
    }
}

impl GateKind {
    pub fn as_str(self) -> &'static str {
        match self {
            GateKind::Dedupe => "dedupe",
            GateKind::Debounce { .. } => "debounce",
            GateKind::Throttle { .. } => "throttle",
        }
    }

    fn limit(self) -> u32 {
        match self {
            GateKind::Dedupe | GateKind::Debounce { .. } => 1,
            GateKind::Throttle { limit } => limit,
        }
    }
}

/// A gate with the value of one event. The store answers it with the gate's history.
#[derive(Debug, Clone, PartialEq)]
pub struct GateCheck {
    pub kind: GateKind,
    pub window: Duration,
    /// The path and its value as shown to users: `ticket.id 7`. Empty if all events of the rule are
    /// grouped.
    pub value: String,
}

/// The earlier runs of a gate within its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateHistory {
    pub runs: u32,
    /// The run that must leave the window before the gate opens again, and the time of its admission.
    pub oldest: Option<(RunId, Timestamp)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateDecision {
    Admit,
    Suppress { why: String },
}

impl GateCheck {
    /// The start of the window.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        let window = SignedDuration::try_from(self.window).unwrap_or(SignedDuration::MAX);
        now.checked_sub(window).unwrap_or(Timestamp::MIN)
    }

    /// Whether another run is admitted.
    pub fn decide(&self, facts: &GateHistory) -> GateDecision {
        if facts.runs < self.kind.limit() {
            return GateDecision::Admit;
        }
        let Some((run, at)) = facts.oldest else {
            return GateDecision::Admit;
        };
        let opens = at
            .checked_add(SignedDuration::try_from(self.window).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX);
        let suffix = for_value(&self.value);
        let window = format_duration(self.window);
        GateDecision::Suppress {
            why: match self.kind {
                GateKind::Dedupe | GateKind::Debounce { .. } => format!(
                    "earlier run {run}{suffix}; opens again at {opens:.0}",
                    run = run.0
                ),
                GateKind::Throttle { limit } => format!(
                    "{limit} run{s}{suffix} within {window}, earlier run {run}; opens again at {opens:.0}",
                    run = run.0,
                    s = if limit == 1 { "" } else { "s" }
                ),
            },
        }
    }
}

fn for_value(value: &str) -> String {
    match value {
        "" => String::new(),
        value => format!(" for {value}"),
    }
}

/// Formats a duration in its two largest units: `24h`, `3m20s`.
pub fn format_duration(span: Duration) -> String {
    let mut seconds = span.as_secs();
    if seconds == 0 {
        return format!("{}ms", span.as_millis());
    }
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= size {
            parts.push(format!("{}{unit}", seconds / size));
            seconds %= size;
        }
    }
    parts.truncate(2);
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn ask(kind: GateKind) -> GateCheck {
        GateCheck {
            kind,
            window: Duration::from_secs(3_600),
            value: "ticket.id 7".into(),
        }
    }

    #[test]
    fn a_second_run_in_the_window_learns_when_the_gate_opens() {
        let facts = GateHistory {
            runs: 1,
            oldest: Some((RunId(12), at(0))),
        };
        assert_eq!(
            ask(GateKind::Dedupe).decide(&facts),
            GateDecision::Suppress {
                why: "earlier run 12 for ticket.id 7; opens again at 1970-01-01T01:00:00Z".into()
            }
        );
        assert_eq!(
            ask(GateKind::Dedupe).decide(&GateHistory::default()),
            GateDecision::Admit
        );
    }

    #[test]
    fn a_throttle_admits_its_limit() {
        let facts = |runs| GateHistory {
            runs,
            oldest: Some((RunId(1), at(0))),
        };
        let throttle = ask(GateKind::Throttle { limit: 3 });
        assert_eq!(throttle.decide(&facts(2)), GateDecision::Admit);
        let GateDecision::Suppress { why } = throttle.decide(&facts(3)) else {
            panic!("open");
        };
        assert_eq!(
            why,
            "3 runs for ticket.id 7 within 1h, earlier run 1; opens again at 1970-01-01T01:00:00Z"
        );
    }
}
