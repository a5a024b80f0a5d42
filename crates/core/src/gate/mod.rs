//! Gates that may suppress the run of a matched rule: `during`, `dedupe`, `debounce`, `throttle`, `count` and `sequence`.
//! Decides on the history that the store supplies. A gate whose `per` is absent lets the run through.

pub mod count;
pub mod debounce;
#[cfg(test)]
mod model;
pub mod reading;
pub mod recorded;
pub mod sequence;
pub mod series;
pub mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::gate::series::check::SeriesGate;
use crate::path::Path;
use crate::run::RunId;
use crate::schedule::{During, ScheduledDuration};

pub use crate::gate::debounce::{
    DebounceAction, DebounceCheck, DebounceWindow, MAX_WINDOW_EVENTS, locals, replaced,
};

/// A gate as configured in a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub kind: GateKind,
    /// The value that events are grouped by. `None` groups all events of the rule.
    pub per: Option<Arc<Path>>,
    /// The time in which runs or events count; zero for `during`, which counts nothing.
    pub window: ScheduledDuration,
}

#[derive(Debug, Clone, PartialEq)]
pub enum GateKind {
    /// Admits runs of events whose time is within a schedule.
    During(During),
    /// Allows one run in the window.
    Dedupe,
    /// One run for all events until none has arrived for the window (key `quiet`).
    Debounce {
        /// The longest time from the first event to the start of the run.
        at_most: Option<ScheduledDuration>,
        keep: DebounceKeep,
    },
    /// Allows `limit` runs in the window.
    Throttle { limit: u32 },
    /// Admits the run of an event that completes a `count` or a `sequence`.
    Series(SeriesGate),
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
    pub fn as_str(&self) -> &'static str {
        match self {
            GateKind::During(_) => "during",
            GateKind::Dedupe => "dedupe",
            GateKind::Debounce { .. } => "debounce",
            GateKind::Throttle { .. } => "throttle",
            GateKind::Series(gate) => gate.as_str(),
        }
    }

    /// Whether each run that it admits counts in its window.
    pub fn counts_runs(&self) -> bool {
        match self {
            GateKind::Dedupe | GateKind::Throttle { .. } => true,
            GateKind::During(_) | GateKind::Debounce { .. } | GateKind::Series(_) => false,
        }
    }

    fn limit(&self) -> u32 {
        match self {
            GateKind::During(_)
            | GateKind::Dedupe
            | GateKind::Debounce { .. }
            | GateKind::Series(_) => 1,
            GateKind::Throttle { limit } => *limit,
        }
    }
}

/// A gate with the value of one event. The store answers it with the gate's history.
#[derive(Debug, Clone, PartialEq)]
pub struct GateCheck {
    pub kind: GateKind,
    pub window: ScheduledDuration,
    /// The path and its value as shown to users: `ticket.id 7`. Empty if all events of the rule are
    /// grouped. Of `during` it is the schedule: `office`, `not office`.
    pub value: String,
    /// The time of the event. Without one, the time of its receipt is used.
    pub time: Option<Timestamp>,
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
        self.window.before(now)
    }

    /// Whether a schedule admits the run. `None` if the gate depends on earlier runs.
    pub fn decide_during(&self, received: Timestamp) -> Option<GateDecision> {
        let (during, at) = self.during(received)?;
        Some(match during.contains(at) {
            true => GateDecision::Admit,
            false => GateDecision::Suppress {
                why: describe_during(during, at),
            },
        })
    }

    /// The schedule that judges the event, with the time that it judges.
    pub fn during(&self, received: Timestamp) -> Option<(&During, Timestamp)> {
        match &self.kind {
            GateKind::During(during) => Some((during, self.time.unwrap_or(received))),
            GateKind::Dedupe
            | GateKind::Debounce { .. }
            | GateKind::Throttle { .. }
            | GateKind::Series(_) => None,
        }
    }

    /// Whether another run is admitted.
    pub fn decide(&self, facts: &GateHistory) -> GateDecision {
        if facts.runs < self.kind.limit() {
            return GateDecision::Admit;
        }
        let Some((run, at)) = facts.oldest else {
            return GateDecision::Admit;
        };
        let opens = self.window.after(at);
        let suffix = for_value(&self.value);
        let window = describe_time(&self.window);
        GateDecision::Suppress {
            why: match &self.kind {
                GateKind::During(_)
                | GateKind::Dedupe
                | GateKind::Debounce { .. }
                | GateKind::Series(_) => format!(
                    "earlier run {run}{suffix}; opens again at {opens:.0}",
                    run = run.0
                ),
                GateKind::Throttle { limit } => format!(
                    "{limit} run{s}{suffix} within {window}, earlier run {run}; opens again at {opens:.0}",
                    run = run.0,
                    s = if *limit == 1 { "" } else { "s" }
                ),
            },
        }
    }
}

/// The state of a schedule at a time: `office closed: Mon 20:14 Europe/Berlin, opens Tue 09:00`.
pub fn describe_during(during: &During, at: Timestamp) -> String {
    let text = during.describe(at);
    match text.strip_prefix("during ") {
        Some(state) => state.to_owned(),
        None => text,
    }
}

/// The state of a schedule beside what a rule says of it: of `office closed: Mon 20:14` beside `office`, it is
/// `closed: Mon 20:14`; beside `not office` it is `open: office closed: Mon 20:14`.
pub fn text_beside(during: &str, state: &str, text: &str) -> String {
    match text.strip_prefix(during).map(str::trim_start) {
        Some(rest) if rest.starts_with(state) => rest.to_owned(),
        Some(_) | None => format!("{state}: {text}"),
    }
}

fn for_value(value: &str) -> String {
    match value {
        "" => String::new(),
        value => format!(" for {value}"),
    }
}

/// Formats a duration with the schedule whose hours count: `4h`, `4h during office`.
pub fn describe_time(span: &ScheduledDuration) -> String {
    match &span.during {
        Some(during) => describe_open_time(span.time, &during.text()),
        None => format_duration(span.time),
    }
}

/// The same of a schedule by its name. Days of open hours would be read as working days.
pub fn describe_open_time(time: Duration, during: &str) -> String {
    let (hours, seconds) = (time.as_secs() / 3_600, time.as_secs() % 3_600);
    let time = match (hours, seconds) {
        (0, _) => format_duration(time),
        (hours, 0) => format!("{hours}h"),
        (hours, rest) => format!("{hours}h{}", format_duration(Duration::from_secs(rest))),
    };
    format!("{time} during {during}")
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
    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn ask(kind: GateKind) -> GateCheck {
        GateCheck {
            kind,
            window: ScheduledDuration::always(Duration::from_secs(3_600)),
            value: "ticket.id 7".into(),
            time: None,
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
