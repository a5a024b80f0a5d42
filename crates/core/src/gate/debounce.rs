//! Decides what a `debounce` does with an event: open a window, replace the waiting run, or join it.
//! Decides on the window that the store supplies, and changes nothing itself.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::event::Event;
use crate::gate::{DebounceKeep, GateCheck, GateKind};
use crate::run::RunId;
use crate::schedule::ScheduledDuration;

/// The most events of a window with `keep: all`. The last of them closes the window.
pub const MAX_WINDOW_EVENTS: u32 = 1_000;
/// The most bytes of their texts. An event that arrives when they are reached closes the window.
pub const MAX_WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// A debounce with the value of one event.
#[derive(Debug, Clone, Copy)]
pub struct DebounceCheck<'a> {
    pub quiet: &'a ScheduledDuration,
    pub at_most: Option<&'a ScheduledDuration>,
    pub keep: DebounceKeep,
    /// The value as shown to users. Empty if all events of the rule are grouped.
    pub value: &'a str,
}

/// An open window, and the run that starts when it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebounceWindow {
    pub run: RunId,
    /// When its first event arrived.
    pub since: Timestamp,
    /// When it closes, unless another event arrives.
    pub until: Timestamp,
    pub events: u32,
    /// The bytes of their texts, if the texts are stored.
    pub bytes: u64,
}

/// What happens to the run of another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebounceAction {
    /// It waits, as the first of a new window.
    Open,
    /// It waits and replaces this run, which does not start.
    Replace(RunId),
    /// It does not start: this run stays.
    Join(RunId),
}

impl<'a> DebounceCheck<'a> {
    pub fn from_gate_check(ask: &'a GateCheck) -> Option<Self> {
        match &ask.kind {
            GateKind::Debounce { at_most, keep } => Some(Self {
                quiet: &ask.window,
                at_most: at_most.as_ref(),
                keep: *keep,
                value: &ask.value,
            }),
            GateKind::During(_)
            | GateKind::Dedupe
            | GateKind::Throttle { .. }
            | GateKind::Series(_) => None,
        }
    }

    pub fn turn(&self, open: Option<&DebounceWindow>) -> DebounceAction {
        match (open, self.keep) {
            (None, _) => DebounceAction::Open,
            (Some(open), DebounceKeep::First) => DebounceAction::Join(open.run),
            (Some(open), DebounceKeep::Last | DebounceKeep::All) => {
                DebounceAction::Replace(open.run)
            }
        }
    }

    /// When the window closes that this event opens or joins.
    pub fn until(&self, open: Option<&DebounceWindow>, now: Timestamp) -> Timestamp {
        let events = open.map_or(1, |open| open.events.saturating_add(1));
        let bytes = open.map_or(0, |open| open.bytes);
        if self.keep == DebounceKeep::All
            && (events >= MAX_WINDOW_EVENTS || bytes >= MAX_WINDOW_BYTES)
        {
            return now;
        }
        let quiet = self.quiet.after(now);
        let since = open.map_or(now, |open| open.since);
        match self.at_most {
            Some(at_most) => quiet.min(at_most.after(since)),
            None => quiet,
        }
    }

    /// The reason of a run that does not start because its event joined the window.
    pub fn joined(&self, open: &DebounceWindow) -> String {
        format!(
            "joined run {}{}, which collects events since {:.0}",
            open.run.0,
            self.for_value(),
            open.since
        )
    }

    /// Describes what another event would cause.
    pub fn outlook(&self, open: Option<&DebounceWindow>, now: Timestamp) -> String {
        let until = self.until(open, now);
        let unless = "unless another event arrives";
        match open {
            None => format!(
                "the first event{}; its run starts at {until:.0} {unless}",
                self.for_value()
            ),
            Some(DebounceWindow { run, since, .. }) => format!(
                "run {} collects events{} since {since:.0}; the run of this event replaces it and starts at {until:.0} {unless}",
                run.0,
                self.for_value(),
            ),
        }
    }

    fn for_value(&self) -> String {
        crate::gate::for_value(self.value)
    }
}

/// The reason of a run that was replaced.
pub fn replaced(by: RunId) -> String {
    format!("replaced by run {} of a later event", by.0)
}

/// The local names of a flow after a debounce: `events`, or null without events.
pub fn locals<'e>(events: impl IntoIterator<Item = &'e Event>) -> Value {
    let events = bodies(events);
    match events.is_empty() {
        true => Value::Null,
        false => json!({ "events": events }),
    }
}

/// The body of each event, with `event` added to its fields.
fn bodies<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<Value> {
    let bodies = events.into_iter().map(|event| {
        let mut body = match &event.body {
            Value::Object(body) => body.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        body.insert("event".into(), event.header_with_body());
        Value::Object(body)
    });
    bodies.collect()
}

/// Describes the times of a debounce: `quiet 4h, at most 1d`.
pub fn describe(quiet: &str, at_most: Option<&str>) -> String {
    match at_most {
        Some(at_most) => format!("quiet {quiet}, at most {at_most}"),
        None => format!("quiet {quiet}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    const fn seconds(seconds: u64) -> ScheduledDuration {
        ScheduledDuration {
            time: Duration::from_secs(seconds),
            during: None,
        }
    }

    static QUIET: ScheduledDuration = seconds(60);
    static AT_MOST: ScheduledDuration = seconds(100);

    fn debounce(keep: DebounceKeep) -> DebounceCheck<'static> {
        DebounceCheck {
            quiet: &QUIET,
            at_most: Some(&AT_MOST),
            keep,
            value: "ticket.id 7",
        }
    }

    fn open(events: u32) -> DebounceWindow {
        DebounceWindow {
            run: RunId(12),
            since: at(0),
            until: at(60),
            events,
            bytes: 0,
        }
    }

    #[test]
    fn a_window_closes_after_quiet_and_at_most_after_its_limit() {
        let last = debounce(DebounceKeep::Last);
        assert_eq!(last.until(None, at(0)), at(60));
        assert_eq!(last.until(Some(&open(1)), at(30)), at(90));
        assert_eq!(last.until(Some(&open(1)), at(50)), at(100));
        let unlimited = DebounceCheck {
            at_most: None,
            ..last
        };
        assert_eq!(unlimited.until(Some(&open(1)), at(5_000)), at(5_060));
    }

    #[test]
    fn collected_events_are_limited() {
        let all = debounce(DebounceKeep::All);
        let most = open(MAX_WINDOW_EVENTS - 1);
        assert_eq!(all.until(Some(&open(MAX_WINDOW_EVENTS - 2)), at(3)), at(63));
        assert_eq!(all.until(Some(&most), at(3)), at(3));
        let large = DebounceWindow {
            bytes: MAX_WINDOW_BYTES,
            ..open(1)
        };
        assert_eq!(all.until(Some(&large), at(3)), at(3));
        for most in [most, large] {
            assert_eq!(
                debounce(DebounceKeep::Last).until(Some(&most), at(3)),
                at(63)
            );
        }
    }

    #[test]
    fn keep_decides_which_run_waits() {
        let open = open(1);
        let turn = |keep| debounce(keep).turn(Some(&open));
        assert_eq!(turn(DebounceKeep::First), DebounceAction::Join(RunId(12)));
        assert_eq!(turn(DebounceKeep::Last), DebounceAction::Replace(RunId(12)));
        assert_eq!(turn(DebounceKeep::All), DebounceAction::Replace(RunId(12)));
        assert_eq!(
            debounce(DebounceKeep::First).turn(None),
            DebounceAction::Open
        );
        assert_eq!(
            debounce(DebounceKeep::First).joined(&open),
            "joined run 12 for ticket.id 7, which collects events since 1970-01-01T00:00:00Z"
        );
    }
}
