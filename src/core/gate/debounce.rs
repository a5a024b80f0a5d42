//! What a `debounce` does with an event: it opens a window, takes the place of the run that waits in
//! it, or joins that run. It decides on what it is told of the window and moves nothing itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Ask, Kept, Kind, words};
use crate::core::event::Event;
use crate::core::run::RunId;

/// Events that one run takes up with `keep: all`: with the last of them its window closes.
pub const MOST_EVENTS: u32 = 1_000;

/// A debounce with the value that one event brings.
#[derive(Debug, Clone, Copy)]
pub struct Debounce<'a> {
    pub quiet: Duration,
    pub at_most: Option<Duration>,
    pub keep: Kept,
    /// As people read it; empty where all events of the rule count together.
    pub value: &'a str,
}

/// A window that gathers events, and the run that starts when it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathering {
    pub run: RunId,
    /// When its first event came.
    pub since: Timestamp,
    /// When it closes, unless another event comes.
    pub until: Timestamp,
    pub events: u32,
}

/// What becomes of the run of one more event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It waits, the first of a new window.
    Opens,
    /// It waits in the place of this one, which does not begin.
    Replaces(RunId),
    /// It does not begin: this one stays.
    Joins(RunId),
}

impl<'a> Debounce<'a> {
    pub fn of(ask: &'a Ask) -> Option<Self> {
        match ask.kind {
            Kind::Debounce { at_most, keep } => Some(Self {
                quiet: ask.window,
                at_most,
                keep,
                value: &ask.value,
            }),
            Kind::Dedupe | Kind::Throttle { .. } => None,
        }
    }

    pub fn turn(&self, open: Option<&Gathering>) -> Turn {
        match (open, self.keep) {
            (None, _) => Turn::Opens,
            (Some(open), Kept::First) => Turn::Joins(open.run),
            (Some(open), Kept::Last | Kept::All) => Turn::Replaces(open.run),
        }
    }

    /// When the window closes that this event opens, or comes into.
    pub fn until(&self, open: Option<&Gathering>, now: Timestamp) -> Timestamp {
        let events = open.map_or(1, |open| open.events.saturating_add(1));
        if self.keep == Kept::All && events >= MOST_EVENTS {
            return now;
        }
        let quiet = after(now, self.quiet);
        let since = open.map_or(now, |open| open.since);
        match self.at_most {
            Some(at_most) => quiet.min(after(since, at_most)),
            None => quiet,
        }
    }

    /// Why the run of an event that joins does not begin.
    pub fn joined(&self, open: &Gathering) -> String {
        format!(
            "joined run {}{}, which gathers events since {:.0}",
            open.run.0,
            self.about(),
            open.since
        )
    }

    /// What one more event would meet.
    pub fn outlook(&self, open: Option<&Gathering>, now: Timestamp) -> String {
        let until = self.until(open, now);
        let unless = "unless another event comes";
        match open {
            None => format!(
                "the first event{}; its run starts at {until:.0} {unless}",
                self.about()
            ),
            Some(Gathering { run, since, .. }) => format!(
                "run {} gathers events{} since {since:.0}; the run of this one takes its place and starts at {until:.0} {unless}",
                run.0,
                self.about(),
            ),
        }
    }

    /// Its times: `quiet 4h, at most 1d`.
    pub fn words(&self) -> String {
        let quiet = words(self.quiet);
        match self.at_most {
            Some(at_most) => format!("quiet {quiet}, at most {}", words(at_most)),
            None => format!("quiet {quiet}"),
        }
    }

    fn about(&self) -> String {
        super::about(self.value)
    }
}

/// Why a run whose place was taken did not begin.
pub fn replaced(by: RunId) -> String {
    format!("run {} of a later event took its place", by.0)
}

/// `events` as a flow reads them: each body, with its `event` beside the fields.
pub fn bodies<'e>(events: impl IntoIterator<Item = &'e Event>) -> Value {
    let bodies = events.into_iter().map(|event| {
        let mut body = match &event.body {
            Value::Object(body) => body.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        body.insert("event".into(), event.about.clone());
        Value::Object(body)
    });
    bodies.collect()
}

fn after(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
pub mod simulation;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn debounce(keep: Kept) -> Debounce<'static> {
        Debounce {
            quiet: Duration::from_secs(60),
            at_most: Some(Duration::from_secs(100)),
            keep,
            value: "ticket.id 7",
        }
    }

    fn open(events: u32) -> Gathering {
        Gathering {
            run: RunId(12),
            since: at(0),
            until: at(60),
            events,
        }
    }

    #[test]
    fn a_window_closes_after_quiet_and_never_later_than_at_most() {
        let last = debounce(Kept::Last);
        assert_eq!(last.until(None, at(0)), at(60));
        assert_eq!(last.until(Some(&open(1)), at(30)), at(90));
        assert_eq!(last.until(Some(&open(1)), at(50)), at(100));
        let endless = Debounce {
            at_most: None,
            ..last
        };
        assert_eq!(endless.until(Some(&open(1)), at(5_000)), at(5_060));
    }

    #[test]
    fn what_is_gathered_has_an_end() {
        let all = debounce(Kept::All);
        let most = open(MOST_EVENTS - 1);
        assert_eq!(all.until(Some(&open(MOST_EVENTS - 2)), at(3)), at(63));
        assert_eq!(all.until(Some(&most), at(3)), at(3));
        assert_eq!(debounce(Kept::Last).until(Some(&most), at(3)), at(63));
    }

    #[test]
    fn what_is_kept_decides_whose_run_waits() {
        let open = open(1);
        let turn = |keep| debounce(keep).turn(Some(&open));
        assert_eq!(turn(Kept::First), Turn::Joins(RunId(12)));
        assert_eq!(turn(Kept::Last), Turn::Replaces(RunId(12)));
        assert_eq!(turn(Kept::All), Turn::Replaces(RunId(12)));
        assert_eq!(debounce(Kept::First).turn(None), Turn::Opens);
        assert_eq!(
            debounce(Kept::First).joined(&open),
            "joined run 12 for ticket.id 7, which gathers events since 1970-01-01T00:00:00Z"
        );
    }
}
