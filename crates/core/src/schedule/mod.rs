//! Business hours: when a schedule is open, and how long a duration takes of which only open hours count.
//! Pure: the zone rules are compiled in, and holidays come from the configuration.

pub mod cron;
mod cron_field;
pub mod during;
pub mod every;
pub mod hours;
pub mod ics;
mod local_clock;
pub mod longest;
pub mod state;
#[cfg(test)]
mod tests;
pub mod zone;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use crate::schedule::during::{During, ScheduledDuration};
pub use crate::schedule::hours::{DAY, OpenHours};
pub use crate::schedule::state::ScheduleState;

/// The name of a schedule with its zone and its open hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub name: String,
    /// The IANA name of its zone.
    pub zone_name: String,
    pub zone: TimeZone,
    /// The open hours of each day of the week, from Monday on.
    pub week: [Vec<OpenHours>; 7],
    /// Days that differ from their day of the week: holidays have no open hours.
    pub days: BTreeMap<Date, SpecialDay>,
}

/// A day that differs from its day of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialDay {
    pub hours: Vec<OpenHours>,
    /// Why it differs: the title in a calendar, such as `Christmas Day`, or `holiday`.
    pub title: String,
}

impl Hash for Schedule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Schedule {
    pub fn is_open(&self, at: Timestamp) -> bool {
        let shown = local_clock::furthest(&self.zone, at);
        let minute = hours::minute_of_day(shown.time());
        let spans = self.spans_of(shown.date());
        spans
            .iter()
            .any(|span| span.start <= minute && minute < span.end)
    }

    /// The next time after `at` at which it opens or closes. `None` if it stays as it is.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let mut date = local_clock::furthest(&self.zone, at).date();
        loop {
            let changes = self.boundaries(date).into_iter();
            let mut changes = changes.filter_map(|local| local_clock::first_at(&self.zone, local));
            if let Some(change) = changes.find(|change| *change > at && self.changes_at(*change)) {
                return Some(change);
            }
            date = match self.stays_as_on(date) {
                true => self
                    .days
                    .range(date.tomorrow().ok()?..)
                    .next()?
                    .0
                    .to_owned(),
                false => date.tomorrow().ok()?,
            };
        }
    }

    /// The last time before `at` at which it opened or closed. `None` if it was always as it is.
    pub fn last_change(&self, at: Timestamp) -> Option<Timestamp> {
        let mut date = local_clock::furthest(&self.zone, at).date();
        loop {
            let changes = self.boundaries(date).into_iter().rev();
            let mut changes = changes.filter_map(|local| local_clock::first_at(&self.zone, local));
            if let Some(change) = changes.find(|change| *change < at && self.changes_at(*change)) {
                return Some(change);
            }
            date = match self.stays_as_on(date) {
                // A special day also changes how the next day begins.
                true => {
                    let special = self.days.range(..date).next_back()?.0.to_owned();
                    special.tomorrow().ok()?.min(date.yesterday().ok()?)
                }
                false => date.yesterday().ok()?,
            };
        }
    }

    /// Whether it is never open.
    pub fn is_empty(&self) -> bool {
        let has_hours = |hours: &Vec<OpenHours>| !hours.is_empty();
        !self.week.iter().any(has_hours) && !self.days.values().any(|day| has_hours(&day.hours))
    }

    /// Whether it never closes.
    pub fn is_always_open(&self) -> bool {
        let mut special = self.days.keys();
        self.is_week_uniform()
            && self.week.iter().any(|hours| !hours.is_empty())
            && special.all(|date| is_all_day(&self.spans_of(*date)))
    }

    /// The civil time in its zone.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// Whether it is other just before this time.
    fn changes_at(&self, at: Timestamp) -> bool {
        let before = at.checked_sub(SignedDuration::from_nanos(1));
        before.is_ok_and(|before| self.is_open(before) != self.is_open(at))
    }

    /// The local times of a day at which it can open or close, in their order.
    fn boundaries(&self, date: Date) -> Vec<DateTime> {
        let spans = self.spans_of(date);
        let minutes = spans.iter().flat_map(|span| [span.start, span.end]);
        let mut minutes: Vec<u16> = std::iter::once(0).chain(minutes).collect();
        minutes.dedup();
        let minutes = minutes.into_iter();
        minutes
            .filter(|minute| *minute < DAY)
            .map(|minute| hours::local_time(date, minute))
            .collect()
    }

    /// The open parts of a day, merged and in their order: its own, and what began on the day before. A special day
    /// without open hours has none.
    fn spans_of(&self, date: Date) -> Vec<OpenHours> {
        if self.closes_on(date) {
            return Vec::new();
        }
        let before = date
            .yesterday()
            .map(|before| self.hours_of(before))
            .unwrap_or_default();
        hours::day_spans(before, self.hours_of(date))
    }

    /// Whether the day is a special one without open hours.
    fn closes_on(&self, date: Date) -> bool {
        self.special_day(date)
            .is_some_and(|day| day.hours.is_empty())
    }

    fn special_day(&self, date: Date) -> Option<&SpecialDay> {
        match self.days.is_empty() {
            true => None,
            false => self.days.get(&date),
        }
    }

    fn hours_of(&self, date: Date) -> &[OpenHours] {
        match self.special_day(date) {
            Some(day) => &day.hours,
            None => &self.week[weekday_index(date.weekday())],
        }
    }

    /// Whether nothing changes on the days beside this one until a special day.
    fn stays_as_on(&self, date: Date) -> bool {
        let is_special = |date: Result<Date, jiff::Error>| {
            date.is_ok_and(|date| self.special_day(date).is_some())
        };
        self.is_week_uniform() && !is_special(Ok(date)) && !is_special(date.yesterday())
    }

    /// Whether all days of the week are closed, or all are open all day.
    fn is_week_uniform(&self) -> bool {
        let days = 0..self.week.len();
        let mut spans =
            days.map(|day| hours::day_spans(&self.week[(day + 6) % 7], &self.week[day]));
        let is_closed = self.week.iter().all(Vec::is_empty);
        is_closed || spans.all(|spans| is_all_day(&spans))
    }
}

fn is_all_day(spans: &[OpenHours]) -> bool {
    spans == [OpenHours::ALL_DAY]
}

/// The position of a day in [`Schedule::week`].
pub fn weekday_index(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()
}
