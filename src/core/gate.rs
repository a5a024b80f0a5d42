//! What lets a matched rule run less often than it matches: `dedupe`, `debounce` and `throttle`.
//! It decides on facts that it is given; it keeps none, and a gate without a value never closes.

pub mod debounce;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::rule::path::Path;
use crate::core::run::RunId;

pub use debounce::{Debounce, Gathering, MOST_EVENTS, Turn, bodies, replaced};

/// A gate as its rule says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub kind: Kind,
    /// What is told apart; None takes all events of the rule together.
    pub per: Option<Arc<Path>>,
    pub window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One run in the window.
    Dedupe,
    /// One run for all events until none has come for the window, which is called `quiet` there.
    Debounce {
        /// The run starts then at the latest, counted from the first event.
        at_most: Option<Duration>,
        keep: Kept,
    },
    /// So many runs in the window.
    Throttle { limit: u32 },
}

/// Which of the events that a debounce gathers its run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    First,
    Last,
    /// About the last, and all of them stand under `events`.
    All,
}

impl Kept {
    pub const WORDS: [&str; 3] = ["first", "last", "all"];

    pub fn word(self) -> &'static str {
        match self {
            Kept::First => "first",
            Kept::Last => "last",
            Kept::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "first" => Some(Kept::First),
            "last" => Some(Kept::Last),
            "all" => Some(Kept::All),
            _ => None,
        }
    }
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Dedupe => "dedupe",
            Kind::Debounce { .. } => "debounce",
            Kind::Throttle { .. } => "throttle",
        }
    }

    fn limit(self) -> u32 {
        match self {
            Kind::Dedupe | Kind::Debounce { .. } => 1,
            Kind::Throttle { limit } => limit,
        }
    }
}

/// A gate with the value that one event brings: what the store is asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub kind: Kind,
    pub window: Duration,
    /// The path and its value, as people read it: `ticket.id 7`; empty where all events of the rule
    /// count together.
    pub value: String,
}

/// What the store knows of earlier runs that count, all of them within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    pub runs: u32,
    /// The run that must leave the window before the gate opens again, and when it was let through.
    pub oldest: Option<(RunId, Timestamp)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    Open,
    Closed { why: String },
}

impl Ask {
    /// Where the window begins.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        let window = SignedDuration::try_from(self.window).unwrap_or(SignedDuration::MAX);
        now.checked_sub(window).unwrap_or(Timestamp::MIN)
    }

    /// Whether one more run may pass.
    pub fn decide(&self, facts: &Facts) -> Opening {
        if facts.runs < self.kind.limit() {
            return Opening::Open;
        }
        let Some((run, at)) = facts.oldest else {
            return Opening::Open;
        };
        let opens = at
            .checked_add(SignedDuration::try_from(self.window).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX);
        let about = about(&self.value);
        let window = words(self.window);
        Opening::Closed {
            why: match self.kind {
                Kind::Dedupe | Kind::Debounce { .. } => format!(
                    "run {run}{about} came before; opens again at {opens:.0}",
                    run = run.0
                ),
                Kind::Throttle { limit } => format!(
                    "{limit} run{s}{about} within {window}; opens again at {opens:.0}",
                    s = if limit == 1 { "" } else { "s" }
                ),
            },
        }
    }
}

fn about(value: &str) -> String {
    match value {
        "" => String::new(),
        value => format!(" for {value}"),
    }
}

/// `24h`, `3m20s`: the two largest units.
pub fn words(span: Duration) -> String {
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
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn ask(kind: Kind) -> Ask {
        Ask {
            kind,
            window: Duration::from_secs(3_600),
            value: "ticket.id 7".into(),
        }
    }

    #[test]
    fn a_second_run_in_the_window_is_told_when_it_may_come() {
        let facts = Facts {
            runs: 1,
            oldest: Some((RunId(12), at(0))),
        };
        assert_eq!(
            ask(Kind::Dedupe).decide(&facts),
            Opening::Closed {
                why: "run 12 for ticket.id 7 came before; opens again at 1970-01-01T01:00:00Z"
                    .into()
            }
        );
        assert_eq!(ask(Kind::Dedupe).decide(&Facts::default()), Opening::Open);
    }

    #[test]
    fn a_throttle_lets_its_number_through() {
        let facts = |runs| Facts {
            runs,
            oldest: Some((RunId(1), at(0))),
        };
        let throttle = ask(Kind::Throttle { limit: 3 });
        assert_eq!(throttle.decide(&facts(2)), Opening::Open);
        let Opening::Closed { why } = throttle.decide(&facts(3)) else {
            panic!("open");
        };
        assert_eq!(
            why,
            "3 runs for ticket.id 7 within 1h; opens again at 1970-01-01T01:00:00Z"
        );
    }
}
