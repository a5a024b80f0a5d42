//! Times within or outside of a schedule, and durations of which only such times count.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::schedule::Schedule;

/// The open hours of a schedule, or with `not` its closed hours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct During {
    pub schedule: Arc<Schedule>,
    pub negated: bool,
}

/// A duration; with `during`, only those hours count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScheduledDuration {
    pub time: Duration,
    pub during: Option<During>,
}

impl During {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.schedule.is_open(at) != self.negated
    }

    /// The first time from `at` on that it contains. `None` if there is none.
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        match self.contains(at) {
            true => Some(at),
            false => self.schedule.next_change(at),
        }
    }

    /// As rules write it: `office`, or `not office`.
    pub fn text(&self) -> String {
        match self.negated {
            true => format!("not {}", self.schedule.name),
            false => self.schedule.name.clone(),
        }
    }

    /// The end of a duration that begins at `from`. `None` if too few hours follow.
    pub fn after(&self, from: Timestamp, time: Duration) -> Option<Timestamp> {
        let mut rest = SignedDuration::try_from(time).ok()?;
        let mut at = from;
        loop {
            at = self.next(at)?;
            let Some(end) = self.schedule.next_change(at) else {
                return at.checked_add(rest).ok();
            };
            let open = end.duration_since(at);
            if rest <= open {
                return at.checked_add(rest).ok();
            }
            rest -= open;
            at = end;
        }
    }

    /// The start of a duration that ends at `to`: of two possible ones the later. `None` if too few hours precede.
    pub fn before(&self, to: Timestamp, time: Duration) -> Option<Timestamp> {
        let mut rest = SignedDuration::try_from(time).ok()?;
        let mut at = to;
        while rest > SignedDuration::ZERO {
            let start = self.schedule.last_change(at);
            // What it was until `at`.
            let begun = at.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            if self.contains(begun) {
                let open = start.map_or(SignedDuration::MAX, |start| at.duration_since(start));
                if rest <= open {
                    return at.checked_sub(rest).ok();
                }
                rest -= open;
            }
            at = start?;
        }
        Some(at)
    }

    /// Whether it is open or closed at a time, for explanations: `during office closed: Mon 20:14 Europe/Berlin, opens Tue
    /// 09:00`.
    pub fn describe(&self, at: Timestamp) -> String {
        self.schedule.state(at).text()
    }
}

impl ScheduledDuration {
    /// A duration of which all hours count.
    pub fn always(time: Duration) -> Self {
        Self { time, during: None }
    }

    /// Its end, if it begins at `from`; [`Timestamp::MAX`] if it never ends.
    pub fn after(&self, from: Timestamp) -> Timestamp {
        let end = match &self.during {
            Some(during) => during.after(from, self.time),
            None => SignedDuration::try_from(self.time)
                .ok()
                .and_then(|time| from.checked_add(time).ok()),
        };
        end.unwrap_or(Timestamp::MAX)
    }

    /// Its latest start, if it has ended at `to`; [`Timestamp::MIN`] if it never began.
    pub fn before(&self, to: Timestamp) -> Timestamp {
        let start = match &self.during {
            Some(during) => during.before(to, self.time),
            None => SignedDuration::try_from(self.time)
                .ok()
                .and_then(|time| to.checked_sub(time).ok()),
        };
        start.unwrap_or(Timestamp::MIN)
    }
}
